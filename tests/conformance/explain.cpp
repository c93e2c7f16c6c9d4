// SPDX-License-Identifier: Apache-2.0

// Adapters of ocellus::explain; adapter.hpp says how they are written.

#include "adapter.hpp"

#include <ocellus/explain.hpp>

namespace ocellus::conformance {
namespace {

template <class Call>
std::vector<std::int64_t> without_axis(Call const& call, std::string const& name, std::size_t axis) {
  auto extents = call.extents(name);
  if (axis >= extents.size()) throw BadCase("input " + name + " has " + std::to_string(extents.size()) + " axes, too few");
  extents.erase(extents.begin() + static_cast<std::ptrdiff_t>(axis));
  return extents;
}

/// The leading extent of `name` and the option `size`.
template <class Call>
std::vector<std::int64_t> resized(Call const& call, std::string const& name) {
  auto extents = call.integers("size");
  extents.insert(extents.begin(), call.extent(name, 0));
  return extents;
}

template <int Spatial, class Real, class Exec>
void grad_cam_of(Call<Real, Exec>& call) {
  using Activations = typename Call<Real, Exec>::template View<Real, Spatial + 2>;
  using Layer       = explain::CamLayer<Activations, Activations>;
  explain::GradCamOptions const options{.method       = call.template choice<explain::CamMethod>("method"),
                                        .eigen_smooth = call.flag("eigen_smooth"),
                                        .rescale      = call.template choice<explain::CamRescale>("rescale")};
  std::vector<Layer> layers;
  for (int i = 1; i == 1 || call.has("activations_" + std::to_string(i)); ++i) {
    std::string const suffix = i == 1 ? "" : "_" + std::to_string(i);
    layers.push_back({call.template view<Spatial + 2>("activations" + suffix), call.template view<Spatial + 2>("gradients" + suffix)});
  }
  if (call.integers("size").empty() && layers.size() == 1) {
    auto const map = call.template output<Spatial + 1>("map", without_axis(call, "activations", 1));
    explain::grad_cam(call.exec(), layers[0].activations, layers[0].gradients, map, options);
  } else {
    auto const map =
        call.template output<Spatial + 1>("map", call.integers("size").empty() ? without_axis(call, "activations", 1) : resized(call, "activations"));
    explain::grad_cam(call.exec(), std::span<Layer const>(layers), map, options);
  }
}

template <class Real, class Exec>
void grad_cam(Call<Real, Exec>& call) {
  call.extents("activations").size() == 5 ? grad_cam_of<3>(call) : grad_cam_of<2>(call);
}

template <class Real, class Exec>
void upsample_map(Call<Real, Exec>& call) {
  if (call.extents("map").size() == 4)
    explain::upsample_map(call.exec(), call.template view<4>("map"), call.template output<4>("output", resized(call, "map")));
  else
    explain::upsample_map(call.exec(), call.template view<3>("map"), call.template output<3>("output", resized(call, "map")));
}

template <int Rank, class Real, class Exec>
void grad_camo_of(Call<Real, Exec>& call) {
  auto const map = call.template view<Rank>("map");
  explain::grad_camo(call.exec(), map, call.template view<Rank>("mask"), call.template output<1>("score", {extent(map, 0)}),
                     call.template output_booleans<1>("valid", {extent(map, 0)}), {.subtract_minimum = call.flag("subtract_minimum")});
}

template <class Real, class Exec>
void grad_camo(Call<Real, Exec>& call) {
  call.extents("map").size() == 4 ? grad_camo_of<4>(call) : grad_camo_of<3>(call);
}

template <int Rank, class Real, class Exec>
void grad_camo_backward_of(Call<Real, Exec>& call) {
  auto const map = call.template view<Rank>("map");
  explain::grad_camo_backward(call.exec(), map, call.template view<Rank>("mask"), call.template view<1>("score_gradient"),
                              call.template output<Rank>("map_gradient", map, call.extents("map")));
}

template <class Real, class Exec>
void grad_camo_backward(Call<Real, Exec>& call) {
  call.extents("map").size() == 4 ? grad_camo_backward_of<4>(call) : grad_camo_backward_of<3>(call);
}

template <int Rank, class Real, class Exec>
void grad_camo_labels_of(Call<Real, Exec>& call) {
  std::int64_t const count = call.integer("label_count");
  explain::grad_camo_labels(call.exec(), call.template view<Rank>("map"), call.template typed<std::int32_t, Rank>("labels"),
                            call.template output<1>("score", {count}), call.template output<1>("neighbour", {count}), call.template output<0>("background", {}),
                            call.template output_booleans<0>("valid", {}));
}

template <class Real, class Exec>
void grad_camo_labels(Call<Real, Exec>& call) {
  call.extents("map").size() == 3 ? grad_camo_labels_of<3>(call) : grad_camo_labels_of<2>(call);
}

template <class Real, class Exec>
void attention_rollout(Call<Real, Exec>& call) {
  auto const attention = call.template view<5>("attention");
  auto const rollout   = call.template output<3>("rollout", {extent(attention, 1), extent(attention, 3), extent(attention, 4)});
  explain::attention_rollout(call.exec(), attention, rollout,
                             {.head_fusion   = call.template choice<explain::HeadFusion>("head_fusion"),
                              .residual      = call.flag("residual"),
                              .discard_ratio = call.number("discard_ratio")});
}

/// The weights of attention pooling; without `gated`, u stays null.
template <class Real, class Exec>
auto mil_weights(Call<Real, Exec>& call) {
  using Matrix = typename Call<Real, Exec>::template View<Real, 2>;
  using Vector = typename Call<Real, Exec>::template View<Real, 1>;
  explain::AttentionMilWeights<Matrix, Vector> weights{
      call.template view<2>("v_weight"), call.template view<1>("v_bias"), call.template view<2>("w_weight"), call.template view<1>("w_bias"), {}, {}};
  if (call.flag("gated")) {
    if (!call.has("u_weight") || !call.has("u_bias")) throw BadCase("gated needs u_weight and u_bias");
    weights.u_weight = call.template view<2>("u_weight");
    weights.u_bias   = call.template view<1>("u_bias");
  }
  return weights;
}

template <class Real, class Exec, class Weights>
Weights mil_gradients(Call<Real, Exec>& call, Weights const& weights) {
  Weights gradients{call.template output<2>("v_weight_gradient", weights.v_weight, call.extents("v_weight")),
                    call.template output<1>("v_bias_gradient", weights.v_bias, call.extents("v_bias")),
                    call.template output<2>("w_weight_gradient", weights.w_weight, call.extents("w_weight")),
                    {},
                    {},
                    {}};
  if (weights.gated()) {
    gradients.u_weight = call.template output<2>("u_weight_gradient", weights.u_weight, call.extents("u_weight"));
    gradients.u_bias   = call.template output<1>("u_bias_gradient", weights.u_bias, call.extents("u_bias"));
  }
  return gradients;
}

template <class Call>
std::int64_t bags(Call const& call) {
  return call.extent("offsets", 0) - 1;
}

template <class Real, class Exec>
void attention_mil(Call<Real, Exec>& call) {
  auto const features  = call.template view<2>("features");
  auto const weights   = mil_weights(call);
  std::int64_t const r = extent(weights.w_weight, 0);
  explain::attention_mil(call.exec(), features, call.template indices<1>("offsets"), weights, call.template output<2>("attention", {extent(features, 0), r}),
                         call.template output<3>("pooled", {bags(call), r, extent(features, 1)}));
}

template <class Real, class Exec>
void attention_mil_backward(Call<Real, Exec>& call) {
  auto const features = call.template view<2>("features");
  auto const weights  = mil_weights(call);
  explain::attention_mil_backward(call.exec(), features, call.template indices<1>("offsets"), weights, call.template view<3>("pooled_gradient"),
                                  call.template output<2>("features_gradient", features, call.extents("features")), mil_gradients(call, weights));
}

template <class Real, class Exec>
auto agata_weights(Call<Real, Exec>& call) {
  using Matrix = typename Call<Real, Exec>::template View<Real, 2>;
  using Vector = typename Call<Real, Exec>::template View<Real, 1>;
  return explain::AgataWeights<Matrix, Vector>{call.template view<2>("weight1"), call.template view<1>("bias1"), call.template view<2>("weight2"),
                                               call.template view<1>("bias2"), call.template view<2>("queries")};
}

template <class Real, class Exec>
explain::AgataPoolingOptions agata_options(Call<Real, Exec>& call) {
  return {.activation = call.text("activation") == "gelu" ? linalg::Activation::gelu : linalg::Activation::relu,
          .scaled     = call.flag("scaled"),
          .absolute   = call.flag("absolute")};
}

template <class Real, class Exec>
void agata_pooling(Call<Real, Exec>& call) {
  auto const features = call.template view<2>("features");
  auto const weights  = agata_weights(call);
  explain::agata_pooling(call.exec(), features, call.template indices<1>("offsets"), weights,
                         call.template output_if_wanted<2>("scores", {extent(features, 0), extent(weights.queries, 0)}),
                         call.template output<2>("pooled", {bags(call), extent(weights.weight2, 0)}), agata_options(call));
}

template <class Real, class Exec>
void agata_pooling_backward(Call<Real, Exec>& call) {
  auto const features = call.template view<2>("features");
  auto const weights  = agata_weights(call);
  auto gradients      = weights;
  gradients.weight1   = call.template output<2>("weight1_gradient", weights.weight1, call.extents("weight1"));
  gradients.bias1     = call.template output<1>("bias1_gradient", weights.bias1, call.extents("bias1"));
  gradients.weight2   = call.template output<2>("weight2_gradient", weights.weight2, call.extents("weight2"));
  gradients.bias2     = call.template output<1>("bias2_gradient", weights.bias2, call.extents("bias2"));
  gradients.queries   = call.template output<2>("queries_gradient", weights.queries, call.extents("queries"));
  explain::agata_pooling_backward(call.exec(), features, call.template indices<1>("offsets"), weights, call.template view<2>("pooled_gradient"),
                                  call.template output<2>("features_gradient", features, call.extents("features")), gradients, agata_options(call));
}

template <class Real, class Exec>
auto perceiver_weights(Call<Real, Exec>& call) {
  using Matrix = typename Call<Real, Exec>::template View<Real, 2>;
  using Vector = typename Call<Real, Exec>::template View<Real, 1>;
  return explain::PerceiverWeights<Matrix, Vector>{call.template view<1>("norm_weight"), call.template view<1>("norm_bias"), call.template view<2>("q_weight"),
                                                   call.template view<2>("kv_weight"), call.template view<2>("out_weight")};
}

template <class Real, class Exec>
void perceiver_pooling(Call<Real, Exec>& call) {
  auto const latents = call.template view<3>("latents");
  explain::perceiver_pooling(call.exec(), latents, call.template view<3>("context"), perceiver_weights(call), call.template booleans<2>("mask"),
                             call.template output<3>("output", latents, call.extents("latents")),
                             {.heads = call.integer("heads"), .append_queries = call.flag("append_queries")});
}

template <class Real, class Exec>
void perceiver_pooling_backward(Call<Real, Exec>& call) {
  auto const latents = call.template view<3>("latents"), context = call.template view<3>("context");
  auto const weights    = perceiver_weights(call);
  auto gradients        = weights;
  gradients.norm_weight = call.template output<1>("norm_weight_gradient", weights.norm_weight, call.extents("norm_weight"));
  gradients.norm_bias   = call.template output<1>("norm_bias_gradient", weights.norm_bias, call.extents("norm_bias"));
  gradients.q_weight    = call.template output<2>("q_weight_gradient", weights.q_weight, call.extents("q_weight"));
  gradients.out_weight  = call.template output<2>("out_weight_gradient", weights.out_weight, call.extents("out_weight"));
  if (call.has("kv_weight")) gradients.kv_weight = call.template output<2>("kv_weight_gradient", weights.kv_weight, call.extents("kv_weight"));
  explain::perceiver_pooling_backward(call.exec(), latents, context, weights, call.template booleans<2>("mask"), call.template view<3>("output_gradient"),
                                      call.template output<3>("latents_gradient", latents, call.extents("latents")),
                                      call.template output<3>("context_gradient", context, call.extents("context")), gradients,
                                      {.heads = call.integer("heads"), .append_queries = call.flag("append_queries")});
}

template <class Real, class Exec>
auto slice_weights(Call<Real, Exec>& call) {
  using Matrix = typename Call<Real, Exec>::template View<Real, 2>;
  using Vector = typename Call<Real, Exec>::template View<Real, 1>;
  return explain::SliceContextWeights<Matrix, Vector>{call.template view<2>("fc_weight"), call.template view<1>("fc_bias"), mil_weights(call),
                                                      call.template view<2>("slice_weight"), call.template view<1>("slice_bias")};
}

template <class Real, class Exec>
void slice_context_pooling(Call<Real, Exec>& call) {
  auto const weights       = slice_weights(call);
  std::int64_t const width = extent(weights.fc_weight, 0);
  explain::slice_context_pooling(call.exec(), call.template view<2>("features"), call.template indices<1>("offsets"), weights,
                                 call.template output<1>("pooled", {width}), call.template output_if_wanted<2>("slices", {bags(call), width}),
                                 call.template output_if_wanted<1>("slice_attention", {bags(call)}),
                                 {.method = call.template choice<explain::SliceContext>("method")});
}

template <class Real, class Exec>
void slice_context_pooling_backward(Call<Real, Exec>& call) {
  auto const features = call.template view<2>("features");
  auto const weights  = slice_weights(call);
  auto const method   = call.template choice<explain::SliceContext>("method");
  auto gradients      = weights;
  gradients.fc_weight = call.template output<2>("fc_weight_gradient", weights.fc_weight, call.extents("fc_weight"));
  gradients.fc_bias   = call.template output<1>("fc_bias_gradient", weights.fc_bias, call.extents("fc_bias"));
  gradients.mil       = mil_gradients(call, weights.mil);
  if (method == explain::SliceContext::attention) {
    gradients.slice_weight = call.template output<2>("slice_weight_gradient", weights.slice_weight, call.extents("slice_weight"));
    gradients.slice_bias   = call.template output<1>("slice_bias_gradient", weights.slice_bias, call.extents("slice_bias"));
  }
  explain::slice_context_pooling_backward(call.exec(), features, call.template indices<1>("offsets"), weights, call.template view<1>("pooled_gradient"),
                                          call.template output<2>("features_gradient", features, call.extents("features")), gradients, {.method = method});
}

/// Rows of positions: as many as pixels are inside.
template <int Spatial, class Real, class Exec>
void follow_flows_of(Call<Real, Exec>& call) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < call.array("inside").size(); ++i) count += call.array("inside").real(i) != 0 ? 1 : 0;
  explain::follow_flows(call.exec(), call.template view<Spatial + 1>("flow"), call.template booleans<Spatial>("inside"),
                        call.template output<2>("positions", {count, Spatial}), {.iterations = call.integer("iterations")});
}

