// SPDX-License-Identifier: Apache-2.0

#include <ocellus/ssl/ema_update.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class EmaUpdate : public ::testing::Test {};
TYPED_TEST_SUITE(EmaUpdate, Configurations);

TYPED_TEST(EmaUpdate, follows_the_student_in_place) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const count : {1, 4095, 4097}) {
    auto const t = random_values(static_cast<std::size_t>(count), 1), s = random_values(static_cast<std::size_t>(count), 2);
    std::vector<double> want;
    for (std::size_t i = 0; i < t.size(); ++i) want.push_back(0.9 * t[i] + 0.1 * s[i]);
    with_thread_counts<Exec>([&](Exec const& exec) {
      TestArray<Scalar, 1, Layout, Exec> const teacher({count}, t), student({count}, s);
      auto const a = teacher.view(), b = student.view();
      expect_good_manners(record([&] { ssl::ema_update(exec, a, b, {.momentum = 0.9}); }));
      exec.fence();
      expect_within(teacher.values(), want, machine_epsilon<Scalar>(), 10);
      EXPECT_TRUE(teacher.guards_intact());
    });
  }
}

TEST(EmaUpdate, names_what_does_not_fit) {
  HostTensor<float*> const a("a", 3), b("b", 4);
  EXPECT_EQ(refusal([&] { ssl::ema_update(Kokkos::Serial(), a, b); }), "ocellus::ssl::ema_update: student.extent(0) is 4 but teacher.extent(0) is 3");
}

}  // namespace
}  // namespace ocellus::test
