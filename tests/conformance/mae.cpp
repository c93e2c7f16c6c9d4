// SPDX-License-Identifier: Apache-2.0

// Adapters of ocellus::mae; adapter.hpp says how they are written.

#include "adapter.hpp"

#include <ocellus/mae.hpp>

namespace ocellus::conformance {
namespace {

template <class Real, class Exec>
using Hidden = Tensor<std::uint8_t**, typename Exec::memory_space>;

/// A mask of hidden tokens as an output: the kernel writes uint8, a case stores integers.
template <class Real, class Exec>
[[nodiscard]] Hidden<Real, Exec> hidden_mask(Call<Real, Exec>&, std::int64_t images, std::int64_t tokens) {
  return Hidden<Real, Exec>("mask", static_cast<std::size_t>(images), static_cast<std::size_t>(tokens));
}

template <class Real, class Exec>
void report_mask(Call<Real, Exec>& call, Hidden<Real, Exec> const& mask) {
  auto const values = call.values(mask);
  call.derive_indices("mask", {extent(mask, 0), extent(mask, 1)}, {values.begin(), values.end()});
}

template <class Real, class Exec>
void random_masking(Call<Real, Exec>& call) {
  auto const noise        = call.template view<2>("noise");
  std::int64_t const kept = mae::kept_tokens(extent(noise, 1), call.number("ratio"), "ocellus::mae::random_masking");
  auto const mask         = hidden_mask(call, extent(noise, 0), extent(noise, 1));
  mae::random_masking(call.exec(), noise, call.template output_indices<2>("keep", {extent(noise, 0), kept}),
                      call.template output_indices<2>("restore", {extent(noise, 0), extent(noise, 1)}), mask);
  report_mask(call, mask);
}

template <class Real, class Exec>
void informed_masking(Call<Real, Exec>& call) {
  auto const score        = call.template view<2>("score");
  std::int64_t const kept = mae::kept_tokens(extent(score, 1), call.number("ratio"), "ocellus::mae::informed_masking");
  auto const mask         = hidden_mask(call, extent(score, 0), extent(score, 1));
  mae::informed_masking(call.exec(), score, call.template output_indices<2>("keep", {extent(score, 0), kept}),
                        call.template output_indices<2>("restore", {extent(score, 0), extent(score, 1)}), mask);
  report_mask(call, mask);
}

/// n / d rounded down; 0 for a patch of nothing, which the kernel refuses.
std::int64_t fitting(std::int64_t n, std::int64_t d) { return d > 0 ? n / d : 0; }

template <class Real, class Exec>
void patch_scores(Call<Real, Exec>& call) {
  auto const map = call.template view<3>("map");
  mae::PatchScoresOptions const options{.patch = call.integer("patch"), .reduce = call.template choice<mae::PatchReduction>("reduce")};
  mae::patch_scores(call.exec(), map,
                    call.template output<2>("score", {extent(map, 0), fitting(extent(map, 1), options.patch) * fitting(extent(map, 2), options.patch)}),
                    options);
}

template <class Real, class Exec>
void ensemble_uncertainty(Call<Real, Exec>& call) {
  auto const probability = call.template view<4>("probability");
  auto const& all        = call.extents("probability");
  auto const output      = [&](char const* name) { return call.template output_if_wanted<3>(name, {all[1], all[2], all[3]}); };
  auto const mean = output("mean"), entropy = output("entropy"), information = output("mutual_information"), variance = output("variance");
  mae::ensemble_uncertainty(call.exec(), probability, mean, entropy, information, variance);
}

template <class Real, class Exec>
void gather_tokens(Call<Real, Exec>& call) {
  auto const tokens = call.template view<3>("tokens");
  auto const keep   = call.template indices<2>("keep");
  mae::gather_tokens(call.exec(), tokens, keep, call.template output<3>("visible", {extent(tokens, 0), extent(keep, 1), extent(tokens, 2)}));
}

template <class Real, class Exec>
void gather_tokens_backward(Call<Real, Exec>& call) {
  auto const gradient = call.template view<3>("visible_gradient");
  mae::gather_tokens_backward(call.exec(), gradient, call.template indices<2>("keep"),
                              call.template output<3>("tokens_gradient", {extent(gradient, 0), call.integer("tokens"), extent(gradient, 2)}));
}

template <class Real, class Exec>
void unshuffle_tokens(Call<Real, Exec>& call) {
  auto const visible = call.template view<3>("visible");
  auto const restore = call.template indices<2>("restore");
  mae::unshuffle_tokens(call.exec(), visible, call.template view<1>("mask_token"), restore,
                        call.template output<3>("tokens", {extent(visible, 0), extent(restore, 1), extent(visible, 2)}));
}

template <class Real, class Exec>
void unshuffle_tokens_backward(Call<Real, Exec>& call) {
  auto const gradient = call.template view<3>("tokens_gradient");
  mae::unshuffle_tokens_backward(call.exec(), gradient, call.template indices<2>("restore"),
                                 call.template output<3>("visible_gradient", {extent(gradient, 0), call.integer("visible"), extent(gradient, 2)}),
                                 call.template output<1>("mask_token_gradient", {extent(gradient, 2)}));
}

template <class Real, class Exec>
void patchify(Call<Real, Exec>& call) {
  auto const image = call.template view<4>("image");
  mae::PatchifyOptions const options{.patch = call.integer("patch"), .channel_agnostic = call.flag("channel_agnostic")};
  std::int64_t const channels = extent(image, 1), patches = fitting(extent(image, 2), options.patch) * fitting(extent(image, 3), options.patch);
  std::int64_t const pixels = options.patch * options.patch;
  mae::patchify(call.exec(), image,
                call.template output<3>("tokens", {extent(image, 0), options.channel_agnostic ? channels * patches : patches,
                                                   options.channel_agnostic ? pixels : channels * pixels}),
                options);
}

template <class Real, class Exec>
void unpatchify(Call<Real, Exec>& call) {
  auto const tokens = call.template view<3>("tokens");
  mae::unpatchify(call.exec(), tokens,
                  call.template output<4>("image", {extent(tokens, 0), call.integer("channels"), call.integer("rows"), call.integer("columns")}),
                  {.patch = call.integer("patch"), .channel_agnostic = call.flag("channel_agnostic")});
}

template <class Real, class Exec>
void pixel_loss(Call<Real, Exec>& call) {
  mae::pixel_loss(call.exec(), call.template view<3>("prediction"), call.template view<3>("target"), call.template typed<std::uint8_t, 2>("mask"),
                  call.template output<0>("loss", {}), {.normalize_target = call.flag("normalize_target")});
}

template <class Real, class Exec>
void pixel_loss_backward(Call<Real, Exec>& call) {
  mae::pixel_loss_backward(call.exec(), call.template view<3>("prediction"), call.template view<3>("target"), call.template typed<std::uint8_t, 2>("mask"),
                           call.template output<3>("prediction_gradient", call.extents("prediction")), {.normalize_target = call.flag("normalize_target")});
}

template <class Real, class Exec>
void fourier_loss(Call<Real, Exec>& call) {
  mae::fourier_loss(call.exec(), call.template view<4>("prediction"), call.template view<4>("target"), call.template typed<std::uint8_t, 2>("mask"),
                    call.template output<0>("loss", {}), {.kind = call.template choice<mae::FourierLossKind>("kind")});
}

template <class Real, class Exec>
void fourier_loss_backward(Call<Real, Exec>& call) {
  mae::fourier_loss_backward(call.exec(), call.template view<4>("prediction"), call.template view<4>("target"), call.template typed<std::uint8_t, 2>("mask"),
                             call.template output<4>("prediction_gradient", call.extents("prediction")),
                             {.kind = call.template choice<mae::FourierLossKind>("kind")});
}

bool ends_with(std::string const& text, std::string const& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool is_fixed(std::string const& name) { return name.find("pos_embed") != std::string::npos || ends_with(name, "placeholder"); }

bool decays(std::string const& name, std::vector<std::int64_t> const& extents) { return extents.size() > 1 && !ends_with(name, ".bias"); }

/// A set of weights as a table of parameters and one flat array.
template <class Call>
struct Weights {
  ParameterTable table;
  typename Call::template View<typename Call::Real, 1> parameters;

  explicit Weights(Call const& call) {
    auto const& set = call.set("weights");
    for (auto const& [name, array] : set) table.add(name, array.extents, {.decay = decays(name, array.extents), .trainable = !is_fixed(name)});
    Array flat = make_array({static_cast<std::int64_t>(table.size())}, std::vector<double>(table.size(), 0.0));
    for (auto const& entry : table.entries()) {
      auto const& from = set.at(entry.name);
      for (std::size_t i = 0; i < from.size(); ++i) flat.reals[entry.offset + i] = from.real(i);
    }
    parameters = call.template upload<typename Call::Real, 1>("weights", flat, flat.extents);
  }

  /// A flat array for gradients, every element NaN.
  [[nodiscard]] auto gradients(Call const& call) const { return call.template scratch<1>("weights_gradient", {static_cast<std::int64_t>(table.size())}); }

  /// The tensors of a flat array that `wanted(name)` is true for.
  template <class Flat, class Wanted>
  void report(Call& call, std::string const& output, Flat const& flat, Wanted const& wanted) const {
    auto const values = call.values(flat);
    ArraySet tensors;
    for (auto const& entry : table.entries()) {
      auto const first = values.begin() + static_cast<std::ptrdiff_t>(entry.offset);
      if (wanted(entry.name)) tensors[entry.name] = make_array(entry.extents, {first, first + static_cast<std::ptrdiff_t>(entry.size())});
    }
    call.derive_set(output, tensors);
  }
  template <class Flat>
  void report_gradients(Call& call, Flat const& flat) const {
    report(call, "weights_gradient", flat, [](std::string const& name) { return !is_fixed(name); });
  }
};

template <class Real, class Exec>
void decoder(Call<Real, Exec>& call) {
  auto const latent  = call.template view<3>("latent");
  auto const restore = call.template indices<2>("restore");
  Weights<Call<Real, Exec>> const set(call);
  auto const weights = mae::decoder_weights(set.table, set.parameters, call.template choice<mae::DecoderNames>("names"));
  bool const fair    = weights.names == mae::DecoderNames::fair;
  mae::decoder(
      call.exec(), latent, restore, weights,
      call.template output<3>("prediction", {extent(latent, 0), extent(restore, 1) + (fair ? 0 : 1), fair ? extent(weights.pred.weight, 0) : weights.width()}),
      {.heads = call.integer("heads"), .epsilon = call.number("epsilon")});
}

template <class Real, class Exec>
void channel_agnostic_decoder(Call<Real, Exec>& call) {
  auto const latent  = call.template view<3>("latent");
  auto const restore = call.template indices<2>("restore");
  Weights<Call<Real, Exec>> const set(call);
  auto const weights = mae::channel_agnostic_decoder_weights(set.table, set.parameters);
  mae::channel_agnostic_decoder(call.exec(), latent, restore, weights,
                                call.template output<3>("tokens", {extent(latent, 0), 1 + extent(restore, 1), extent(latent, 2)}),
                                {.heads = call.integer("heads"), .epsilon = call.number("epsilon")});
}

template <class Real, class Exec>
mae::MaskedAutoencoderOptions autoencoder_options(Call<Real, Exec> const& call) {
  return {.heads            = call.integer("heads"),
          .decoder_heads    = call.integer("decoder_heads"),
          .ratio            = call.number("ratio"),
          .normalize_target = call.flag("normalize_target"),
          .fourier_weight   = call.number("fourier_weight"),
          .decoder_epsilon  = call.number("decoder_epsilon")};
}

template <class Real, class Exec>
void masked_autoencoder(Call<Real, Exec>& call) {
  auto const image = call.template view<4>("image");
  Weights<Call<Real, Exec>> const set(call);
  auto const weights         = mae::masked_autoencoder_weights(set.table, set.parameters, call.flag("channel_agnostic"));
  std::int64_t const patches = fitting(extent(image, 2), weights.patch()) * fitting(extent(image, 3), weights.patch());
  std::int64_t const tokens  = weights.channel_agnostic ? extent(image, 1) * patches : patches;
  auto const mask            = hidden_mask(call, extent(image, 0), tokens);
  mae::masked_autoencoder(call.exec(), image, call.template view<2>("noise"), weights, call.template output<0>("loss", {}),
                          call.template output<3>("prediction", {extent(image, 0), tokens, weights.prediction_width()}), mask, autoencoder_options(call));
  report_mask(call, mask);
}

template <class Real, class Exec>
void decoder_backward(Call<Real, Exec>& call) {
  auto const latent  = call.template view<3>("latent");
  auto const restore = call.template indices<2>("restore");
  Weights<Call<Real, Exec>> const set(call);
  auto const names   = call.template choice<mae::DecoderNames>("names");
  auto const weights = mae::decoder_weights(set.table, set.parameters, names);
  auto const flat    = set.gradients(call);
  mae::decoder_backward(call.exec(), call.template view<3>("prediction_gradient"), latent, restore, weights,
                        call.template output<3>("latent_gradient", call.extents("latent")), mae::decoder_gradients(set.table, flat, names),
                        {.heads = call.integer("heads"), .epsilon = call.number("epsilon")});
  set.report_gradients(call, flat);
}

template <class Real, class Exec>
void channel_agnostic_decoder_backward(Call<Real, Exec>& call) {
  auto const latent  = call.template view<3>("latent");
  auto const restore = call.template indices<2>("restore");
  Weights<Call<Real, Exec>> const set(call);
  auto const weights = mae::channel_agnostic_decoder_weights(set.table, set.parameters);
  auto const flat    = set.gradients(call);
  mae::channel_agnostic_decoder_backward(
      call.exec(), call.template view<3>("tokens_gradient"), latent, restore, weights, call.template output<3>("latent_gradient", call.extents("latent")),
      mae::channel_agnostic_decoder_gradients(set.table, flat), {.heads = call.integer("heads"), .epsilon = call.number("epsilon")});
  set.report_gradients(call, flat);
}

template <class Real, class Exec>
void masked_autoencoder_backward(Call<Real, Exec>& call) {
  Weights<Call<Real, Exec>> const set(call);
  bool const agnostic = call.flag("channel_agnostic");
  auto const weights  = mae::masked_autoencoder_weights(set.table, set.parameters, agnostic);
  auto const flat     = set.gradients(call);
  mae::masked_autoencoder_backward(call.exec(), call.template view<4>("image"), call.template view<2>("noise"), weights, call.template output<0>("loss", {}),
                                   mae::masked_autoencoder_gradients(set.table, flat, agnostic), autoencoder_options(call));
  set.report_gradients(call, flat);
}

template <class Real, class Exec>
void train_steps(Call<Real, Exec>& call) {
  Weights<Call<Real, Exec>> const set(call);
  auto const sample = call.template indices<2>("sample");
  auto const flat = set.gradients(call), first = set.gradients(call), second = set.gradients(call);
  Kokkos::deep_copy(first, Real(0));
  Kokkos::deep_copy(second, Real(0));
  auto const line = [&](char const* name) { return call.template output<1>(name, {extent(sample, 0)}); };
  auto const loss = line("loss"), norm = line("gradient_norm"), rate = line("learning_rate");
  mae::train_steps(call.exec(), call.template view<4>("images"), sample, call.template view<3>("noise"), set.table, set.parameters, first, second, flat, loss,
                   norm, rate,
                   {.model                 = autoencoder_options(call),
                    .channel_agnostic      = call.flag("channel_agnostic"),
                    .learning_rate         = call.number("learning_rate"),
                    .schedule              = call.template choice<mae::LearningRateSchedule>("schedule"),
                    .warmup_steps          = call.integer("warmup_steps"),
                    .minimum_learning_rate = call.number("minimum_learning_rate"),
                    .beta1                 = call.number("beta1"),
                    .beta2                 = call.number("beta2"),
                    .epsilon               = call.number("epsilon"),
                    .weight_decay          = call.number("weight_decay"),
                    .clip_norm             = call.number("clip_norm")});
  auto const is_key_bias = [](std::string const& name) { return ends_with(name, "attn.qkv.bias") || ends_with(name, "k_norm.bias"); };
  set.report(call, "trained_weights", set.parameters, [&](std::string const& name) { return !is_fixed(name) && !is_key_bias(name); });
  set.report(call, "trained_key_biases", set.parameters, is_key_bias);
}

}  // namespace

OCELLUS_CONFORMANCE_REGISTER(registry) {
  auto const ratio    = number("ratio", 0.75).runner();
  auto const masking  = [](char const* from) { return std::vector<InputSpec>{real(from, "(N, L)")}; };
  auto const masks    = std::vector<OutputSpec>{output("keep", "(N, K)"), output("restore", "(N, L)"), derived("mask", "(N, L)")};
  auto const agnostic = flag("channel_agnostic", false);
  registry.add({"mae.random_masking", {.inputs = masking("noise"), .options = {ratio}, .outputs = masks}, OCELLUS_CONFORMANCE_RUN(random_masking)});
  registry.add({"mae.informed_masking", {.inputs = masking("score"), .options = {ratio}, .outputs = masks}, OCELLUS_CONFORMANCE_RUN(informed_masking)});
  registry.add({"mae.patch_scores",
                {.inputs  = {real("map", "(N, H, W)")},
                 .options = {integer_option("patch"), choice("reduce", {"mean", "max"})},
                 .outputs = {output("score", "(N, H/patch W/patch)")}},
                OCELLUS_CONFORMANCE_RUN(patch_scores)});
  registry.add(
      {"mae.ensemble_uncertainty",
       {.inputs  = {real("probability", "(M, N, H, W)")},
        .outputs = {output("mean", "(N, H, W)"), output("entropy", "(N, H, W)"), output("mutual_information", "(N, H, W)"), output("variance", "(N, H, W)")}},
       OCELLUS_CONFORMANCE_RUN(ensemble_uncertainty)});
  registry.add({"mae.gather_tokens",
                {.inputs = {real("tokens", "(N, L, D)"), integer("keep", "(N, K)")}, .outputs = {output("visible", "(N, K, D)")}},
                OCELLUS_CONFORMANCE_RUN(gather_tokens)});
  registry.add({"mae.gather_tokens_backward",
                {.inputs  = {real("visible_gradient", "(N, K, D)"), integer("keep", "(N, K)")},
                 .options = {integer_option("tokens").runner()},
                 .outputs = {output("tokens_gradient", "(N, L, D)")}},
                OCELLUS_CONFORMANCE_RUN(gather_tokens_backward)});
  registry.add({"mae.unshuffle_tokens",
                {.inputs = {real("visible", "(N, K, D)"), real("mask_token", "(D)"), integer("restore", "(N, L)")}, .outputs = {output("tokens", "(N, L, D)")}},
                OCELLUS_CONFORMANCE_RUN(unshuffle_tokens)});
  registry.add({"mae.unshuffle_tokens_backward",
                {.inputs  = {real("tokens_gradient", "(N, L, D)"), integer("restore", "(N, L)")},
                 .options = {integer_option("visible").runner()},
                 .outputs = {output("visible_gradient", "(N, K, D)"), output("mask_token_gradient", "(D)")}},
                OCELLUS_CONFORMANCE_RUN(unshuffle_tokens_backward)});
  registry.add({"mae.patchify",
                {.inputs  = {real("image", "(N, C, H, W)")},
                 .options = {integer_option("patch"), agnostic},
                 .outputs = {output("tokens", "(N, L, P P C) or (N, C L, P P)")}},
                OCELLUS_CONFORMANCE_RUN(patchify)});
  registry.add({"mae.unpatchify",
                {.inputs  = {real("tokens", "(N, L, P P C) or (N, C L, P P)")},
                 .options = {integer_option("patch"), agnostic, integer_option("channels").runner(), integer_option("rows").runner(),
                             integer_option("columns").runner()},
                 .outputs = {output("image", "(N, C, H, W)")}},
                OCELLUS_CONFORMANCE_RUN(unpatchify)});
  auto const pixel_inputs   = std::vector<InputSpec>{real("prediction", "(N, L, K)"), real("target", "(N, L, K)"), integer("mask", "(N, L)")};
  auto const fourier_inputs = std::vector<InputSpec>{real("prediction", "(N, C, H, W)"), real("target", "(N, C, H, W)"), integer("mask", "(N, C)").optional()};
  auto const normalize      = flag("normalize_target", false);
  auto const kind           = choice("kind", {"l1", "l2"}, "l1");
  registry.add({"mae.pixel_loss", {.inputs = pixel_inputs, .options = {normalize}, .outputs = {output("loss", "()")}}, OCELLUS_CONFORMANCE_RUN(pixel_loss)});
  registry.add({"mae.pixel_loss_backward",
                {.inputs = pixel_inputs, .options = {normalize}, .outputs = {output("prediction_gradient", "(N, L, K)")}},
                OCELLUS_CONFORMANCE_RUN(pixel_loss_backward)});
  registry.add({"mae.fourier_loss", {.inputs = fourier_inputs, .options = {kind}, .outputs = {output("loss", "()")}}, OCELLUS_CONFORMANCE_RUN(fourier_loss)});
  registry.add({"mae.fourier_loss_backward",
                {.inputs = fourier_inputs, .options = {kind}, .outputs = {output("prediction_gradient", "(N, C, H, W)")}},
                OCELLUS_CONFORMANCE_RUN(fourier_loss_backward)});
  auto const epsilon = number("epsilon", 1e-6);
  auto const names   = choice("names", {"fair", "recursion"}, "fair");
  registry.add({"mae.decoder",
                {.inputs  = {real("latent", "(N, 1 + K, E)"), integer("restore", "(N, L)"), set("weights")},
                 .options = {integer_option("heads"), names, epsilon},
                 .outputs = {output("prediction", "(N, L, P P C); recursion (N, 1 + L, D)")}},
                OCELLUS_CONFORMANCE_RUN(decoder)});
  registry.add({"mae.channel_agnostic_decoder",
                {.inputs  = {real("latent", "(N, 1 + K, D)"), integer("restore", "(N, C L)"), set("weights")},
                 .options = {integer_option("heads"), epsilon},
                 .outputs = {output("tokens", "(N, 1 + C L, D)")}},
                OCELLUS_CONFORMANCE_RUN(channel_agnostic_decoder)});
  auto const autoencoder = std::vector<OptionSpec>{integer_option("heads"),       integer_option("decoder_heads"), number("ratio", 0.75), agnostic, normalize,
                                                   number("fourier_weight", 0.0), number("decoder_epsilon", 1e-6)};
  registry.add({"mae.masked_autoencoder",
                {.inputs  = {real("image", "(N, C, H, W)"), real("noise", "(N, L) or (N, C L)"), set("weights")},
                 .options = autoencoder,
                 .outputs = {output("loss", "()"), output("prediction", "(N, L, K)"), derived("mask", "(N, L)")}},
                OCELLUS_CONFORMANCE_RUN(masked_autoencoder)});
  registry.add({"mae.decoder_backward",
                {.inputs  = {real("prediction_gradient", "(N, L, P P C); recursion (N, 1 + L, D)"), real("latent", "(N, 1 + K, E)"),
                             integer("restore", "(N, L)"), set("weights")},
                 .options = {integer_option("heads"), names, epsilon},
                 .outputs = {output("latent_gradient", "(N, 1 + K, E)"), derived("weights_gradient", "set")}},
                OCELLUS_CONFORMANCE_RUN(decoder_backward)});
  registry.add({"mae.channel_agnostic_decoder_backward",
                {.inputs  = {real("tokens_gradient", "(N, 1 + C L, D)"), real("latent", "(N, 1 + K, D)"), integer("restore", "(N, C L)"), set("weights")},
                 .options = {integer_option("heads"), epsilon},
                 .outputs = {output("latent_gradient", "(N, 1 + K, D)"), derived("weights_gradient", "set")}},
                OCELLUS_CONFORMANCE_RUN(channel_agnostic_decoder_backward)});
  registry.add({"mae.masked_autoencoder_backward",
                {.inputs  = {real("image", "(N, C, H, W)"), real("noise", "(N, L) or (N, C L)"), set("weights")},
                 .options = autoencoder,
                 .outputs = {output("loss", "()"), derived("weights_gradient", "set")}},
                OCELLUS_CONFORMANCE_RUN(masked_autoencoder_backward)});
  auto training = autoencoder;
  for (auto const& option : {number("learning_rate", 1e-3), choice("schedule", {"constant", "cosine"}, "constant"), integer_option("warmup_steps", 0),
                             number("minimum_learning_rate", 0.0), number("beta1", 0.9), number("beta2", 0.95), number("epsilon", 1e-8),
                             number("weight_decay", 0.05), number("clip_norm", 0.0)})
    training.push_back(option);
  registry.add({"mae.train_steps",
                {.inputs  = {real("images", "(M, C, H, W)"), integer("sample", "(S, N)"), real("noise", "(S, N, L)"), set("weights")},
                 .options = training,
                 .outputs = {output("loss", "(S)"), output("gradient_norm", "(S)"), output("learning_rate", "(S)"), derived("trained_weights", "set"),
                             derived("trained_key_biases", "set")}},
                OCELLUS_CONFORMANCE_RUN(train_steps)});
}

}  // namespace ocellus::conformance
