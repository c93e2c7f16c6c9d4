// SPDX-License-Identifier: Apache-2.0

#include "check.hpp"

#include <ocellus/ssl.hpp>

namespace ocellus::device_test {
namespace {

struct Ssl {
  template <class Run>
  static void run(Run& run) {
    losses(run);
    heads(run);
  }

 private:
  template <class Run>
  static void losses(Run& run) {
    auto const& exec          = run.exec;
    auto const student        = run.template normal<3>({4, 3, 65}, 1);
    auto const teacher        = run.template normal<3>({2, 3, 65}, 2);
    auto const center         = run.template normal<1>({65}, 3, 0.3);
    auto const loss           = run.template output<0>({});
    auto const class_gradient = run.template output<3>({4, 3, 65});
    ssl::dino_loss(exec, student, teacher, center, loss);
    run.keep("ssl.dino_loss", loss, 2e3 * Run::epsilon);
    ssl::dino_loss_backward(exec, student, teacher, center, class_gradient);
    run.keep("ssl.dino_loss_backward", class_gradient, 2e3 * Run::epsilon);

    auto const student_patch  = run.template normal<4>({2, 3, 9, 33}, 4);
    auto const teacher_patch  = run.template normal<4>({2, 3, 9, 33}, 5);
    auto const patch_center   = run.template normal<1>({33}, 6, 0.3);
    auto const patch_gradient = run.template output<4>({2, 3, 9, 33});
    auto const class_loss     = run.template output<0>({});
    auto const patch_loss     = run.template output<0>({});
    auto const mask = run.template filled<std::uint8_t, 3>({2, 3, 9}, [](std::size_t i) { return i >= 9 && i * 7919 % 5 < 2 ? 1 : 0; });  // one image has none
    ssl::ibot_loss(exec, student, teacher, student_patch, teacher_patch, center, patch_center, mask, loss, class_loss, patch_loss);
    run.keep("ssl.ibot_loss", loss, 2e3 * Run::epsilon);
    run.keep("ssl.ibot_loss class", class_loss, 2e3 * Run::epsilon);
    run.keep("ssl.ibot_loss patch", patch_loss, 2e3 * Run::epsilon);
    ssl::ibot_loss_backward(exec, student, teacher, student_patch, teacher_patch, center, patch_center, mask, class_gradient, patch_gradient);
    run.keep("ssl.ibot_loss_backward class", class_gradient, 2e3 * Run::epsilon);
    run.keep("ssl.ibot_loss_backward patch", patch_gradient, 2e3 * Run::epsilon);
  }

  template <class Run>
  static void heads(Run& run) {
    auto const& exec      = run.exec;
    auto const table      = ssl::dino_head_parameter_table({.inputs = 24, .hidden = 40, .bottleneck = 17, .prototypes = 65});
    auto const length     = static_cast<std::int64_t>(table.size());
    auto const parameters = run.template normal<1>({length}, 7, 0.3);
    auto const gradients  = run.template filled<typename Run::Real, 1>({length}, [](std::size_t) { return 0.0; });
    auto const weights    = ssl::dino_head_weights(table, parameters);
    auto const slopes     = ssl::dino_head_gradients(table, gradients);
    auto const input      = run.template normal<2>({5, 24}, 8);
    auto const logits     = run.template output<2>({5, 65});
    auto const back       = run.template output<2>({5, 24});
    ssl::dino_head(exec, input, weights, logits);
    run.keep("ssl.dino_head", logits, 500 * Run::epsilon);
    ssl::dino_head_backward(exec, input, weights, run.template normal<2>({5, 65}, 9), back, slopes);
    run.keep("ssl.dino_head_backward", back, 5e3 * Run::epsilon);
    run.keep("ssl.dino_head_backward weights", gradients, 5e3 * Run::epsilon);

    auto const student        = run.template normal<3>({3, 20, 24}, 10);
    auto const teacher        = run.template normal<3>({2, 15, 24}, 11);
    auto const student_set    = run.template integers<1>({20}, 12, 5);
    auto const teacher_set    = run.template integers<1>({15}, 13, 5);
    auto const center         = run.template normal<1>({65}, 14, 0.1);
    auto const teacher_line   = run.template normal<1>({length}, 15, 0.3);
    auto const teacher_weight = ssl::dino_head_weights(table, teacher_line);
    auto const loss           = run.template output<0>({});
    auto const cells          = run.template output<3>({3, 20, 24});
    ssl::set_dino_loss(exec, student, student_set, teacher, teacher_set, weights, teacher_weight, center, loss, {.sets = 5});
    run.keep("ssl.set_dino_loss", loss, 5e3 * Run::epsilon);
    ssl::set_dino_loss_backward(exec, student, student_set, teacher, teacher_set, weights, teacher_weight, center, cells, slopes, {.sets = 5});
    run.keep("ssl.set_dino_loss_backward", cells, 5e3 * Run::epsilon);
    run.keep("ssl.set_dino_loss_backward weights", gradients, 5e3 * Run::epsilon);
  }
};

Register<Ssl> const registration("ssl");

}  // namespace
}  // namespace ocellus::device_test
