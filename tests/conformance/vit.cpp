// SPDX-License-Identifier: Apache-2.0

// Adapters of ocellus::vit; adapter.hpp says how they are written.

#include "adapter.hpp"

#include <ocellus/vit.hpp>

namespace ocellus::conformance {
namespace {

/// A set of weights as a table of parameters and one flat array.
template <class Call>
struct Weights {
  ParameterTable table;
  typename Call::template View<typename Call::Real, 1> parameters;

  explicit Weights(Call const& call) {
    auto const& set = call.set("weights");
    for (auto const& [name, array] : set) table.add(name, array.extents);
    Array flat = make_array({static_cast<std::int64_t>(table.size())}, std::vector<double>(table.size(), 0.0));
    for (auto const& entry : table.entries()) {
      auto const& from = set.at(entry.name);
      for (std::size_t i = 0; i < from.size(); ++i) flat.reals[entry.offset + i] = from.real(i);
    }
    parameters = call.template upload<typename Call::Real, 1>("weights", flat, flat.extents);
  }

  /// A line for the gradients; those of tensors that no function knows stay zero.
  [[nodiscard]] typename Call::template View<typename Call::Real, 1> gradients() const {
    return typename Call::template View<typename Call::Real, 1>("gradients", parameters.extent(0));
  }
  /// Reports the gradients under the names and shapes of the weights.
  void report(Call& call, typename Call::template View<typename Call::Real, 1> const& gradients) const {
    auto const values = call.values(gradients);
    ArraySet set;
    for (auto const& entry : table.entries()) {
      std::vector<double> const own(values.begin() + static_cast<std::ptrdiff_t>(entry.offset),
                                    values.begin() + static_cast<std::ptrdiff_t>(entry.offset + entry.size()));
      set[entry.name] = make_array(entry.extents, own);
    }
    call.derive_set("weights_gradient", std::move(set));
  }
};

template <class Real, class Exec>
void instance_standardize(Call<Real, Exec>& call) {
  auto const output = call.template output<4>("output", call.extents("image"));
  vit::InstanceStandardizeOptions const options{.divisor = call.number("divisor"), .epsilon = call.number("epsilon")};
  auto const& stored = call.array("image").stored_as;
  if (stored == "uint8")
    vit::instance_standardize(call.exec(), call.template typed<std::uint8_t, 4>("image"), output, options);
  else if (stored == "uint16")
    vit::instance_standardize(call.exec(), call.template typed<std::uint16_t, 4>("image"), output, options);
  else
    vit::instance_standardize(call.exec(), call.template view<4>("image"), output, options);
}

/// n / d rounded down; 0 for a patch of nothing, which the kernel refuses.
std::int64_t fitting(std::int64_t n, std::int64_t d) { return d > 0 ? n / d : 0; }

template <class Real, class Exec>
void patch_embed(Call<Real, Exec>& call) {
  auto const image           = call.template view<4>("image");
  auto const weight          = call.template view<4>("weight");
  bool const agnostic        = call.flag("channel_agnostic");
  std::int64_t const patches = fitting(extent(image, 2), extent(weight, 2)) * fitting(extent(image, 3), extent(weight, 3)) * (agnostic ? extent(image, 1) : 1);
  auto const tokens          = call.template output<3>("tokens", {extent(image, 0), patches, extent(weight, 0)});
  vit::patch_embed(call.exec(), image, weight, call.template view<1>("bias"), tokens, {.channel_agnostic = agnostic});
}

template <class Real, class Exec>
void position_table(Call<Real, Exec>& call) {
  vit::PositionTableOptions const options{.rows        = call.integer("rows"),
                                          .columns     = call.integer("columns"),
                                          .convention  = call.template choice<vit::PositionConvention>("convention"),
                                          .class_token = call.flag("class_token"),
                                          .temperature = call.number("temperature")};
  auto const table =
      call.template output<2>("table", {(options.class_token ? 1 : 0) + call.integer("channels") * options.rows * options.columns, call.integer("dim")});
  vit::position_table(call.exec(), table, options);
}

template <class Real, class Exec>
void resample_position_table(Call<Real, Exec>& call) {
  auto const table = call.template view<2>("table");
  vit::ResamplePositionTableOptions const options{.rows          = call.integer("rows"),
                                                  .columns       = call.integer("columns"),
                                                  .new_rows      = call.integer("new_rows"),
                                                  .new_columns   = call.integer("new_columns"),
                                                  .prefix_tokens = call.integer("prefix_tokens"),
                                                  .interpolation = call.template choice<vit::Interpolation>("interpolation"),
                                                  .antialias     = call.flag("antialias")};
  auto const output = call.template output<2>("output", {options.prefix_tokens + options.new_rows * options.new_columns, extent(table, 1)});
  vit::resample_position_table(call.exec(), table, output, options);
}

template <class Real, class Exec>
void transformer_block(Call<Real, Exec>& call) {
  auto const input = call.template view<3>("input");
  Weights<Call<Real, Exec>> const weights(call);
  auto const block = vit::transformer_block_weights(weights.table, weights.parameters, call.template choice<vit::BlockKind>("block"));
  vit::transformer_block(call.exec(), input, block, call.template output<3>("output", call.extents("input")),
                         {.heads = call.integer("heads"), .epsilon = call.number("epsilon")});
}

template <class Real, class Exec>
void pool(Call<Real, Exec>& call) {
  auto const tokens = call.template view<3>("tokens");
  vit::PoolOptions const options{
      .pool = call.template choice<vit::PoolKind>("pool"), .prefix_tokens = call.integer("prefix_tokens"), .include_prefix = call.flag("include_prefix")};
  if (options.pool == vit::PoolKind::channel_avg) {
    vit::pool(call.exec(), tokens, call.template output<3>("output", {extent(tokens, 0), call.integer("channels"), extent(tokens, 2)}), options);
  } else {
    vit::pool(call.exec(), tokens, call.template output<2>("output", {extent(tokens, 0), extent(tokens, 2)}), options);
  }
}

template <class Real, class Exec>
void attention_pool(Call<Real, Exec>& call) {
  auto const tokens = call.template view<3>("tokens");
  Weights<Call<Real, Exec>> const weights(call);
  auto const pool = vit::attention_pool_weights(weights.table, weights.parameters);
  vit::attention_pool(call.exec(), tokens, pool, call.template output<2>("output", {extent(tokens, 0), extent(tokens, 2)}),
                      {.heads = call.integer("heads"), .epsilon = call.number("epsilon")});
}

template <class Real, class Exec>
void encoder(Call<Real, Exec>& call) {
  auto const image = call.template view<4>("image");
  Weights<Call<Real, Exec>> const weights(call);
  auto const model = vit::encoder_weights(weights.table, weights.parameters, call.template choice<vit::BlockKind>("block"));
  vit::EncoderOptions const options{.heads            = call.integer("heads"),
                                    .pool             = call.template choice<vit::EncoderPool>("pool"),
                                    .channel_agnostic = call.flag("channel_agnostic"),
                                    .no_embed_class   = call.flag("no_embed_class"),
                                    .fc_norm          = call.flag("fc_norm"),
                                    .epsilon          = call.number("epsilon")};
  std::int64_t const images = extent(image, 0), width = model.width();
  if (options.pool == vit::EncoderPool::none || options.pool == vit::EncoderPool::channel_avg) {
    std::int64_t const patches = fitting(extent(image, 2), extent(model.patch_weight, 2)) * fitting(extent(image, 3), extent(model.patch_weight, 3)) *
                                 (options.channel_agnostic ? extent(image, 1) : 1);
    std::int64_t const rows = options.pool == vit::EncoderPool::none ? model.prefix_tokens() + patches : extent(image, 1);
    vit::encoder(call.exec(), image, model, call.template output<3>("output", {images, rows, width}), options);
  } else {
    vit::encoder(call.exec(), image, model, call.template output<2>("output", {images, width}), options);
  }
}

template <class Real, class Exec>
void patch_embed_backward(Call<Real, Exec>& call) {
  auto const image           = call.template view<4>("image");
  auto const weight          = call.template view<4>("weight");
  auto const tokens_gradient = call.template view<3>("tokens_gradient");
  if (call.has("bias")) {  // the backward pass does not read it, but it has to fit
    require_equal("ocellus::vit::patch_embed_backward", {"bias.extent(0)", call.extent("bias", 0)}, {"weight.extent(0)", extent(weight, 0)});
  }
  vit::patch_embed_backward(call.exec(), tokens_gradient, image, weight, call.template output<4>("image_gradient", call.extents("image")),
                            call.template output<4>("weight_gradient", call.extents("weight")),
                            call.template output_if_wanted<1>("bias_gradient", {extent(weight, 0)}), {.channel_agnostic = call.flag("channel_agnostic")});
}

template <class Real, class Exec>
void transformer_block_backward(Call<Real, Exec>& call) {
  auto const input = call.template view<3>("input");
  Weights<Call<Real, Exec>> const weights(call);
  auto const kind     = call.template choice<vit::BlockKind>("block");
  auto const gradient = weights.gradients();
  vit::transformer_block_backward(
      call.exec(), call.template view<3>("output_gradient"), input, vit::transformer_block_weights(weights.table, weights.parameters, kind),
      call.template output<3>("input_gradient", call.extents("input")), vit::transformer_block_gradients(weights.table, gradient, kind),
      {.heads = call.integer("heads"), .epsilon = call.number("epsilon")});
  weights.report(call, gradient);
}

template <class Real, class Exec>
void pool_backward(Call<Real, Exec>& call) {
  auto const tokens   = call.template view<3>("tokens");
  auto const gradient = call.template output<3>("tokens_gradient", call.extents("tokens"));
  vit::PoolOptions const options{
      .pool = call.template choice<vit::PoolKind>("pool"), .prefix_tokens = call.integer("prefix_tokens"), .include_prefix = call.flag("include_prefix")};
  if (options.pool == vit::PoolKind::channel_avg)
    vit::pool_backward(call.exec(), call.template view<3>("output_gradient"), tokens, gradient, options);
  else
    vit::pool_backward(call.exec(), call.template view<2>("output_gradient"), tokens, gradient, options);
}

template <class Real, class Exec>
void attention_pool_backward(Call<Real, Exec>& call) {
  auto const tokens = call.template view<3>("tokens");
  Weights<Call<Real, Exec>> const weights(call);
  auto const gradient = weights.gradients();
  vit::attention_pool_backward(call.exec(), call.template view<2>("output_gradient"), tokens, vit::attention_pool_weights(weights.table, weights.parameters),
                               call.template output<3>("tokens_gradient", call.extents("tokens")), vit::attention_pool_gradients(weights.table, gradient),
                               {.heads = call.integer("heads"), .epsilon = call.number("epsilon")});
  weights.report(call, gradient);
}

template <class Real, class Exec>
void encoder_backward(Call<Real, Exec>& call) {
  auto const image = call.template view<4>("image");
  Weights<Call<Real, Exec>> const weights(call);
  auto const kind  = call.template choice<vit::BlockKind>("block");
  auto const model = vit::encoder_weights(weights.table, weights.parameters, kind);
  vit::EncoderOptions const options{.heads            = call.integer("heads"),
                                    .pool             = call.template choice<vit::EncoderPool>("pool"),
                                    .channel_agnostic = call.flag("channel_agnostic"),
                                    .no_embed_class   = call.flag("no_embed_class"),
                                    .fc_norm          = call.flag("fc_norm"),
                                    .epsilon          = call.number("epsilon")};
  auto const image_gradient = call.template output<4>("image_gradient", call.extents("image"));
  auto const gradient       = weights.gradients();
  auto const gradients      = vit::encoder_gradients(weights.table, gradient, kind);
  if (call.extents("output_gradient").size() == 3)
    vit::encoder_backward(call.exec(), call.template view<3>("output_gradient"), image, model, none, image_gradient, gradients, options);
  else
    vit::encoder_backward(call.exec(), call.template view<2>("output_gradient"), image, model, none, image_gradient, gradients, options);
  weights.report(call, gradient);
}

}  // namespace

OCELLUS_CONFORMANCE_REGISTER(registry) {
  auto const block = choice("block", {"standard", "parallel_scaling"}, "standard");
  registry.add({"vit.instance_standardize",
                {.inputs  = {pixels("image", "(N, C, H, W)")},
                 .options = {number("divisor", 255.0), number("epsilon", 1e-5)},
                 .outputs = {output("output", "(N, C, H, W)")}},
                OCELLUS_CONFORMANCE_RUN(instance_standardize)});
  registry.add({"vit.patch_embed",
                {.inputs  = {real("image", "(N, C, H, W)"), real("weight", "(D, C|1, P, Q)"), real("bias", "(D)").optional()},
                 .options = {flag("channel_agnostic", false)},
                 .outputs = {output("tokens", "(N, L, D) or (N, C L, D)")}},
                OCELLUS_CONFORMANCE_RUN(patch_embed)});
  registry.add(
      {"vit.position_table",
       {.options = {integer_option("rows"), integer_option("columns"), integer_option("dim").runner(), choice("convention", {"row_first", "column_first"}),
                    flag("class_token", true), integer_option("channels", 1).runner(), number("temperature", 10000.0)},
        .outputs = {output("table", "(class + channels rows columns, dim)")}},
       OCELLUS_CONFORMANCE_RUN(position_table)});
  registry.add({"vit.resample_position_table",
                {.inputs  = {real("table", "(prefix + rows columns, D)")},
                 .options = {integer_option("rows"), integer_option("columns"), integer_option("new_rows"), integer_option("new_columns"),
                             integer_option("prefix_tokens", 1), choice("interpolation", {"bicubic", "bilinear"}, "bicubic"), flag("antialias", true)},
                 .outputs = {output("output", "(prefix + new_rows new_columns, D)")}},
                OCELLUS_CONFORMANCE_RUN(resample_position_table)});
  registry.add({"vit.transformer_block",
                {.inputs  = {real("input", "(N, T, D)"), set("weights")},
                 .options = {integer_option("heads"), block, number("epsilon", 1e-6)},
                 .outputs = {output("output", "(N, T, D)")}},
                OCELLUS_CONFORMANCE_RUN(transformer_block)});
  registry.add({"vit.pool",
                {.inputs  = {real("tokens", "(N, T, D)")},
                 .options = {choice("pool", {"token", "avg", "max", "avgmax", "channel_avg"}), integer_option("prefix_tokens", 1),
                             flag("include_prefix", false), integer_option("channels", 1).runner()},
                 .outputs = {output("output", "(N, D); channel_avg (N, C, D)")}},
                OCELLUS_CONFORMANCE_RUN(pool)});
  registry.add({"vit.attention_pool",
                {.inputs  = {real("tokens", "(N, T, D)"), set("weights")},
                 .options = {integer_option("heads"), number("epsilon", 1e-6)},
                 .outputs = {output("output", "(N, D)")}},
                OCELLUS_CONFORMANCE_RUN(attention_pool)});
  registry.add({"vit.encoder",
                {.inputs  = {real("image", "(N, C, H, W)"), set("weights")},
                 .options = {integer_option("heads"), block, choice("pool", {"token", "avg", "max", "avgmax", "channel_avg", "map", "none"}, "token"),
                             flag("channel_agnostic", false), flag("no_embed_class", false), flag("fc_norm", true), number("epsilon", 1e-6)},
                 .outputs = {output("output", "(N, D); channel_avg (N, C, D); none (N, T, D)")}},
                OCELLUS_CONFORMANCE_RUN(encoder)});
  registry.add({"vit.patch_embed_backward",
                {.inputs  = {real("image", "(N, C, H, W)"), real("weight", "(D, C|1, P, Q)"), real("bias", "(D)").optional(),
                             real("tokens_gradient", "(N, L, D) or (N, C L, D)")},
                 .options = {flag("channel_agnostic", false)},
                 .outputs = {output("image_gradient", "(N, C, H, W)"), output("weight_gradient", "shape of weight"), output("bias_gradient", "(D)")}},
                OCELLUS_CONFORMANCE_RUN(patch_embed_backward)});
  registry.add({"vit.transformer_block_backward",
                {.inputs  = {real("input", "(N, T, D)"), set("weights"), real("output_gradient", "(N, T, D)")},
                 .options = {integer_option("heads"), block, number("epsilon", 1e-6)},
                 .outputs = {output("input_gradient", "(N, T, D)"), output("weights_gradient", "set of weights")}},
                OCELLUS_CONFORMANCE_RUN(transformer_block_backward)});
  registry.add({"vit.pool_backward",
                {.inputs  = {real("tokens", "(N, T, D)"), real("output_gradient", "(N, D); channel_avg (N, C, D)")},
                 .options = {choice("pool", {"token", "avg", "max", "avgmax", "channel_avg"}), integer_option("prefix_tokens", 1),
                             flag("include_prefix", false), integer_option("channels", 1).runner()},
                 .outputs = {output("tokens_gradient", "(N, T, D)")}},
                OCELLUS_CONFORMANCE_RUN(pool_backward)});
  registry.add({"vit.attention_pool_backward",
                {.inputs  = {real("tokens", "(N, T, D)"), set("weights"), real("output_gradient", "(N, D)")},
                 .options = {integer_option("heads"), number("epsilon", 1e-6)},
                 .outputs = {output("tokens_gradient", "(N, T, D)"), output("weights_gradient", "set of weights")}},
                OCELLUS_CONFORMANCE_RUN(attention_pool_backward)});
  registry.add({"vit.encoder_backward",
                {.inputs  = {real("image", "(N, C, H, W)"), set("weights"), real("output_gradient", "shape of the output")},
                 .options = {integer_option("heads"), block, choice("pool", {"token", "avg", "max", "avgmax", "channel_avg", "map", "none"}, "token"),
                             flag("channel_agnostic", false), flag("no_embed_class", false), flag("fc_norm", true), number("epsilon", 1e-6)},
                 .outputs = {output("image_gradient", "(N, C, H, W)"), output("weights_gradient", "set of weights")}},
                OCELLUS_CONFORMANCE_RUN(encoder_backward)});
}

}  // namespace ocellus::conformance
