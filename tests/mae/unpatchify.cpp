// SPDX-License-Identifier: Apache-2.0

#include <ocellus/mae/unpatchify.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class Unpatchify : public ::testing::Test {};
TYPED_TEST_SUITE(Unpatchify, Configurations);

TYPED_TEST(Unpatchify, takes_patchify_back) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const images : {0, 1, 3}) {
    auto const pixels = random_values(static_cast<std::size_t>(images * 3 * 6 * 12), 8);
    for (bool const agnostic : {false, true}) {
      TestArray<Scalar, 4, Layout, Exec> const image({images, 3, 6, 12}, pixels), back({images, 3, 6, 12});
      TestArray<Scalar, 3, Layout, Exec> const tokens({images, 8 * (agnostic ? 3 : 1), 9 * (agnostic ? 1 : 3)});
      Exec const exec;
      auto const i = image.view(), b = back.view();
      auto const t = tokens.view();
      mae::UnpatchifyOptions const options{.patch = 3, .channel_agnostic = agnostic};
      mae::patchify(exec, i, t, options);
      auto const events = record([&] { mae::unpatchify(exec, t, b, options); });
      if (images > 0) expect_good_manners(events);
      exec.fence();
      expect_same_bits(back.values(), image.values());
      EXPECT_TRUE(back.guards_intact());
    }
  }
}

TEST(Unpatchify, names_what_does_not_fit) {
  HostTensor<float****> const image("image", 1, 3, 8, 8);
  HostTensor<float***> const tokens("tokens", 1, 5, 48);
  EXPECT_EQ(refusal([&] { mae::unpatchify(Kokkos::Serial(), tokens, image, {.patch = 4}); }),
            "ocellus::mae::unpatchify: tokens.extent(1) is 5 but the number of patches is 4");
}

}  // namespace
}  // namespace ocellus::test