template <class Real, class Exec>
void follow_flows(Call<Real, Exec>& call) {
  call.extents("flow").size() == 4 ? follow_flows_of<3>(call) : follow_flows_of<2>(call);
}

template <class Real, class Exec>
void masks_to_flows(Call<Real, Exec>& call) {
  auto const labels = call.template typed<std::int32_t, 2>("labels");
  explain::masks_to_flows(call.exec(), labels, call.template output<3>("flow", {2, extent(labels, 0), extent(labels, 1)}),
                          {.iterations = call.integer("iterations")});
}

template <class Real, class Exec>
void flow_error(Call<Real, Exec>& call) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < call.array("labels").size(); ++i) count = std::max(count, call.array("labels").integer(i));
  explain::flow_error(call.exec(), call.template typed<std::int32_t, 2>("labels"), call.template view<3>("flow"), call.template output<1>("error", {count}));
}

template <int Spatial, class Real, class Exec>
void flow_to_masks_of(Call<Real, Exec>& call) {
  auto const probability = call.template view<Spatial>("probability");
  auto const masks       = call.template output_indices<Spatial>("masks", call.extents("probability"));
  explain::flow_to_masks(call.exec(), call.template view<Spatial + 1>("flow"), probability, masks,
                         {.iterations            = call.integer("iterations"),
                          .probability_threshold = call.number("probability_threshold"),
                          .flow_threshold        = call.number("flow_threshold"),
                          .max_size_fraction     = call.number("max_size_fraction")});
}

