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

TYPED_TEST(IbotLoss, agrees_with_plain_loops_and_its_backward_pass_is_the_transpose) {
  using Scalar             = typename TypeParam::Scalar;
  using Layout             = typename TypeParam::Layout;
  using Exec               = typename TypeParam::Exec;
  std::int64_t const views = 3, images = 3;
  for (auto const& [width, patch_width, patches] : {std::tuple<std::int64_t, std::int64_t, std::int64_t>{1, 1, 1}, {17, 5, 7}, {5, 65, 4}}) {
    std::int64_t const class_size = images * width, patch_size = 2 * images * patches * patch_width;
    auto const sc = random_values(static_cast<std::size_t>(views * class_size), 1), tc = random_values(static_cast<std::size_t>(2 * class_size), 2),
               sp = random_values(static_cast<std::size_t>(patch_size), 3), tp = random_values(static_cast<std::size_t>(patch_size), 4),
               c = random_values(static_cast<std::size_t>(width), 5, 0.3), pc = random_values(static_cast<std::size_t>(patch_width), 6, 0.3);
    // One image without a masked patch, one with a single one, others with some.
    std::vector<double> masked(static_cast<std::size_t>(2 * images * patches), 0.0);
    for (std::size_t i = static_cast<std::size_t>(patches); i < masked.size(); ++i) masked[i] = i % 3 == 1 ? static_cast<double>(1 + i % 2) : 0.0;
    auto const oracle = [&](auto const& inputs) {
      using Real = typename std::remove_cvref_t<decltype(inputs[0])>::value_type;
      return std::vector<Real>{reference::dino_loss<Real>(inputs[0], tc, c, static_cast<std::size_t>(images), 0.2, 0.05, true, true) * 0.5 +
                               reference::ibot_patch_loss<Real>(inputs[1], tp, pc, masked, static_cast<std::size_t>(patches), 0.2, 0.07) * 2.0};
    };
    TestArray<Scalar, 3, Layout, Exec> const student_class({views, images, width}, sc), teacher_class({2, images, width}, tc),
        class_gradient({views, images, width});
    TestArray<Scalar, 4, Layout, Exec> const student_patch({2, images, patches, patch_width}, sp), teacher_patch({2, images, patches, patch_width}, tp),
        patch_gradient({2, images, patches, patch_width});
    TestArray<Scalar, 1, Layout, Exec> const center({width}, c), patch_center({patch_width}, pc);
    TestArray<std::uint8_t, 3, Layout, Exec> const mask({2, images, patches}, masked);
    Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss"), class_loss("class_loss"), patch_loss("patch_loss");
    ssl::IbotLossOptions const options{
        .student_temperature = 0.2, .teacher_temperature = 0.05, .teacher_patch_temperature = 0.07, .class_weight = 0.5, .patch_weight = 2};
    std::vector<double> first, class_bits, patch_bits;
    with_thread_counts<Exec>([&](Exec const& exec) {
      auto const s = student_class.view(), t = teacher_class.view(), gs = class_gradient.view();
      auto const p = student_patch.view(), q = teacher_patch.view(), gp = patch_gradient.view();
      auto const m = center.view(), n = patch_center.view();
      auto const hidden = mask.view();
      WorkspaceFor<Exec> workspace(exec, ssl::ibot_loss_workspace_size(exec, s, p, t, q, hidden, options));
      expect_good_manners(record([&] { ssl::ibot_loss(exec, s, p, t, q, m, n, hidden, loss, class_loss, patch_loss, options, workspace); }));
      WorkspaceFor<Exec> other(exec, ssl::ibot_loss_backward_workspace_size(exec, s, p, t, q, hidden, options));
      expect_good_manners(record([&] { ssl::ibot_loss_backward(exec, s, p, t, q, m, n, hidden, gs, gp, options, other); }));
      exec.fence();
      std::vector<double> const got{number(loss), number(class_loss), number(patch_loss)};
      if (first.empty()) first = got, class_bits = class_gradient.values(), patch_bits = patch_gradient.values();
      expect_same_bits(got, first);
      expect_same_bits(class_gradient.values(), class_bits);
      expect_same_bits(patch_gradient.values(), patch_bits);
    });
    double const want     = oracle(Arrays{sc, sp})[0];
    double const rounding = 64 * machine_epsilon<Scalar>() * (1 + std::abs(want));
    EXPECT_NEAR(first[0], want, rounding);
    EXPECT_NEAR(first[1] + first[2], want, rounding);
    EXPECT_NEAR(first[2], 2 * reference::ibot_patch_loss<double>(sp, tp, pc, masked, static_cast<std::size_t>(patches), 0.2, 0.07), rounding);
    expect_adjoint(oracle, {sc, sp}, {1.0}, {class_bits, patch_bits}, adjoint_tolerance<Scalar>);
    if (sizeof(Scalar) == 8) expect_central_differences(oracle, {sc, sp}, {1.0}, {class_bits, patch_bits}, 1e-6);
    for (std::size_t row = 0; row < masked.size(); ++row) {
      for (std::int64_t k = 0; k < patch_width && masked[row] == 0; ++k)
        EXPECT_EQ(patch_bits[row * static_cast<std::size_t>(patch_width) + static_cast<std::size_t>(k)], 0.0);
    }
    EXPECT_TRUE(class_gradient.guards_intact() && patch_gradient.guards_intact());
  }
}

