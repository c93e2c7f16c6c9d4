// SPDX-License-Identifier: Apache-2.0

#include <ocellus/ssl/ibot_loss.hpp>

#include "reference/self_supervised.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class IbotLoss : public ::testing::Test {};
TYPED_TEST_SUITE(IbotLoss, Configurations);

template <class Loss>
double number(Loss const& loss) {
  return static_cast<double>(Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), loss)());
}

/// Image i of 2 N has i hidden patches of each 7, so that one has none and one all.
std::vector<double> masks(std::int64_t samples) {
  std::vector<double> mask;
  for (std::int64_t image = 0; image < 2 * samples; ++image) {
    for (std::int64_t l = 0; l < 7; ++l) mask.push_back((3 * l) % 7 < image ? 1 : 0);
  }
  return mask;
}

TYPED_TEST(IbotLoss, agrees_with_plain_loops_and_its_backward_pass_is_the_transpose) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const width : {1, 17, 300}) {
    for (std::int64_t const views : {2, 5}) {
      std::int64_t const n = 4, own = width + 2;
      auto const size = [](std::int64_t a, std::int64_t b) { return static_cast<std::size_t>(a * b); };
      auto const sc = random_values(size(views * n, width), 1), tc = random_values(size(2 * n, width), 2), c = random_values(size(1, width), 3, 0.3),
                 sp = random_values(size(14 * n, own), 4), tp = random_values(size(14 * n, own), 5), pc = random_values(size(1, own), 6, 0.3), m = masks(n);
      ssl::IbotLossOptions const options{
          .student_temperature = 0.2, .teacher_temperature = 0.1, .teacher_patch_temperature = 0.15, .class_weight = 0.5, .patch_weight = 3};
      auto const terms = [&](auto const& inputs) {
        using Real = typename std::remove_cvref_t<decltype(inputs[0])>::value_type;
        return std::vector<Real>{reference::dino_loss<Real>(inputs[0], tc, c, 4, 0.2, 0.1, true, true) * 0.5,
                                 reference::patch_loss<Real>(inputs[1], tp, pc, m, 7, 0.2, 0.15) * 3.0};
      };
      auto const oracle = [&](auto const& inputs) {
        auto const both = terms(inputs);
        return std::remove_cvref_t<decltype(both)>{both[0] + both[1]};
      };
      TestArray<Scalar, 3, Layout, Exec> const student_class({views, n, width}, sc), teacher_class({2, n, width}, tc), class_gradient({views, n, width});
      TestArray<Scalar, 4, Layout, Exec> const student_patch({2, n, 7, own}, sp), teacher_patch({2, n, 7, own}, tp), patch_gradient({2, n, 7, own});
      TestArray<Scalar, 1, Layout, Exec> const center({width}, c), patch_center({own}, pc);
      TestArray<std::uint8_t, 3, Layout, Exec> const mask({2, n, 7}, m);
      Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss"), class_loss("loss"), patch_loss("loss"), alone("loss");
      Arrays bits;
      with_thread_counts<Exec>([&](Exec const& exec) {
        auto const a = student_class.view(), b = teacher_class.view(), ga = class_gradient.view();
        auto const p = student_patch.view(), q = teacher_patch.view(), gp = patch_gradient.view();
        auto const e = center.view(), f = patch_center.view();
        auto const h = mask.view();
        WorkspaceFor<Exec> workspace(exec, ssl::ibot_loss_workspace_size(exec, a, b, p, q, e, f, h, loss, class_loss, patch_loss, options)),
            backward(exec, ssl::ibot_loss_backward_workspace_size(exec, a, b, p, q, e, f, h, ga, gp, options));
        expect_good_manners(record([&] { ssl::ibot_loss(exec, a, b, p, q, e, f, h, loss, class_loss, patch_loss, options, workspace); }));
        expect_good_manners(record([&] { ssl::ibot_loss_backward(exec, a, b, p, q, e, f, h, ga, gp, options, backward); }));
        ssl::ibot_loss(exec, a, b, p, q, e, f, h, alone, none, none, options, workspace);
        exec.fence();
        Arrays const now{class_gradient.values(), patch_gradient.values(), {number(loss), number(class_loss), number(patch_loss)}};
        if (bits.empty()) bits = now;
        for (std::size_t i = 0; i < 3; ++i) expect_same_bits(now[i], bits[i]);
        EXPECT_EQ(number(alone), number(loss));
      });
      auto const want = terms(Arrays{sc, sp});
      expect_within(bits[2], {want[0] + want[1], want[0], want[1]}, machine_epsilon<Scalar>() * (1 + want[0] + want[1]), 64);
      expect_adjoint(oracle, {sc, sp}, {1.0}, {bits[0], bits[1]}, adjoint_tolerance<Scalar>);
      if (sizeof(Scalar) == 8) expect_central_differences(oracle, {sc, sp}, {1.0}, {bits[0], bits[1]}, 1e-6);
      EXPECT_TRUE(class_gradient.guards_intact() && patch_gradient.guards_intact());
    }
  }
}

