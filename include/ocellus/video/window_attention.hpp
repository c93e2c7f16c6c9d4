// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/nn/linear.hpp>
#include <ocellus/video/detail/window_attention_kernel.hpp>

namespace ocellus::video {

struct WindowAttentionOptions {
  std::array<std::int64_t, 3> window = {1, 1, 1};  ///< frames, rows, columns
  std::array<std::int64_t, 3> shift  = {0, 0, 0};  ///< how far the windows are moved; from 0 to below window
};

/// Bytes of workspace that `window_attention` takes: five times the tokens.
template <ExecutionSpace Exec, RealView<5> X, RealView<2> QkvWeight, OptionalRealView<1> QkvBias, RealView<2> ProjWeight, OptionalRealView<1> ProjBias,
          RealView<2> PositionBias, RealView<5> Output>
[[nodiscard]] std::size_t window_attention_workspace_size(Exec const&, X const& x, QkvWeight const&, QkvBias const&, ProjWeight const&, ProjBias const&,
                                                          PositionBias const&, Output const&, WindowAttentionOptions const&) {
  using Real = accumulate_of_t<X>;
  return 2 * workspace_bytes<Real>(element_count(x)) + workspace_bytes<Real>(3 * element_count(x));
}

/// Self-attention inside windows of a clip, with a bias for each displacement, on windows that may be shifted across the border.
///
///     q, k, v = qkv_weight x + qkv_bias;   output = proj_weight concat_h( softmax_key(q k^T / sqrt(C / heads) + position_bias[row, h]) v ) + proj_bias
///     row = ((dt + a - 1)(2 b - 1) + dy + b - 1)(2 c - 1) + dx + c - 1,   (dt, dy, dx) = position of the query less that of the key
///
/// x (B, T, H, W, C), an image has T = 1; qkv_weight (3 C, C), qkv_bias (3 C) or none; proj_weight (C, C), proj_bias (C) or none; position_bias
/// ((2a-1)(2b-1)(2c-1), heads) for a window a x b x c -> output (B, T, H, W, C). An axis not larger than its window takes its size as window and no shift. Zero
/// tokens pad the right, lower and rear end to multiples of the window and take part as keys (their k and v are the bias). The clip is rolled by -shift, cut
/// into windows, and rolled back; pairs from different sides of a border that was wrapped do not see each other. A NaN in a token spoils the windows that hold it.
///
/// Errors: `std::invalid_argument` when position_bias does not have the rows of the window, C is not divisible by the heads, a shape does not fit, a window is
/// below 1, or a shift is negative or not below its window.
/// Error bound: that of `nn::multi_head_attention` with the window's tokens as keys, with those of `nn::linear` before and behind.
/// Determinism: a window's bits do not depend on the other windows or on the number of threads. Allocates: nothing. Synchronises: no.
/// Source: Z. Liu, Y. Lin, Y. Cao et al., "Swin Transformer", ICCV 2021; Z. Liu, J. Ning, Y. Cao et al., "Video Swin Transformer", CVPR 2022.
template <ExecutionSpace Exec, RealView<5> X, RealView<2> QkvWeight, OptionalRealView<1> QkvBias, RealView<2> ProjWeight, OptionalRealView<1> ProjBias,
          RealView<2> PositionBias, RealView<5> Output>
  requires AccessibleFrom<Exec, X, QkvWeight, QkvBias, ProjWeight, ProjBias, PositionBias, Output>
void window_attention(Exec const& exec, X const& x, QkvWeight const& qkv_weight, QkvBias const& qkv_bias, ProjWeight const& proj_weight,
                      ProjBias const& proj_bias, PositionBias const& position_bias, Output const& output, WindowAttentionOptions const& options,
                      WorkspaceFor<Exec>& workspace) {
  constexpr auto function  = "ocellus::video::window_attention";
  using Real               = accumulate_of_t<X>;
  std::int64_t const width = extent(x, 4), heads = extent(position_bias, 1);
  auto const& w = options.window;
  for (int axis = 0; axis < 3; ++axis) {
    require(w[axis] >= 1, function, "window[", axis, "] is ", w[axis], " but must be at least 1");
    require(options.shift[axis] >= 0 && options.shift[axis] < w[axis], function, "shift[", axis, "] is ", options.shift[axis],
            " but must not be negative and must be below window[", axis, "], which is ", w[axis]);
  }
  std::int64_t const table = (2 * w[0] - 1) * (2 * w[1] - 1) * (2 * w[2] - 1);
  require(extent(position_bias, 0) == table, function, "position_bias.extent(0) is ", extent(position_bias, 0), " but a window of ", w[0], " x ", w[1], " x ",
          w[2], " has ", table, " displacements");
  require(heads > 0 && width % heads == 0, function, "x.extent(4) is ", width, ", not divisible by the heads, position_bias.extent(1), which are ", heads);
  require_equal(function, {"qkv_weight.extent(0)", extent(qkv_weight, 0)}, {"3 x.extent(4)", 3 * width});
  require_equal(function, {"qkv_weight.extent(1)", extent(qkv_weight, 1)}, {"x.extent(4)", width});
  require_equal(function, {"proj_weight.extent(0)", extent(proj_weight, 0)}, {"x.extent(4)", width});
  require_equal(function, {"proj_weight.extent(1)", extent(proj_weight, 1)}, {"x.extent(4)", width});
  if constexpr (!std::is_same_v<QkvBias, None>) {
    if (is_present(qkv_bias)) require_equal(function, {"qkv_bias.extent(0)", extent(qkv_bias, 0)}, {"3 x.extent(4)", 3 * width});
  }
  if constexpr (!std::is_same_v<ProjBias, None>) {
    if (is_present(proj_bias)) require_equal(function, {"proj_bias.extent(0)", extent(proj_bias, 0)}, {"x.extent(4)", width});
  }
  for (int axis = 0; axis < 5; ++axis)
    require(extent(output, axis) == extent(x, axis), function, "output.extent(", axis, ") is ", extent(output, axis), " but x.extent(", axis, ") is ",
            extent(x, axis));
  if (x.size() == 0) return;

  detail::WindowGrid grid;
  std::int64_t tokens = extent(x, 0), volume = 1;
  for (int axis = 0; axis < 3; ++axis) {
    auto& a         = grid.axis[axis];
    a.size          = extent(x, axis + 1);
    a.table         = w[axis];
    bool const fits = a.size <= w[axis];
    a.window        = fits ? a.size : w[axis];
    a.shift         = fits ? 0 : options.shift[axis];
    a.padded        = (a.size + a.window - 1) / a.window * a.window;
    tokens *= a.size;
    volume *= a.window;
  }
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const rows   = workspace.template take<Real**>(function, tokens, width);
  auto const merged = workspace.template take<Real**>(function, tokens, width);
  auto const qkv    = workspace.template take<Real**>(function, tokens, 3 * width);
  using Rows        = std::remove_const_t<decltype(rows)>;
  for_each_row(exec, "ocellus::video::window_attention::gather", tokens, detail::TokenRows<TeamMember<Exec>, X, Rows>{x, rows});
  nn::linear(exec, rows, qkv_weight, qkv_bias, qkv);
  detail::WindowAttentionRows<TeamMember<Exec>, Rows, QkvBias, PositionBias> const kernel{
      qkv, qkv_bias, position_bias, merged, grid, volume, static_cast<Real>(1.0 / std::sqrt(static_cast<double>(width / heads)))};
  for_each_row(exec, "ocellus::video::window_attention::attend", tokens * heads, kernel, static_cast<std::size_t>(volume) * sizeof(Real) + 64);
  nn::linear(exec, merged, proj_weight, proj_bias, rows);
  for_each_row(exec, "ocellus::video::window_attention::scatter", tokens, detail::TokensBack<TeamMember<Exec>, Rows, Output>{rows, output});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<5> X, RealView<2> QkvWeight, OptionalRealView<1> QkvBias, RealView<2> ProjWeight, OptionalRealView<1> ProjBias,
          RealView<2> PositionBias, RealView<5> Output>
  requires AccessibleFrom<Exec, X, QkvWeight, QkvBias, ProjWeight, ProjBias, PositionBias, Output>
void window_attention(Exec const& exec, X const& x, QkvWeight const& qkv_weight, QkvBias const& qkv_bias, ProjWeight const& proj_weight,
                      ProjBias const& proj_bias, PositionBias const& position_bias, Output const& output, WindowAttentionOptions const& options) {
  WorkspaceFor<Exec> workspace(exec, window_attention_workspace_size(exec, x, qkv_weight, qkv_bias, proj_weight, proj_bias, position_bias, output, options));
  window_attention(exec, x, qkv_weight, qkv_bias, proj_weight, proj_bias, position_bias, output, options, workspace);
  exec.fence("ocellus::video::window_attention");
}

/// Work on `tokens` tokens of `width` features in windows of `volume` tokens.
[[nodiscard]] constexpr Cost window_attention_cost(double tokens, double width, double heads, double volume, double bytes_per_element) {
  return {.flops         = tokens * (8 * width * width + 4 * volume * width),
          .special       = tokens * heads * volume,
          .bytes_read    = (tokens * width + 4 * width * width) * bytes_per_element,
          .bytes_written = tokens * width * bytes_per_element};
}

}  // namespace ocellus::video
