// SPDX-License-Identifier: Apache-2.0

#include <ocellus/mae/patchify.hpp>

#include "reference/masked_autoencoder.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class Patchify : public ::testing::Test {};
TYPED_TEST_SUITE(Patchify, Configurations);

TYPED_TEST(Patchify, agrees_with_plain_loops_in_both_orders) {
  using Scalar      = typename TypeParam::Scalar;
  using Layout      = typename TypeParam::Layout;
  using Exec        = typename TypeParam::Exec;
  auto const pixels = random_values(2 * 3 * 6 * 12, 8);
  for (std::int64_t const patch : {1, 2, 3}) {
    for (bool const agnostic : {false, true}) {
      std::vector<double> want;
      for (std::int64_t n = 0; n < 2; ++n) {
        auto const one = reference::patchify<double>({pixels.begin() + n * 216, pixels.begin() + (n + 1) * 216}, 3, 6, 12, patch, agnostic);
        want.insert(want.end(), one.begin(), one.end());
      }
      TestArray<Scalar, 4, Layout, Exec> const image({2, 3, 6, 12}, pixels);
      TestArray<Scalar, 3, Layout, Exec> const tokens({2, 72 / (patch * patch) * (agnostic ? 3 : 1), patch * patch * (agnostic ? 1 : 3)});
      Exec const exec;
      auto const i = image.view();
      auto const t = tokens.view();
      mae::PatchifyOptions const options{.patch = patch, .channel_agnostic = agnostic};
      expect_good_manners(record([&] { mae::patchify(exec, i, t, options); }));
      exec.fence();
      expect_same_bits(tokens.values(), want);
      EXPECT_TRUE(tokens.guards_intact());
    }
  }
}

TEST(Patchify, names_what_does_not_fit) {
  HostTensor<float****> const image("image", 1, 3, 10, 8);
  HostTensor<float***> const tokens("tokens", 1, 20, 13);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { mae::patchify(exec, image, tokens, {.patch = 4}); }),
            "ocellus::mae::patchify: image.extent(2) is 10, not a multiple of patch, which is 4");
  EXPECT_EQ(refusal([&] { mae::patchify(exec, image, tokens, {.patch = 0}); }), "ocellus::mae::patchify: patch is 0 but must be positive");
  EXPECT_EQ(refusal([&] { mae::patchify(exec, image, tokens, {.patch = 2}); }),
            "ocellus::mae::patchify: tokens.extent(2) is 13 but the number of pixels of a patch is 12");
  EXPECT_EQ(refusal([&] { mae::patchify(exec, image, tokens, {.patch = 2, .channel_agnostic = true}); }),
            "ocellus::mae::patchify: tokens.extent(1) is 20 but the number of patches is 60");
}

}  // namespace
}  // namespace ocellus::test