TYPED_TEST(IbotLoss, gives_a_sample_the_same_bits_alone) {
  using Scalar  = typename TypeParam::Scalar;
  using Layout  = typename TypeParam::Layout;
  using Exec    = typename TypeParam::Exec;
  auto const sc = random_values(3 * 4 * 9, 1), tc = random_values(2 * 4 * 9, 2), sp = random_values(2 * 4 * 7 * 5, 3), tp = random_values(2 * 4 * 7 * 5, 4),
             m = masks(4);
  TestArray<Scalar, 1, Layout, Exec> const center({9}, random_values(9, 5)), patch_center({5}, random_values(5, 6));
  /// Samples [first, first + count) of every view.
  auto const some = [](std::vector<double> const& all, std::int64_t views, std::int64_t first, std::int64_t count) {
    std::int64_t const size = static_cast<std::int64_t>(all.size()) / (4 * views);
    std::vector<double> result;
    for (std::int64_t v = 0; v < views; ++v) result.insert(result.end(), all.begin() + (v * 4 + first) * size, all.begin() + (v * 4 + first + count) * size);
    return result;
  };
  auto const run = [&](std::int64_t first, std::int64_t count) {
    TestArray<Scalar, 3, Layout, Exec> const a({3, count, 9}, some(sc, 3, first, count)), b({2, count, 9}, some(tc, 2, first, count)), ga({3, count, 9});
    TestArray<Scalar, 4, Layout, Exec> const p({2, count, 7, 5}, some(sp, 2, first, count)), q({2, count, 7, 5}, some(tp, 2, first, count)),
        gp({2, count, 7, 5});
    TestArray<std::uint8_t, 3, Layout, Exec> const mask({2, count, 7}, some(m, 2, first, count));
    ssl::ibot_loss_backward(Exec(), a.view(), b.view(), p.view(), q.view(), center.view(), patch_center.view(), mask.view(), ga.view(), gp.view());
    return Arrays{ga.values(), gp.values()};
  };
  auto const whole = run(0, 4);
  for (std::int64_t n = 0; n < 4; ++n) {
    auto alone = run(n, 1);
    for (auto& array : alone) {
      for (double& value : array) value /= 4;  // the mean is over 4 samples in the whole; exact
    }
    expect_same_bits(alone[0], some(whole[0], 3, n, 1));
    expect_same_bits(alone[1], some(whole[1], 2, n, 1));
  }
}

TYPED_TEST(IbotLoss, does_not_read_what_is_not_hidden_and_stands_nothing) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  TestArray<Scalar, 3, Layout, Exec> const student_class({2, 1, 2}, {0, 0, 0, 0}), teacher_class({2, 1, 2}, {0, 0, 0, 0}), class_gradient({2, 1, 2});
  TestArray<Scalar, 4, Layout, Exec> const student_patch({2, 1, 2, 2}, {nan, nan, 0, 0, nan, 1, nan, nan}),
      teacher_patch({2, 1, 2, 2}, {nan, nan, 1, 1, nan, nan, nan, nan}), patch_gradient({2, 1, 2, 2});
  TestArray<Scalar, 1, Layout, Exec> const center({2}, {0, 0});
  TestArray<std::uint8_t, 3, Layout, Exec> const mask({2, 1, 2}, {0, 1, 0, 0});
  Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss"), class_loss("loss"), patch_loss("loss");
  Exec const exec;
  ssl::ibot_loss(exec, student_class.view(), teacher_class.view(), student_patch.view(), teacher_patch.view(), center.view(), center.view(), mask.view(), loss,
                 class_loss, patch_loss);
  EXPECT_NEAR(number(class_loss), std::log(2.0), 1e-6);
  EXPECT_NEAR(number(patch_loss), 0.5 * std::log(2.0), 1e-6);  // one of two images has a hidden patch
  EXPECT_NEAR(number(loss), 1.5 * std::log(2.0), 1e-6);
  ssl::ibot_loss_backward(exec, student_class.view(), teacher_class.view(), student_patch.view(), teacher_patch.view(), center.view(), center.view(),
                          mask.view(), class_gradient.view(), patch_gradient.view());
  for (double const value : patch_gradient.values()) EXPECT_EQ(value, 0.0);
  for (std::int64_t const samples : {0, 1}) {  // no samples; no patches
    TestArray<Scalar, 3, Layout, Exec> const s({2, samples, 2}, std::vector<double>(static_cast<std::size_t>(4 * samples))), g({2, samples, 2});
    TestArray<Scalar, 4, Layout, Exec> const p({2, samples, 0, 2});
    TestArray<std::uint8_t, 3, Layout, Exec> const m({2, samples, 0});
    ssl::ibot_loss(exec, s.view(), s.view(), p.view(), p.view(), center.view(), center.view(), m.view(), loss, none, patch_loss);
    EXPECT_NEAR(number(loss), static_cast<double>(samples) * std::log(2.0), 1e-6);
    EXPECT_EQ(number(patch_loss), 0.0);
    ssl::ibot_loss_backward(exec, s.view(), s.view(), p.view(), p.view(), center.view(), center.view(), m.view(), g.view(), p.view());
  }
}

