// SPDX-License-Identifier: Apache-2.0

// Adapters of ocellus::ssl; adapter.hpp says how they are written.

#include "adapter.hpp"

#include <ocellus/ssl.hpp>

namespace ocellus::conformance {
namespace {

/// An output that begins as a copy of an input: what is changed in place.
template <class Real, class Exec>
auto in_place(Call<Real, Exec>& call, char const* name, char const* from) {
  auto const start = call.line(from);
  auto const view  = call.template output<1>(name, start, call.extents(from));
  Kokkos::deep_copy(view, start);
  return view;
}

/// A set of weights as a table of parameters and one flat array.
template <class Call>
struct HeadWeights {
  using Line = typename Call::template View<typename Call::Real, 1>;
  ParameterTable table;
  Line parameters;

  HeadWeights(Call const& call, std::string const& name) {
    auto const& set = call.set(name);
    for (auto const& [tensor, array] : set) table.add(tensor, array.extents);
    Array flat = make_array({static_cast<std::int64_t>(table.size())}, std::vector<double>(table.size(), 0.0));
    for (auto const& entry : table.entries()) {
      auto const& from = set.at(entry.name);
      for (std::size_t i = 0; i < from.size(); ++i) flat.reals[entry.offset + i] = from.real(i);
    }
    parameters = call.template upload<typename Call::Real, 1>(name, flat, flat.extents);
  }

