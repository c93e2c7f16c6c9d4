// SPDX-License-Identifier: Apache-2.0

// Adapters of ocellus::video; adapter.hpp says how they are written.

#include "adapter.hpp"

#include <ocellus/video.hpp>

namespace ocellus::conformance {
namespace {

/// Clips (T, H, W) get a channel axis of 1.
template <class Pixel, class Real, class Exec>
void filter_pixels(Call<Real, Exec>& call, video::TemporalFilterOptions const& options) {
  auto extents = call.extents("frames");
  if (extents.size() == 3) extents.insert(extents.begin() + 1, 1);
  auto const frames = call.template upload<Pixel, 4>("frames", call.array("frames"), extents);
  bool const picks  = options.method == video::TemporalMethod::median || options.method == video::TemporalMethod::percentile;
  if constexpr (std::is_integral_v<Pixel>) {
    if (picks) {
      typename Call<Real, Exec>::template View<Pixel, 4> const output("output", frames.extent(0), frames.extent(1), frames.extent(2), frames.extent(3));
      video::temporal_filter(call.exec(), frames, output, options);
      auto const values = call.values(output);
      call.derive_indices("output", call.extents("frames"), {values.begin(), values.end()});
      return;
    }
  }
  video::temporal_filter(call.exec(), frames, call.template output<4>("output", extents, call.extents("frames")), options);
}

template <class Real, class Exec>
void temporal_filter(Call<Real, Exec>& call) {
  video::TemporalFilterOptions const options{.method           = call.template choice<video::TemporalMethod>("method"),
                                             .window           = call.integer("window"),
                                             .edge             = call.template choice<video::TemporalEdge>("edge"),
                                             .alpha            = call.number("alpha"),
                                             .level            = call.number("level"),
                                             .min_weight       = call.number("min_weight"),
                                             .max_weight       = call.number("max_weight"),
                                             .polynomial_order = call.integer("polynomial_order"),
                                             .derivative       = call.integer("derivative"),
                                             .percentile       = call.number("percentile"),
                                             .sigma_time       = call.number("sigma_time"),
                                             .sigma_value      = call.number("sigma_value")};
  auto const& stored = call.array("frames").stored_as;
  if (stored == "uint8")
    filter_pixels<std::uint8_t>(call, options);
  else if (stored == "uint16")
    filter_pixels<std::uint16_t>(call, options);
  else
    filter_pixels<Real>(call, options);
}

template <class Real, class Exec>
void temporal_weight(Call<Real, Exec>& call) {
  auto const features = call.template view<4>("features");
  auto const weights  = call.template output<1>("weights", {extent(features, 0)});
  auto const output   = call.template output<3>("output", {extent(features, 0) * extent(features, 1), extent(features, 2), extent(features, 3)});
  video::temporal_weight(call.exec(), features, weights, output,
                         {.level = call.number("level"), .min_weight = call.number("min_weight"), .max_weight = call.number("max_weight")});
}

/// Calls with both images as they were stored.
template <class Real, class Exec, class Body>
void with_image_pair(Call<Real, Exec>& call, Body const& body) {
  if (call.array("truth").stored_as == "uint8" && call.array("test").stored_as == "uint8")
    body(call.template typed<std::uint8_t, 3>("truth"), call.template typed<std::uint8_t, 3>("test"));
  else
    body(call.template view<3>("truth"), call.template view<3>("test"));
}

template <class Real, class Exec>
void psnr(Call<Real, Exec>& call) {
  with_image_pair(call, [&](auto const& truth, auto const& test) {
    video::psnr(call.exec(), truth, test, call.template output<0>("psnr", {}), {.data_range = call.number("data_range")});
  });
}

template <class Real, class Exec>
void ssim(Call<Real, Exec>& call) {
  video::SsimOptions const options{.data_range        = call.number("data_range"),
                                   .window            = call.integer("window"),
                                   .gaussian          = call.flag("gaussian"),
                                   .sigma             = call.number("sigma"),
                                   .sample_covariance = call.flag("sample_covariance"),
                                   .k1                = call.number("k1"),
                                   .k2                = call.number("k2")};
  with_image_pair(call, [&](auto const& truth, auto const& test) {
    auto const map = call.template output_if_wanted<3>("map", call.extents("truth"));
    video::ssim(call.exec(), truth, test, map, call.template output<0>("ssim", {}), options);
  });
}

template <class Real, class Exec>
void estimate_noise(Call<Real, Exec>& call) {
  auto const frames = call.template view<3>("frames");
  video::estimate_noise(call.exec(), frames, call.template output<1>("sigma", {extent(frames, 0)}));
}

template <class Real, class Exec>
void flow_warp(Call<Real, Exec>& call) {
  auto const x = call.template view<4>("x");
  video::flow_warp(call.exec(), x, call.template view<4>("flow"), call.template output<4>("output", call.extents("x")),
                   {.mode = call.template choice<video::WarpMode>("mode"), .edge = call.template choice<video::WarpEdge>("edge")});
}

template <class Real, class Exec>
void flow_warp_backward(Call<Real, Exec>& call) {
  auto const x             = call.template view<4>("x");
  auto const x_gradient    = call.template output_if_wanted<4>("x_gradient", call.extents("x"));
  auto const flow_gradient = call.template output_if_wanted<4>("flow_gradient", call.extents("flow"));
  video::flow_warp_backward(call.exec(), x, call.template view<4>("flow"), call.template view<4>("output_gradient"), x_gradient, flow_gradient,
                            {.mode = call.template choice<video::WarpMode>("mode"), .edge = call.template choice<video::WarpEdge>("edge")});
}

template <class Real, class Exec>
void rotate4(Call<Real, Exec>& call) {
  auto const x = call.template view<4>("x");
  video::rotate4(call.exec(), x, call.template output<4>("output", {4 * extent(x, 0), extent(x, 1), extent(x, 2), extent(x, 3)}));
}

template <class Real, class Exec>
void unrotate4(Call<Real, Exec>& call) {
  auto const x = call.template view<4>("x");
  video::unrotate4(call.exec(), x, call.template output<4>("output", {extent(x, 0) / 4, 4 * extent(x, 1), extent(x, 2), extent(x, 3)}));
}

template <class Real, class Exec>
void blind_max_pool(Call<Real, Exec>& call) {
  auto const x = call.template view<4>("x");
  video::blind_max_pool(call.exec(), x, call.template output<4>("output", {extent(x, 0), extent(x, 1), extent(x, 2) / 2, extent(x, 3) / 2}),
                        {.blind = call.flag("blind")});
}

template <class Real, class Exec>
void gaussian_posterior(Call<Real, Exec>& call) {
  video::gaussian_posterior(call.exec(), call.template view<4>("mean"), call.template view<4>("factor"), call.template view<4>("noisy"),
                            call.template output<4>("output", call.extents("mean")), {.sigma = call.number("sigma")});
}

template <class Real, class Exec>
void gaussian_likelihood(Call<Real, Exec>& call) {
  video::gaussian_likelihood(call.exec(), call.template view<4>("mean"), call.template view<4>("factor"), call.template view<4>("truth"),
                             call.template output<0>("loss", {}), {.sigma = call.number("sigma")});
}

template <class Real, class Exec>
void gaussian_likelihood_backward(Call<Real, Exec>& call) {
  auto const mean_gradient   = call.template output_if_wanted<4>("mean_gradient", call.extents("mean"));
  auto const factor_gradient = call.template output_if_wanted<4>("factor_gradient", call.extents("factor"));
  video::gaussian_likelihood_backward(call.exec(), call.template view<4>("mean"), call.template view<4>("factor"), call.template view<4>("truth"),
                                      mean_gradient, factor_gradient, {.sigma = call.number("sigma")});
}

template <class Real, class Exec>
void window_attention(Call<Real, Exec>& call) {
  auto const window = call.integers("window"), shift = call.integers("shift");
  if (window.size() != 3 || shift.size() != 3) throw BadCase("window and shift have 3 numbers");
  video::window_attention(call.exec(), call.template view<5>("x"), call.template view<2>("qkv_weight"), call.template view<1>("qkv_bias"),
                          call.template view<2>("proj_weight"), call.template view<1>("proj_bias"), call.template view<2>("position_bias"),
                          call.template output<5>("output", call.extents("x")),
                          {.window = {window[0], window[1], window[2]}, .shift = {shift[0], shift[1], shift[2]}});
}

}  // namespace

OCELLUS_CONFORMANCE_REGISTER(registry) {
  registry.add({"video.temporal_filter",
                {.inputs  = {pixels("frames", "(T, H, W) or (T, C, H, W)")},
                 .options = {choice("method", {"median", "mean", "exponential", "weighted", "savitzky_golay", "percentile", "bilateral"}, "median"),
                             integer_option("window", 5), choice("edge", {"clamp", "reflect"}, "reflect"), number("alpha", 0.5), number("level", 1.0),
                             number("min_weight", 0.0), number("max_weight", 1.0), integer_option("polynomial_order", 2), integer_option("derivative", 0),
                             number("percentile", 10.0), number("sigma_time", 1.5), number("sigma_value", 0.1)},
                 .outputs = {output("output", "shape of frames")}},
                OCELLUS_CONFORMANCE_RUN(temporal_filter)});
  registry.add({"video.temporal_weight",
                {.inputs  = {real("features", "(N, K, H, W)")},
                 .options = {number("level", 1.0), number("min_weight", 0.0), number("max_weight", 1.0)},
                 .outputs = {output("weights", "(N)"), output("output", "(N K, H, W)")}},
                OCELLUS_CONFORMANCE_RUN_16(temporal_weight)});
  registry.add({"video.psnr",
                {.inputs = {pixels("truth", "(C, H, W)"), pixels("test", "(C, H, W)")}, .options = {number("data_range")}, .outputs = {output("psnr", "()")}},
                OCELLUS_CONFORMANCE_RUN(psnr)});
  registry.add({"video.ssim",
                {.inputs  = {pixels("truth", "(C, H, W)"), pixels("test", "(C, H, W)")},
                 .options = {number("data_range"), integer_option("window", 7), flag("gaussian", false), number("sigma", 1.5), flag("sample_covariance", true),
                             number("k1", 0.01), number("k2", 0.03)},
                 .outputs = {output("map", "(C, H, W)"), output("ssim", "()")}},
                OCELLUS_CONFORMANCE_RUN(ssim)});
  registry.add(
      {"video.estimate_noise", {.inputs = {real("frames", "(N, H, W)")}, .outputs = {output("sigma", "(N)")}}, OCELLUS_CONFORMANCE_RUN(estimate_noise)});
  std::vector<OptionSpec> const warping{choice("mode", {"bilinear", "nearest"}, "bilinear"), choice("edge", {"zeros", "border", "reflection"}, "zeros")};
  registry.add({"video.flow_warp",
                {.inputs = {real("x", "(N, C, H, W)"), real("flow", "(N, 2, H, W)")}, .options = warping, .outputs = {output("output", "(N, C, H, W)")}},
                OCELLUS_CONFORMANCE_RUN_16(flow_warp)});
  registry.add({"video.flow_warp_backward",
                {.inputs  = {real("x", "(N, C, H, W)"), real("flow", "(N, 2, H, W)"), real("output_gradient", "(N, C, H, W)")},
                 .options = warping,
                 .outputs = {output("x_gradient", "(N, C, H, W)"), output("flow_gradient", "(N, 2, H, W)")}},
                OCELLUS_CONFORMANCE_RUN(flow_warp_backward)});
  registry.add(
      {"video.rotate4", {.inputs = {real("x", "(N, C, S, S)")}, .outputs = {output("output", "(4 N, C, S, S)")}}, OCELLUS_CONFORMANCE_RUN_16(rotate4)});
  registry.add(
      {"video.unrotate4", {.inputs = {real("x", "(4 N, C, S, S)")}, .outputs = {output("output", "(N, 4 C, S, S)")}}, OCELLUS_CONFORMANCE_RUN_16(unrotate4)});
  registry.add({"video.blind_max_pool",
                {.inputs = {real("x", "(N, C, H, W)")}, .options = {flag("blind", true)}, .outputs = {output("output", "(N, C, H/2, W/2)")}},
                OCELLUS_CONFORMANCE_RUN_16(blind_max_pool)});
  auto const gaussian = [](char const* image) {
    return std::vector<InputSpec>{real("mean", "(N, C, H, W)"), real("factor", "(N, C (C + 1) / 2, H, W)"), real(image, "(N, C, H, W)")};
  };
  registry.add({"video.gaussian_posterior",
                {.inputs = gaussian("noisy"), .options = {number("sigma")}, .outputs = {output("output", "(N, C, H, W)")}},
                OCELLUS_CONFORMANCE_RUN(gaussian_posterior)});
  registry.add({"video.gaussian_likelihood",
                {.inputs = gaussian("truth"), .options = {number("sigma")}, .outputs = {output("loss", "()")}},
                OCELLUS_CONFORMANCE_RUN(gaussian_likelihood)});
  registry.add({"video.gaussian_likelihood_backward",
                {.inputs  = gaussian("truth"),
                 .options = {number("sigma")},
                 .outputs = {output("mean_gradient", "(N, C, H, W)"), output("factor_gradient", "(N, C (C + 1) / 2, H, W)")}},
                OCELLUS_CONFORMANCE_RUN(gaussian_likelihood_backward)});
  registry.add({"video.window_attention",
                {.inputs  = {real("x", "(B, T, H, W, C)"), real("qkv_weight", "(3 C, C)"), real("qkv_bias", "(3 C)").optional(), real("proj_weight", "(C, C)"),
                             real("proj_bias", "(C)").optional(), real("position_bias", "((2a-1)(2b-1)(2c-1), heads)")},
                 .options = {integers("window", nullptr), integers("shift", nullptr)},
                 .outputs = {output("output", "(B, T, H, W, C)")}},
                OCELLUS_CONFORMANCE_RUN(window_attention)});
}

}  // namespace ocellus::conformance