TYPED_TEST(IbotLoss, of_no_images_is_zero_and_an_image_keeps_its_bits_in_any_batch) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
  auto const gradient_of_first = [&](std::int64_t images) {
    // Axes (view, image, patch, prototype): the values of image n are those of number n, whatever the batch.
    std::vector<double> patches, classes;
    for (int view = 0; view < 2; ++view) {
      for (std::int64_t n = 0; n < images; ++n) {
        auto const p = random_values(6 * 5, static_cast<std::uint32_t>(10 * n + view)), q = random_values(4, static_cast<std::uint32_t>(500 + 10 * n + view));
        patches.insert(patches.end(), p.begin(), p.end());
        classes.insert(classes.end(), q.begin(), q.end());
      }
    }
    TestArray<Scalar, 3, Layout, Exec> const c({2, images, 4}, classes), gc({2, images, 4});
    TestArray<Scalar, 4, Layout, Exec> const p({2, images, 6, 5}, patches), gp({2, images, 6, 5});
    TestArray<Scalar, 1, Layout, Exec> const center({4}, {0, 0, 0, 0}), patch_center({5}, {0, 0, 0, 0, 0});
    TestArray<std::uint8_t, 3, Layout, Exec> const mask({2, images, 6}, std::vector<double>(static_cast<std::size_t>(12 * images), 1.0));
    // A weight of the number of images, a power of two, leaves the gradient of an image as it is alone.
    ssl::IbotLossOptions const options{.class_weight = static_cast<double>(images), .patch_weight = static_cast<double>(images)};
    ssl::ibot_loss(Exec(), c.view(), p.view(), c.view(), p.view(), center.view(), patch_center.view(), mask.view(), loss, none, none, options);
    ssl::ibot_loss_backward(Exec(), c.view(), p.view(), c.view(), p.view(), center.view(), patch_center.view(), mask.view(), gc.view(), gp.view(), options);
    auto const all = gp.values();
    return std::vector<double>(all.begin(), all.begin() + (images > 0 ? 30 : 0));
  };
  static_cast<void>(gradient_of_first(0));
  EXPECT_EQ(number(loss), 0.0);
  auto const alone = gradient_of_first(1);
  for (std::int64_t const images : {2, 8, 64}) expect_same_bits(gradient_of_first(images), alone);
}

TEST(IbotLoss, names_what_does_not_fit) {
  HostTensor<float***> const c("class", 2, 2, 5);
  HostTensor<float****> const p("patch", 2, 2, 3, 7), fewer("patch", 2, 2, 3, 6);
  HostTensor<float*> const center("center", 5), patch_center("patch_center", 7);
  HostTensor<std::uint8_t***> const mask("mask", 2, 2, 3), other_mask("mask", 2, 2, 4);
  Kokkos::View<float, Kokkos::HostSpace> const loss("loss");
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { ssl::ibot_loss(exec, c, p, c, p, center, patch_center, other_mask, loss, none, none); }),
            "ocellus::ssl::ibot_loss: mask.extent(2) is 4 but student_patch.extent(2) is 3");
  EXPECT_EQ(refusal([&] { ssl::ibot_loss(exec, c, p, c, fewer, center, patch_center, mask, loss, none, none); }),
            "ocellus::ssl::ibot_loss: teacher_patch.extent(3) is 6 but student_patch.extent(3) is 7");
  EXPECT_EQ(refusal([&] { ssl::ibot_loss(exec, c, p, c, p, center, center, mask, loss, none, none); }),
            "ocellus::ssl::ibot_loss: patch_center.extent(0) is 5 but student_patch.extent(3) is 7");
  EXPECT_EQ(refusal([&] { ssl::ibot_loss(exec, c, p, c, p, center, patch_center, mask, loss, none, none, {.teacher_patch_temperature = -1}); }),
            "ocellus::ssl::ibot_loss: teacher_patch_temperature is -1 but must be positive");
  EXPECT_EQ(refusal([&] { ssl::ibot_loss_backward(exec, c, p, c, p, center, patch_center, mask, c, fewer); }),
            "ocellus::ssl::ibot_loss_backward: student_patch_gradient.extent(3) is 6 but student_patch.extent(3) is 7");
}

}  // namespace
}  // namespace ocellus::test