template <class Real, class Exec>
void flow_to_masks(Call<Real, Exec>& call) {
  call.extents("probability").size() == 3 ? flow_to_masks_of<3>(call) : flow_to_masks_of<2>(call);
}

}  // namespace

OCELLUS_CONFORMANCE_REGISTER(registry) {
  std::vector<InputSpec> layers{real("activations", "(B, K, S...)"), real("gradients", "(B, K, S...)").optional()};
  for (int i = 2; i <= 8; ++i) {
    layers.push_back(real("activations_" + std::to_string(i), "(B, K, S...)").optional());
    layers.push_back(real("gradients_" + std::to_string(i), "(B, K, S...)").optional());
  }
  registry.add(
      {"explain.grad_cam",
       {.inputs  = layers,
        .options = {choice("method", {"grad_cam", "hires_cam", "layer_cam", "element_wise", "xgrad_cam", "grad_cam_plus_plus", "eigen_cam"}, "grad_cam"),
                    flag("eigen_smooth", false), choice("rescale", {"none", "min_max"}, "none"), integers("size").runner()},
        .outputs = {output("map", "(B, S...) or (B, size...)")}},
       OCELLUS_CONFORMANCE_RUN(grad_cam)});
  registry.add({"explain.upsample_map",
                {.inputs = {real("map", "(B, S...)")}, .options = {integers("size", nullptr).runner()}, .outputs = {output("output", "(B, size...)")}},
                OCELLUS_CONFORMANCE_RUN(upsample_map)});
  registry.add({"explain.grad_camo",
                {.inputs  = {real("map", "(B, S...)"), real("mask", "(B, S...)")},
                 .options = {flag("subtract_minimum", false)},
                 .outputs = {output("score", "(B)"), output("valid", "(B)")}},
                OCELLUS_CONFORMANCE_RUN(grad_camo)});
  registry.add(
      {"explain.grad_camo_backward",
       {.inputs = {real("map", "(B, S...)"), real("mask", "(B, S...)"), real("score_gradient", "(B)")}, .outputs = {output("map_gradient", "(B, S...)")}},
       OCELLUS_CONFORMANCE_RUN(grad_camo_backward)});
  registry.add({"explain.grad_camo_labels",
                {.inputs  = {real("map", "(S...)"), integer("labels", "(S...)")},
                 .options = {integer_option("label_count").runner()},
                 .outputs = {output("score", "(K)"), output("neighbour", "(K)"), output("background", "()"), output("valid", "()")}},
                OCELLUS_CONFORMANCE_RUN(grad_camo_labels)});
  registry.add({"explain.attention_rollout",
                {.inputs  = {real("attention", "(layers, B, heads, N, N)")},
                 .options = {choice("head_fusion", {"mean", "max", "min"}, "mean"), flag("residual", true), number("discard_ratio", 0.0)},
                 .outputs = {output("rollout", "(B, N, N)")}},
                OCELLUS_CONFORMANCE_RUN(attention_rollout)});
  std::vector<InputSpec> const mil{
      real("v_weight", "(L, M)"),      real("v_bias", "(L)"), real("w_weight", "(R, L)"), real("w_bias", "(R)"), real("u_weight", "(L, M)").optional(),
      real("u_bias", "(L)").optional()};
  auto const with = [](std::vector<InputSpec> first, std::vector<InputSpec> const& rest) {
    first.insert(first.end(), rest.begin(), rest.end());
    return first;
  };
  auto const gradients = [](std::vector<InputSpec> const& inputs) {
    std::vector<OutputSpec> outputs;
    for (auto const& input : inputs) {
      if (input.type == "real" && input.name != "w_bias") outputs.push_back(output(input.name + "_gradient", input.shape));
    }
    return outputs;
  };
  auto const bag_inputs = with({real("features", "(n, M)"), integer("offsets", "(B + 1)")}, mil);
  registry.add({"explain.attention_mil",
                {.inputs = bag_inputs, .options = {flag("gated", false)}, .outputs = {output("attention", "(n, R)"), output("pooled", "(B, R, M)")}},
                OCELLUS_CONFORMANCE_RUN(attention_mil)});
  registry.add({"explain.attention_mil_backward",
                {.inputs = with(bag_inputs, {real("pooled_gradient", "(B, R, M)")}), .options = {flag("gated", false)}, .outputs = gradients(bag_inputs)},
                OCELLUS_CONFORMANCE_RUN(attention_mil_backward)});
  std::vector<InputSpec> const agata{real("features", "(n, M)"), integer("offsets", "(B + 1)"), real("weight1", "(A, M)"), real("bias1", "(A)"),
                                     real("weight2", "(V, A)"),  real("bias2", "(V)"),          real("queries", "(Q, A)")};
  std::vector<OptionSpec> const agata_choices{choice("activation", {"relu", "gelu"}, "relu"), flag("scaled", false), flag("absolute", false)};
  registry.add({"explain.agata_pooling",
                {.inputs = agata, .options = agata_choices, .outputs = {output("scores", "(n, Q)"), output("pooled", "(B, V)")}},
                OCELLUS_CONFORMANCE_RUN(agata_pooling)});
  registry.add({"explain.agata_pooling_backward",
                {.inputs = with(agata, {real("pooled_gradient", "(B, V)")}), .options = agata_choices, .outputs = gradients(agata)},
                OCELLUS_CONFORMANCE_RUN(agata_pooling_backward)});
  std::vector<InputSpec> const perceiver{real("latents", "(B, Lq, Dq)"), real("context", "(B, n, Dc)"),       real("norm_weight", "(Dq)"),
                                         real("norm_bias", "(Dq)"),      real("q_weight", "(I, Dq)"),         real("kv_weight", "(2I, Dc)").optional(),
                                         real("out_weight", "(Dq, I)"),  boolean("mask", "(B, n)").optional()};
  std::vector<OptionSpec> const perceiver_options{integer_option("heads"), flag("append_queries", false)};
  registry.add({"explain.perceiver_pooling",
                {.inputs = perceiver, .options = perceiver_options, .outputs = {output("output", "(B, Lq, Dq)")}},
                OCELLUS_CONFORMANCE_RUN(perceiver_pooling)});
  registry.add({"explain.perceiver_pooling_backward",
                {.inputs = with(perceiver, {real("output_gradient", "(B, Lq, Dq)")}), .options = perceiver_options, .outputs = gradients(perceiver)},
                OCELLUS_CONFORMANCE_RUN(perceiver_pooling_backward)});
  auto const slices = with(with({real("features", "(n, M)"), integer("offsets", "(S + 1)"), real("fc_weight", "(D, M)"), real("fc_bias", "(D)")}, mil),
                           {real("slice_weight", "(1, D)").optional(), real("slice_bias", "(1)").optional()});
  std::vector<OptionSpec> const slice_options{choice("method", {"mean", "attention", "all_patches"}, "attention"), flag("gated", true)};
  registry.add(
      {"explain.slice_context_pooling",
       {.inputs = slices, .options = slice_options, .outputs = {output("pooled", "(D)"), output("slices", "(S, D)"), output("slice_attention", "(S)")}},
       OCELLUS_CONFORMANCE_RUN(slice_context_pooling)});
  registry.add({"explain.slice_context_pooling_backward",
                {.inputs = with(slices, {real("pooled_gradient", "(D)")}), .options = slice_options, .outputs = gradients(slices)},
                OCELLUS_CONFORMANCE_RUN(slice_context_pooling_backward)});
  registry.add({"explain.follow_flows",
                {.inputs  = {real("flow", "(axes, S...)"), boolean("inside", "(S...)")},
                 .options = {integer_option("iterations", 200)},
                 .outputs = {output("positions", "(P, axes)")}},
                OCELLUS_CONFORMANCE_RUN(follow_flows)});
  registry.add({"explain.masks_to_flows",
                {.inputs = {integer("labels", "(H, W)")}, .options = {integer_option("iterations", 0)}, .outputs = {output("flow", "(2, H, W)")}},
                OCELLUS_CONFORMANCE_RUN(masks_to_flows)});
  registry.add({"explain.flow_error",
                {.inputs = {integer("labels", "(H, W)"), real("flow", "(2, H, W)")}, .outputs = {output("error", "(K)")}},
                OCELLUS_CONFORMANCE_RUN(flow_error)});
  registry.add(
      {"explain.flow_to_masks",
       {.inputs  = {real("flow", "(axes, S...)"), real("probability", "(S...)")},
        .options = {integer_option("iterations", 200), number("probability_threshold", 0.0), number("flow_threshold", 0.4), number("max_size_fraction", 0.4)},
        .outputs = {output("masks", "(S...)")}},
       OCELLUS_CONFORMANCE_RUN(flow_to_masks)});
}

}  // namespace ocellus::conformance