TEST(IbotLoss, names_what_does_not_fit) {
  HostTensor<float***> const student("student", 3, 2, 5), one("student", 1, 2, 5), teacher("teacher", 2, 2, 5), other("teacher", 2, 2, 4);
  HostTensor<float****> const patch("patch", 2, 2, 7, 6), fewer("patch", 2, 2, 6, 6), narrow("patch", 2, 2, 7, 5);
  HostTensor<float*> const center("center", 5), patch_center("center", 6);
  HostTensor<std::uint8_t***> const mask("mask", 2, 2, 7), shorter("mask", 2, 2, 6);
  Kokkos::View<float, Kokkos::HostSpace> const loss("loss");
  Kokkos::Serial const exec;
  auto const call = [&](auto const& a, auto const& b, auto const& p, auto const& q, auto const& e, auto const& f, auto const& m,
                        ssl::IbotLossOptions const& options = {}) {
    return refusal([&] { ssl::ibot_loss(exec, a, b, p, q, e, f, m, loss, loss, loss, options); });
  };
  EXPECT_EQ(call(student, teacher, patch, patch, center, patch_center, shorter),
            "ocellus::ssl::ibot_loss: mask.extent(2) is 6 but student_patch.extent(2) is 7");
  EXPECT_EQ(call(student, other, patch, patch, center, patch_center, mask),
            "ocellus::ssl::ibot_loss: teacher_class.extent(2) is 4 but student_class.extent(2) is 5");
  EXPECT_EQ(call(one, teacher, patch, patch, center, patch_center, mask),
            "ocellus::ssl::ibot_loss: student_class.extent(0) is 1 but two views are global: at least 2 are needed");
  EXPECT_EQ(call(student, teacher, patch, narrow, center, patch_center, mask),
            "ocellus::ssl::ibot_loss: teacher_patch.extent(3) is 5 but student_patch.extent(3) is 6");
  EXPECT_EQ(call(student, teacher, fewer, patch, center, patch_center, shorter),
            "ocellus::ssl::ibot_loss: teacher_patch.extent(2) is 7 but student_patch.extent(2) is 6");
  EXPECT_EQ(call(student, teacher, patch, patch, center, center, mask),
            "ocellus::ssl::ibot_loss: patch_center.extent(0) is 5 but student_patch.extent(3) is 6");
  EXPECT_EQ(call(student, teacher, patch, patch, center, patch_center, mask, {.teacher_patch_temperature = 0}),
            "ocellus::ssl::ibot_loss: teacher_patch_temperature is 0 but must be positive");
  EXPECT_EQ(refusal([&] { ssl::ibot_loss_backward(exec, student, teacher, patch, patch, center, patch_center, mask, teacher, patch); }),
            "ocellus::ssl::ibot_loss_backward: student_class_gradient.extent(0) is 2 but student_class.extent(0) is 3");
  EXPECT_EQ(refusal([&] { ssl::ibot_loss_backward(exec, student, teacher, patch, patch, center, patch_center, mask, student, narrow); }),
            "ocellus::ssl::ibot_loss_backward: student_patch_gradient.extent(3) is 5 but student_patch.extent(3) is 6");
}

}  // namespace
}  // namespace ocellus::test