  [[nodiscard]] auto weights() const { return ssl::dino_head_weights(table, parameters); }
  /// Reports gradients under the names and shapes of the weights.
  void report(Call& call, std::string const& name, Line const& gradients) const {
    auto const values = call.values(gradients);
    ArraySet set;
    for (auto const& entry : table.entries()) {
      auto const first = values.begin() + static_cast<std::ptrdiff_t>(entry.offset);
      set[entry.name]  = make_array(entry.extents, {first, first + static_cast<std::ptrdiff_t>(entry.size())});
    }
    call.derive_set(name, std::move(set));
  }
};

template <class Real, class Exec>
void dino_head(Call<Real, Exec>& call) {
  auto const input = call.template view<2>("input");
  HeadWeights<Call<Real, Exec>> const head(call, "weights");
  auto const weights = head.weights();
  ssl::dino_head(call.exec(), input, weights, call.template output<2>("logits", {extent(input, 0), weights.prototypes()}));
}

template <class Real, class Exec>
void dino_head_backward(Call<Real, Exec>& call) {
  HeadWeights<Call<Real, Exec>> const head(call, "weights");
  auto const gradients = call.template scratch<1>("gradients", {static_cast<std::int64_t>(head.table.size())});
  ssl::dino_head_backward(call.exec(), call.template view<2>("input"), head.weights(), call.template view<2>("logits_gradient"),
                          call.template output<2>("input_gradient", call.extents("input")), ssl::dino_head_gradients(head.table, gradients));
  head.report(call, "weights_gradient", gradients);
}

template <class Real, class Exec>
ssl::IbotLossOptions ibot_options(Call<Real, Exec> const& call) {
  return {.student_temperature       = call.number("student_temperature"),
          .teacher_temperature       = call.number("teacher_temperature"),
          .teacher_patch_temperature = call.number("teacher_patch_temperature"),
          .class_weight              = call.number("class_weight"),
          .patch_weight              = call.number("patch_weight")};
}

template <class Real, class Exec>
void ibot_loss(Call<Real, Exec>& call) {
  ssl::ibot_loss(call.exec(), call.template view<3>("student_class"), call.template view<3>("teacher_class"), call.template view<4>("student_patch"),
                 call.template view<4>("teacher_patch"), call.template view<1>("center"), call.template view<1>("patch_center"),
                 call.template typed<std::uint8_t, 3>("mask"), call.template output<0>("loss", {}), call.template output_if_wanted<0>("class_loss", {}),
                 call.template output_if_wanted<0>("patch_loss", {}), ibot_options(call));
}

template <class Real, class Exec>
void ibot_loss_backward(Call<Real, Exec>& call) {
  ssl::ibot_loss_backward(call.exec(), call.template view<3>("student_class"), call.template view<3>("teacher_class"), call.template view<4>("student_patch"),
                          call.template view<4>("teacher_patch"), call.template view<1>("center"), call.template view<1>("patch_center"),
                          call.template typed<std::uint8_t, 3>("mask"), call.template output<3>("student_class_gradient", call.extents("student_class")),
                          call.template output<4>("student_patch_gradient", call.extents("student_patch")), ibot_options(call));
}

template <class Real, class Exec>
ssl::SetDinoLossOptions set_dino_options(Call<Real, Exec> const& call) {
  return {.sets = call.integer("sets"), .student_temperature = call.number("student_temperature"), .teacher_temperature = call.number("teacher_temperature")};
}

template <class Real, class Exec>
void set_dino_loss(Call<Real, Exec>& call) {
  HeadWeights<Call<Real, Exec>> const student(call, "student_weights"), teacher(call, "teacher_weights");
  ssl::set_dino_loss(call.exec(), call.template view<3>("student"), call.template indices<1>("student_set"), call.template view<3>("teacher"),
                     call.template indices<1>("teacher_set"), student.weights(), teacher.weights(), call.template view<1>("center"),
                     call.template output<0>("loss", {}), set_dino_options(call));
}

template <class Real, class Exec>
void set_dino_loss_backward(Call<Real, Exec>& call) {
  HeadWeights<Call<Real, Exec>> const student(call, "student_weights"), teacher(call, "teacher_weights");
  auto const gradients = call.template scratch<1>("gradients", {static_cast<std::int64_t>(student.table.size())});
  ssl::set_dino_loss_backward(call.exec(), call.template view<3>("student"), call.template indices<1>("student_set"), call.template view<3>("teacher"),
                              call.template indices<1>("teacher_set"), student.weights(), teacher.weights(), call.template view<1>("center"),
                              call.template output<3>("student_gradient", call.extents("student")), ssl::dino_head_gradients(student.table, gradients),
                              set_dino_options(call));
  student.report(call, "student_weights_gradient", gradients);
}

template <class Real, class Exec>
void update_center(Call<Real, Exec>& call) {
  ssl::update_center(call.exec(), in_place(call, "updated_center", "center"), call.template view<2>("teacher"), {.momentum = call.number("momentum")});
}

template <class Real, class Exec>
void ema_update(Call<Real, Exec>& call) {
  ssl::ema_update(call.exec(), in_place(call, "updated_teacher", "teacher"), call.line("student"), {.momentum = call.number("momentum")});
}

template <class Real, class Exec>
void sinkhorn_knopp(Call<Real, Exec>& call) {
  auto const logits = call.template view<2>("logits");
  ssl::sinkhorn_knopp(call.exec(), logits, call.template output<2>("assignment", call.extents("logits")),
                      {.temperature = call.number("temperature"), .iterations = call.integer("iterations")});
}

template <class Real, class Exec>
ssl::DinoLossOptions dino_options(Call<Real, Exec> const& call) {
  return {.student_temperature = call.number("student_temperature"),
          .teacher_temperature = call.number("teacher_temperature"),
          .skip_same_view      = call.flag("skip_same_view"),
          .reduction           = call.template choice<ssl::PairReduction>("reduction")};
}

template <class Real, class Exec>
void dino_loss(Call<Real, Exec>& call) {
  ssl::dino_loss(call.exec(), call.template view<3>("student"), call.template view<3>("teacher"), call.template view<1>("center"),
                 call.template output<0>("loss", {}), dino_options(call));
}

template <class Real, class Exec>
void dino_loss_backward(Call<Real, Exec>& call) {
  ssl::dino_loss_backward(call.exec(), call.template view<3>("student"), call.template view<3>("teacher"), call.template view<1>("center"),
                          call.template output<3>("student_gradient", call.extents("student")), dino_options(call));
}

template <class Real, class Exec>
void koleo_loss(Call<Real, Exec>& call) {
  ssl::koleo_loss(call.exec(), call.template view<2>("input"), call.template output<0>("loss", {}));
}

template <class Real, class Exec>
void koleo_loss_backward(Call<Real, Exec>& call) {
  ssl::koleo_loss_backward(call.exec(), call.template view<2>("input"), call.template output<2>("input_gradient", call.extents("input")));
}

template <class Real, class Exec>
void simclr_loss(Call<Real, Exec>& call) {
  ssl::simclr_loss(call.exec(), call.template view<2>("first"), call.template view<2>("second"), call.template output<0>("loss", {}),
                   {.temperature = call.number("temperature"), .normalize = call.flag("normalize")});
}

template <class Real, class Exec>
void simclr_loss_backward(Call<Real, Exec>& call) {
  ssl::simclr_loss_backward(
      call.exec(), call.template view<2>("first"), call.template view<2>("second"), call.template output<2>("first_gradient", call.extents("first")),
      call.template output<2>("second_gradient", call.extents("second")), {.temperature = call.number("temperature"), .normalize = call.flag("normalize")});
}

template <class Real, class Exec>
void dino_schedule(Call<Real, Exec>& call) {
  ssl::DinoScheduleOptions const options{.base         = call.number("base"),
                                         .final        = call.number("final"),
                                         .steps        = call.integer("steps"),
                                         .warmup_steps = call.integer("warmup_steps"),
                                         .start        = call.number("start")};
  std::vector<double> values;
  for (std::int64_t step = 0; step < options.steps; ++step) values.push_back(ssl::dino_schedule(step, options));
  call.derive("values", {options.steps}, values);
}

template <class Real, class Exec>
void set_mean(Call<Real, Exec>& call) {
  auto const embeddings = call.template view<2>("embeddings");
  ssl::set_mean(call.exec(), embeddings, call.template indices<1>("set"), call.template output<2>("mean", {call.integer("sets"), extent(embeddings, 1)}));
}

template <class Real, class Exec>
void set_mean_backward(Call<Real, Exec>& call) {
  auto const gradient = call.template view<2>("mean_gradient");
  auto const set      = call.template indices<1>("set");
  ssl::set_mean_backward(call.exec(), gradient, set, call.template output<2>("embeddings_gradient", {extent(set, 0), extent(gradient, 1)}));
}

template <class Real, class Exec>
void time_order_loss(Call<Real, Exec>& call) {
  ssl::time_order_loss(call.exec(), call.template view<2>("logits"), call.template indices<1>("label"), call.template output<0>("loss", {}));
}

template <class Real, class Exec>
void time_order_loss_backward(Call<Real, Exec>& call) {
  ssl::time_order_loss_backward(call.exec(), call.template view<2>("logits"), call.template indices<1>("label"),
                                call.template output<2>("logits_gradient", call.extents("logits")));
}

template <class Real, class Exec>
ssl::DistillationLossOptions distillation_options(Call<Real, Exec> const& call) {
  return {.student_temperature = call.number("student_temperature"),
          .teacher_temperature = call.number("teacher_temperature"),
          .scale               = call.number("scale"),
          .kind                = call.template choice<ssl::DistillationKind>("kind")};
}

template <class Real, class Exec>
void distillation_loss(Call<Real, Exec>& call) {
  ssl::distillation_loss(call.exec(), call.template view<2>("student"), call.template view<2>("teacher"), call.template output<0>("loss", {}),
                         distillation_options(call));
}

template <class Real, class Exec>
void distillation_loss_backward(Call<Real, Exec>& call) {
  ssl::distillation_loss_backward(call.exec(), call.template view<2>("student"), call.template view<2>("teacher"),
                                  call.template output<2>("student_gradient", call.extents("student")), distillation_options(call));
}

}  // namespace

OCELLUS_CONFORMANCE_REGISTER(registry) {
  auto const loss = std::vector<OutputSpec>{output("loss", "()")};
  registry.add(
      {"ssl.dino_head", {.inputs = {real("input", "(N, D)"), set("weights")}, .outputs = {output("logits", "(N, K)")}}, OCELLUS_CONFORMANCE_RUN(dino_head)});
  registry.add({"ssl.dino_head_backward",
                {.inputs  = {real("input", "(N, D)"), set("weights"), real("logits_gradient", "(N, K)")},
                 .outputs = {output("input_gradient", "(N, D)"), output("weights_gradient", "set of weights")}},
                OCELLUS_CONFORMANCE_RUN(dino_head_backward)});
  auto const ibot_inputs  = std::vector<InputSpec>{real("student_class", "(S, N, K)"),
                                                   real("teacher_class", "(2, N, K)"),
                                                   real("student_patch", "(2, N, L, K2)"),
                                                   real("teacher_patch", "(2, N, L, K2)"),
                                                   real("center", "(K)"),
                                                   real("patch_center", "(K2)"),
                                                   integer("mask", "(2, N, L)")};
  auto const ibot_options = std::vector<OptionSpec>{number("student_temperature", 0.1), number("teacher_temperature", 0.04),
                                                    number("teacher_patch_temperature", 0.04), number("class_weight", 1.0), number("patch_weight", 1.0)};
  registry.add({"ssl.ibot_loss",
                {.inputs = ibot_inputs, .options = ibot_options, .outputs = {output("loss", "()"), output("class_loss", "()"), output("patch_loss", "()")}},
                OCELLUS_CONFORMANCE_RUN(ibot_loss)});
  registry.add({"ssl.ibot_loss_backward",
                {.inputs  = ibot_inputs,
                 .options = ibot_options,
                 .outputs = {output("student_class_gradient", "(S, N, K)"), output("student_patch_gradient", "(2, N, L, K2)")}},
                OCELLUS_CONFORMANCE_RUN(ibot_loss_backward)});
  auto const set_dino_inputs =
      std::vector<InputSpec>{real("student", "(S, n, D)"), integer("student_set", "(n)"), real("teacher", "(2, m, D)"), integer("teacher_set", "(m)"),
                             set("student_weights"),       set("teacher_weights"),        real("center", "(K)")};
  auto const set_dino_options = std::vector<OptionSpec>{integer_option("sets"), number("student_temperature", 0.1), number("teacher_temperature", 0.04)};
  registry.add({"ssl.set_dino_loss", {.inputs = set_dino_inputs, .options = set_dino_options, .outputs = loss}, OCELLUS_CONFORMANCE_RUN(set_dino_loss)});
  registry.add({"ssl.set_dino_loss_backward",
                {.inputs  = set_dino_inputs,
                 .options = set_dino_options,
                 .outputs = {output("student_gradient", "(S, n, D)"), output("student_weights_gradient", "set of weights")}},
                OCELLUS_CONFORMANCE_RUN(set_dino_loss_backward)});
  registry.add(
      {"ssl.update_center",
       {.inputs = {real("center", "(K)"), real("teacher", "(M, K)")}, .options = {number("momentum", 0.9)}, .outputs = {output("updated_center", "(K)")}},
       OCELLUS_CONFORMANCE_RUN(update_center)});
  registry.add(
      {"ssl.ema_update",
       {.inputs = {real("teacher", "(n)"), real("student", "(n)")}, .options = {number("momentum", 0.996)}, .outputs = {output("updated_teacher", "(n)")}},
       OCELLUS_CONFORMANCE_RUN(ema_update)});
  registry.add(
      {"ssl.sinkhorn_knopp",
       {.inputs = {real("logits", "(N, K)")}, .options = {number("temperature"), integer_option("iterations", 3)}, .outputs = {output("assignment", "(N, K)")}},
       OCELLUS_CONFORMANCE_RUN(sinkhorn_knopp)});
  auto const dino_inputs  = std::vector<InputSpec>{real("student", "(S, N, K)"), real("teacher", "(2, N, K)"), real("center", "(K)")};
  auto const dino_options = std::vector<OptionSpec>{number("student_temperature", 0.1), number("teacher_temperature", 0.04), flag("skip_same_view", true),
                                                    choice("reduction", {"mean", "sum"}, "mean")};
  registry.add({"ssl.dino_loss", {.inputs = dino_inputs, .options = dino_options, .outputs = loss}, OCELLUS_CONFORMANCE_RUN(dino_loss)});
  registry.add({"ssl.dino_loss_backward",
                {.inputs = dino_inputs, .options = dino_options, .outputs = {output("student_gradient", "(S, N, K)")}},
                OCELLUS_CONFORMANCE_RUN(dino_loss_backward)});
  registry.add({"ssl.koleo_loss", {.inputs = {real("input", "(N, D)")}, .outputs = loss}, OCELLUS_CONFORMANCE_RUN(koleo_loss)});
  registry.add({"ssl.koleo_loss_backward",
                {.inputs = {real("input", "(N, D)")}, .outputs = {output("input_gradient", "(N, D)")}},
                OCELLUS_CONFORMANCE_RUN(koleo_loss_backward)});
  auto const pairs          = std::vector<InputSpec>{real("first", "(B, D)"), real("second", "(B, D)")};
  auto const simclr_options = std::vector<OptionSpec>{number("temperature", 0.1), flag("normalize", true)};
  registry.add({"ssl.simclr_loss", {.inputs = pairs, .options = simclr_options, .outputs = loss}, OCELLUS_CONFORMANCE_RUN(simclr_loss)});
  registry.add({"ssl.simclr_loss_backward",
                {.inputs = pairs, .options = simclr_options, .outputs = {output("first_gradient", "(B, D)"), output("second_gradient", "(B, D)")}},
                OCELLUS_CONFORMANCE_RUN(simclr_loss_backward)});
  registry.add({"ssl.dino_schedule",
                {.options = {number("base"), number("final"), integer_option("steps").runner(), integer_option("warmup_steps", 0), number("start", 0.0)},
                 .outputs = {derived("values", "(steps)")}},
                OCELLUS_CONFORMANCE_RUN(dino_schedule)});
  registry.add(
      {"ssl.set_mean",
       {.inputs = {real("embeddings", "(n, D)"), integer("set", "(n)")}, .options = {integer_option("sets").runner()}, .outputs = {output("mean", "(G, D)")}},
       OCELLUS_CONFORMANCE_RUN(set_mean)});
  registry.add({"ssl.set_mean_backward",
                {.inputs = {real("mean_gradient", "(G, D)"), integer("set", "(n)")}, .outputs = {output("embeddings_gradient", "(n, D)")}},
                OCELLUS_CONFORMANCE_RUN(set_mean_backward)});
  auto const order = std::vector<InputSpec>{real("logits", "(N, 2)"), integer("label", "(N)")};
  registry.add({"ssl.time_order_loss", {.inputs = order, .outputs = loss}, OCELLUS_CONFORMANCE_RUN(time_order_loss)});
  registry.add(
      {"ssl.time_order_loss_backward", {.inputs = order, .outputs = {output("logits_gradient", "(N, 2)")}}, OCELLUS_CONFORMANCE_RUN(time_order_loss_backward)});
  auto const models  = std::vector<InputSpec>{real("student", "(N, K)"), real("teacher", "(N, K)")};
  auto const options = std::vector<OptionSpec>{number("student_temperature", 1.0), number("teacher_temperature", 1.0), number("scale", 1.0),
                                               choice("kind", {"cross_entropy", "kl_divergence"}, "cross_entropy")};
  registry.add({"ssl.distillation_loss", {.inputs = models, .options = options, .outputs = loss}, OCELLUS_CONFORMANCE_RUN(distillation_loss)});
  registry.add({"ssl.distillation_loss_backward",
                {.inputs = models, .options = options, .outputs = {output("student_gradient", "(N, K)")}},
                OCELLUS_CONFORMANCE_RUN(distillation_loss_backward)});
}

}  // namespace ocellus::conformance
