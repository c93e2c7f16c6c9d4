// SPDX-License-Identifier: Apache-2.0

// Adapters of ocellus::nn; adapter.hpp says how they are written.

#include <span>

#include "adapter.hpp"

#include <ocellus/nn.hpp>

namespace ocellus::conformance {
namespace {

constexpr int most_gradients = 16;

/// One step a row of `gradient`.
template <class Real, class Exec>
void adamw_step(Call<Real, Exec>& call) {
  auto const& shape   = call.extents("parameter");
  auto const in_place = [&](char const* name, char const* from) {
    auto const start = call.line(from);
    auto const view  = call.template output<1>(name, start, call.extents(from));
    Kokkos::deep_copy(view, start);
    return view;
  };
  auto const parameter = in_place("updated_parameter", "parameter"), first = in_place("updated_first_moment", "first_moment"),
             second       = in_place("updated_second_moment", "second_moment");
  auto const& all         = call.extents("gradient");
  std::int64_t const size = call.line("gradient").extent(0) / static_cast<std::size_t>(all.empty() || all[0] == 0 ? 1 : all[0]);
  auto const gradient     = call.template upload<Real, 2>("gradient", call.array("gradient"), {all.size() == shape.size() ? 1 : all[0], size});
  nn::AdamwStepOptions options{.learning_rate = call.number("learning_rate"),
                               .beta1         = call.number("beta1"),
                               .beta2         = call.number("beta2"),
                               .epsilon       = call.number("epsilon"),
                               .weight_decay  = call.number("weight_decay"),
                               .step          = call.integer("step")};
  for (std::int64_t row = 0; row < extent(gradient, 0); ++row, ++options.step)
    nn::adamw_step(call.exec(), parameter, Kokkos::subview(gradient, static_cast<std::size_t>(row), Kokkos::ALL), first, second, options);
}

template <class Real, class Exec>
void clip_grad_norm(Call<Real, Exec>& call) {
  using Gradient = typename Call<Real, Exec>::template View<Real, 1>;
  std::vector<Gradient> gradients;
  for (int i = 0; i < most_gradients; ++i) {
    auto const name = "gradient_" + std::to_string(i);
    if (!call.has(name)) continue;
    auto const from = call.line(name);
    gradients.push_back(call.template output<1>("clipped_" + name, from, call.extents(name)));
    Kokkos::deep_copy(gradients.back(), from);
  }
  nn::clip_grad_norm(call.exec(), std::span<Gradient const>(gradients), call.template output<0>("norm", {}), {.max_norm = call.number("max_norm")});
}

template <class Real, class Exec>
void cosine_schedule(Call<Real, Exec>& call) {
  nn::CosineScheduleOptions const options{.base_value   = call.number("base_value"),
                                          .final_value  = call.number("final_value"),
                                          .total_steps  = call.integer("total_steps"),
                                          .warmup_steps = call.integer("warmup_steps"),
                                          .warmup_value = call.number("warmup_value")};
  auto const& step = call.array("step");
  std::vector<double> values;
  for (std::size_t i = 0; i < step.size(); ++i) values.push_back(nn::cosine_schedule(step.integer(i), options));
  call.derive("value", step.extents, values);
}

/// The axes of the case, up to four, so that a refusal names them.
template <class Real, class Exec>
void silu(Call<Real, Exec>& call) {
  auto const input = call.template padded<Real, 4>("input");
  nn::silu(call.exec(), input, call.template padded<Real, 4>("multiplier"), call.template output<4>("output", input, call.extents("input")));
}

template <class Real, class Exec>
void linear(Call<Real, Exec>& call) {
  auto const input  = call.rows("input");
  auto const weight = call.template view<2>("weight");
  auto shape        = call.extents("input");
  shape.back()      = extent(weight, 0);
  auto const output = call.template output<2>("output", {extent(input, 0), extent(weight, 0)}, shape);
  nn::linear(call.exec(), input, weight, call.template view<1>("bias"), output);
}

template <class Real, class Exec>
void layer_norm(Call<Real, Exec>& call) {
  auto const input  = call.rows("input");
  auto const output = call.template output<2>("output", input, call.extents("input"));
  nn::layer_norm(call.exec(), input, call.template view<1>("weight"), call.template view<1>("bias"), output, {.epsilon = call.number("epsilon")});
}

template <class Real, class Exec>
void rms_norm(Call<Real, Exec>& call) {
  auto const input  = call.rows("input");
  auto const output = call.template output<2>("output", input, call.extents("input"));
  nn::rms_norm(call.exec(), input, call.template view<1>("weight"), output, {.epsilon = call.number("epsilon")});
}

template <class Real, class Exec>
void gelu(Call<Real, Exec>& call) {
  auto const input  = call.line("input");
  auto const output = call.template output<1>("output", input, call.extents("input"));
  nn::gelu(call.exec(), input, output, {.approximate = call.template choice<nn::GeluApproximation>("approximate")});
}

template <class Real, class Exec>
void multi_head_attention(Call<Real, Exec>& call) {
  auto const query       = call.template view<4>("query");
  auto const key         = call.template view<4>("key");
  auto const value       = call.template view<4>("value");
  auto const output      = call.template output<4>("output", {extent(query, 0), extent(query, 1), extent(query, 2), extent(value, 3)});
  auto const log_sum_exp = call.template output_if_wanted<3>("log_sum_exp", {extent(query, 0), extent(query, 1), extent(query, 2)});
  auto const key_mask    = call.template booleans<2>("key_mask");
  nn::MultiHeadAttentionOptions const options{.scale = call.number("scale"), .causal = call.flag("causal"), .causal_offset = call.integer("causal_offset")};
  if (call.has("mask") && call.is_boolean("mask")) {
    nn::multi_head_attention(call.exec(), query, key, value, call.template padded<bool, 4>("mask"), key_mask, output, log_sum_exp, options);
  } else {
    nn::multi_head_attention(call.exec(), query, key, value, call.template padded<Real, 4>("mask"), key_mask, output, log_sum_exp, options);
  }
}

template <class Real, class Exec>
void linear_backward(Call<Real, Exec>& call) {
  auto const output_gradient = call.rows("output_gradient");
  auto const input           = call.rows("input");
  auto const weight          = call.template view<2>("weight");
  auto const input_gradient  = call.template output<2>("input_gradient", input, call.extents("input"));
  auto const weight_gradient = call.template output<2>("weight_gradient", {extent(weight, 0), extent(weight, 1)});
  nn::linear_backward(call.exec(), output_gradient, input, weight, input_gradient, weight_gradient,
                      call.template output<1>("bias_gradient", {extent(weight, 0)}));
}

template <class Real, class Exec>
void layer_norm_backward(Call<Real, Exec>& call) {
  auto const input           = call.rows("input");
  auto const output_gradient = call.rows("output_gradient");
  auto const input_gradient  = call.template output<2>("input_gradient", input, call.extents("input"));
  auto const weight_gradient = call.template output_if_wanted<1>("weight_gradient", {extent(input, 1)});
  auto const bias_gradient   = call.template output_if_wanted<1>("bias_gradient", {extent(input, 1)});
  nn::layer_norm_backward(call.exec(), output_gradient, input, call.template view<1>("weight"), input_gradient, weight_gradient, bias_gradient,
                          {.epsilon = call.number("epsilon")});
}

template <class Real, class Exec>
void gelu_backward(Call<Real, Exec>& call) {
  // In its own shape, so that shapes which differ are refused.
  auto const run = [&](auto const& output_gradient, auto const& input, auto const& input_gradient) {
    nn::gelu_backward(call.exec(), output_gradient, input, input_gradient, {.approximate = call.template choice<nn::GeluApproximation>("approximate")});
  };
  auto const& shape = call.extents("input");
  if (shape.size() == 2 && call.extents("output_gradient").size() == 2) {
    auto const input = call.template view<2>("input");
    run(call.template view<2>("output_gradient"), input, call.template output<2>("input_gradient", input, shape));
  } else {
    auto const input = call.line("input");
    run(call.line("output_gradient"), input, call.template output<1>("input_gradient", input, shape));
  }
}

template <class Real, class Exec>
void multi_head_attention_backward(Call<Real, Exec>& call) {
  using Accumulate     = accumulate_t<Real>;
  using Space          = typename Exec::memory_space;
  auto const query     = call.template view<4>("query");
  auto const key       = call.template view<4>("key");
  auto const value     = call.template view<4>("value");
  auto const key_mask  = call.template booleans<2>("key_mask");
  auto const extents   = [](auto const& array) { return std::vector<std::int64_t>{extent(array, 0), extent(array, 1), extent(array, 2), extent(array, 3)}; };
  auto const gradients = call.template view<4>("output_gradient");
  auto const dq        = call.template output<4>("query_gradient", extents(query));
  auto const dk        = call.template output<4>("key_gradient", extents(key));
  auto const dv        = call.template output<4>("value_gradient", extents(value));
  nn::MultiHeadAttentionOptions const options{.scale = call.number("scale"), .causal = call.flag("causal"), .causal_offset = call.integer("causal_offset")};
  auto const run = [&](auto const& mask) {
    Tensor<Accumulate****, Space> const output("output", query.extent(0), query.extent(1), query.extent(2), value.extent(3));
    Tensor<Accumulate***, Space> const log_sum_exp("log_sum_exp", query.extent(0), query.extent(1), query.extent(2));
    try {
      nn::multi_head_attention(call.exec(), query, key, value, mask, key_mask, output, log_sum_exp, options);
    } catch (std::invalid_argument const&) {
      // The backward pass has to refuse it too.
    }
    nn::multi_head_attention_backward(call.exec(), gradients, query, key, value, mask, key_mask, output, log_sum_exp, dq, dk, dv, options);
  };
  if (call.has("mask") && call.is_boolean("mask"))
    run(call.template padded<bool, 4>("mask"));
  else
    run(call.template padded<Real, 4>("mask"));
}

}  // namespace

OCELLUS_CONFORMANCE_REGISTER(registry) {
  registry.add({"nn.adamw_step",
                {.inputs  = {real("parameter", "P"), real("gradient", "(S, P)"), real("first_moment", "P"), real("second_moment", "P")},
                 .options = {number("learning_rate", 1e-3), number("beta1", 0.9), number("beta2", 0.999), number("epsilon", 1e-8), number("weight_decay", 0.01),
                             integer_option("step", 1)},
                 .outputs = {output("updated_parameter", "P"), output("updated_first_moment", "P"), output("updated_second_moment", "P")}},
                OCELLUS_CONFORMANCE_RUN(adamw_step)});
  KernelTable clip{.options = {number("max_norm", 1.0)}, .outputs = {output("norm", "()")}};
  for (int i = 0; i < most_gradients; ++i) {
    auto const gradient = real("gradient_" + std::to_string(i), "any");
    clip.inputs.push_back(i == 0 ? gradient : gradient.optional());
    clip.outputs.push_back(output("clipped_" + gradient.name, "shape of " + gradient.name));
  }
  registry.add({"nn.clip_grad_norm", clip, OCELLUS_CONFORMANCE_RUN(clip_grad_norm)});
  registry.add({"nn.cosine_schedule",
                {.inputs  = {integer("step", "(S)")},
                 .options = {number("base_value"), number("final_value", 0.0), integer_option("total_steps"), integer_option("warmup_steps", 0),
                             number("warmup_value", 0.0)},
                 .outputs = {derived("value", "(S)")}},
                OCELLUS_CONFORMANCE_RUN(cosine_schedule)});
  registry.add({"nn.silu",
                {.inputs = {real("input", "any"), real("multiplier", "shape of input").optional()}, .outputs = {output("output", "shape of input")}},
                OCELLUS_CONFORMANCE_RUN(silu)});
  registry.add({"nn.linear",
                {.inputs = {real("input", "(..., I)"), real("weight", "(O, I)"), real("bias", "(O)").optional()}, .outputs = {output("output", "(..., O)")}},
                OCELLUS_CONFORMANCE_RUN_16(linear)});
  registry.add({"nn.layer_norm",
                {.inputs  = {real("input", "(..., D)"), real("weight", "(D)").optional(), real("bias", "(D)").optional()},
                 .options = {number("epsilon", 1e-6)},
                 .outputs = {output("output", "(..., D)")}},
                OCELLUS_CONFORMANCE_RUN_16(layer_norm)});
  registry.add({"nn.rms_norm",
                {.inputs  = {real("input", "(..., D)"), real("weight", "(D)").optional()},
                 .options = {number("epsilon", 1e-6)},
                 .outputs = {output("output", "(..., D)")}},
                OCELLUS_CONFORMANCE_RUN_16(rms_norm)});
  registry.add(
      {"nn.gelu",
       {.inputs = {real("input", "any")}, .options = {choice("approximate", {"none", "tanh"}, "none")}, .outputs = {output("output", "shape of input")}},
       OCELLUS_CONFORMANCE_RUN_16(gelu)});
  registry.add({"nn.multi_head_attention",
                {.inputs  = {real("query", "(B, H, N, D)"), real("key", "(B, H, M, D)"), real("value", "(B, H, M, E)"),
                             mask("mask", "(N, M) or (B|1, H|1, N|1, M|1)").optional(), boolean("key_mask", "(B, M)").optional()},
                 .options = {number("scale", 0.0), flag("causal", false), integer_option("causal_offset", 0)},
                 .outputs = {output("output", "(B, H, N, E)"), output("log_sum_exp", "(B, H, N)")}},
                OCELLUS_CONFORMANCE_RUN_16(multi_head_attention)});
  registry.add({"nn.linear_backward",
                {.inputs  = {real("output_gradient", "(..., O)"), real("input", "(..., I)"), real("weight", "(O, I)")},
                 .outputs = {output("input_gradient", "(..., I)"), output("weight_gradient", "(O, I)"), output("bias_gradient", "(O)")}},
                OCELLUS_CONFORMANCE_RUN(linear_backward)});
  registry.add({"nn.layer_norm_backward",
                {.inputs  = {real("output_gradient", "(..., D)"), real("input", "(..., D)"), real("weight", "(D)").optional()},
                 .options = {number("epsilon", 1e-6)},
                 .outputs = {output("input_gradient", "(..., D)"), output("weight_gradient", "(D)"), output("bias_gradient", "(D)")}},
                OCELLUS_CONFORMANCE_RUN(layer_norm_backward)});
  registry.add({"nn.gelu_backward",
                {.inputs  = {real("output_gradient", "any"), real("input", "shape of output_gradient")},
                 .options = {choice("approximate", {"none", "tanh"}, "none")},
                 .outputs = {output("input_gradient", "shape of input")}},
                OCELLUS_CONFORMANCE_RUN(gelu_backward)});
  registry.add({"nn.multi_head_attention_backward",
                {.inputs  = {real("output_gradient", "(B, H, N, E)"), real("query", "(B, H, N, D)"), real("key", "(B, H, M, D)"), real("value", "(B, H, M, E)"),
                             mask("mask", "(N, M) or (B|1, H|1, N|1, M|1)").optional(), boolean("key_mask", "(B, M)").optional()},
                 .options = {number("scale", 0.0), flag("causal", false), integer_option("causal_offset", 0)},
                 .outputs = {output("query_gradient", "(B, H, N, D)"), output("key_gradient", "(B, H, M, D)"), output("value_gradient", "(B, H, M, E)")}},
                OCELLUS_CONFORMANCE_RUN(multi_head_attention_backward)});
}

}  // namespace ocellus::conformance
