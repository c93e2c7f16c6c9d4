// SPDX-License-Identifier: Apache-2.0

#include <ocellus/ssl/update_center.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class UpdateCenter : public ::testing::Test {};
TYPED_TEST_SUITE(UpdateCenter, Configurations);

TYPED_TEST(UpdateCenter, is_a_running_mean) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const rows : {1, 257, 600}) {
    auto const c = random_values(17, 1), t = random_values(static_cast<std::size_t>(rows * 17), 2);
    std::vector<double> want;
    for (std::size_t k = 0; k < 17; ++k) {
      double sum = 0;
      for (std::size_t m = 0; m < static_cast<std::size_t>(rows); ++m) sum += t[m * 17 + k];
      want.push_back(0.8 * c[k] + 0.2 * sum / static_cast<double>(rows));
    }
    TestArray<Scalar, 2, Layout, Exec> const teacher({rows, 17}, t);
    std::vector<double> bits;
    with_thread_counts<Exec>([&](Exec const& exec) {
      TestArray<Scalar, 1, Layout, Exec> const center({17}, c);
      auto const a = center.view();
      auto const b = teacher.view();
      expect_good_manners(record([&] { ssl::update_center(exec, a, b, {.momentum = 0.8}); }));
      exec.fence();
      if (bits.empty()) bits = center.values();
      expect_same_bits(center.values(), bits);
      EXPECT_TRUE(center.guards_intact());
    });
    expect_within(bits, want, machine_epsilon<Scalar>(), 24);
  }
}

TEST(UpdateCenter, names_what_does_not_fit) {
  HostTensor<float*> const center("center", 3);
  HostTensor<float**> const teacher("teacher", 2, 4), nobody("teacher", 0, 3);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { ssl::update_center(exec, center, teacher); }), "ocellus::ssl::update_center: teacher.extent(1) is 4 but center.extent(0) is 3");
  EXPECT_EQ(refusal([&] { ssl::update_center(exec, center, nobody); }), "ocellus::ssl::update_center: teacher.extent(0) is 0: nothing has no mean");
}

}  // namespace
}  // namespace ocellus::test
