// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/random.hpp>
#include <ocellus/core/sort.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/mae/detail/token_kernels.hpp>

namespace ocellus::mae {

/// A View of hidden-token masks: 1 = hidden.
template <class T, int Rank>
concept HiddenMask = ViewOfRank<T, Rank> && std::same_as<typename T::non_const_value_type, std::uint8_t>;
template <class T, int Rank>
concept OptionalHiddenMask = std::same_as<T, None> || HiddenMask<T, Rank>;

/// How many of `tokens` stay visible: int(tokens * (1 - ratio)) in double precision, truncated. So 9 of 100 for 0.9, since 1 - 0.9 is a little below 0.1.
///
/// Errors: `std::invalid_argument` when ratio is outside 0..1 (NaN too), naming `function`.
[[nodiscard]] inline std::int64_t kept_tokens(std::int64_t tokens, double ratio, std::string_view function = "ocellus::mae::kept_tokens") {
  require(ratio >= 0.0 && ratio <= 1.0, function, "ratio is ", ratio, ", not within 0 and 1");
  return static_cast<std::int64_t>(static_cast<double>(tokens) * (1.0 - ratio));
}

struct RandomMaskingOptions {
  std::uint64_t seed         = 0;
  std::uint32_t step         = 0;
  std::uint32_t first_sample = 0;  ///< number of the first image: image n of the batch draws as sample first_sample + n
};

namespace detail {

template <class Keep, class Restore, class Mask>
void check_masking(char const* function, std::string const& name, std::int64_t images, std::int64_t tokens, Keep const& keep, Restore const& restore,
                   Mask const& mask) {
  std::string const rows = name + ".extent(0)", columns = name + ".extent(1)";
  require_equal(function, {"keep.extent(0)", extent(keep, 0)}, {rows, images});
  require(extent(keep, 1) <= tokens, function, "keep.extent(1) is ", extent(keep, 1), " but ", columns, " is only ", tokens);
  require_equal(function, {"restore.extent(0)", extent(restore, 0)}, {rows, images});
  require_equal(function, {"restore.extent(1)", extent(restore, 1)}, {columns, tokens});
  require_equal(function, {"mask.extent(0)", extent(mask, 0)}, {rows, images});
  require_equal(function, {"mask.extent(1)", extent(mask, 1)}, {columns, tokens});
}

/// Sorts and writes what the order says.
template <ExecutionSpace Exec, class Keys, class Keep, class Restore, class Mask>
void mask_by_keys(Exec const& exec, char const* function, Keys const& keys, Keep const& keep, Restore const& restore, Mask const& mask,
                  WorkspaceFor<Exec>& workspace) {
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const order = workspace.template take<std::int64_t**>(function, extent(keys, 0), extent(keys, 1));
  using Order      = std::remove_const_t<decltype(order)>;
  argsort_rows(exec, keys, order, {}, workspace);
  for_each_row(exec, function, extent(keys, 0), MaskByOrder<TeamMember<Exec>, Order, Keep, Restore, Mask>{order, keep, restore, mask});
}

template <class Key, ExecutionSpace Exec>
[[nodiscard]] std::size_t masking_bytes(Exec const& exec, std::int64_t images, std::int64_t tokens) {
  return workspace_bytes<std::int64_t>(static_cast<std::size_t>(images * tokens)) + argsort_rows_workspace_size<Key>(exec, images, tokens);
}

}  // namespace detail

/// Bytes of workspace that `random_masking` takes.
template <ExecutionSpace Exec, RealView<2> Noise, IndexView<2> Keep, IndexView<2> Restore, HiddenMask<2> Mask>
[[nodiscard]] std::size_t random_masking_workspace_size(Exec const& exec, Noise const& noise, Keep const&, Restore const&, Mask const&) {
  return detail::masking_bytes<element_t<Noise>>(exec, extent(noise, 0), extent(noise, 1));
}

/// Chooses which tokens an encoder sees.
///
///     shuffle = argsort(noise);   keep = shuffle[:K];   restore = argsort(shuffle);   mask = 1 where restore >= K
///
/// noise (N, L) -> keep (N, K), restore (N, L), mask (N, L) with 1 = hidden. K, from `kept_tokens`, may be 0. The tokens with the least noise are kept, in the
/// order of their noise; of equal noise the lower token comes first, NaN comes last.
///
/// Errors: `std::invalid_argument` when an output does not fit the noise, or when K is above L.
/// Error bound: exact.
/// Determinism: an image's choice depends on its noise alone.
/// Allocates: nothing. Synchronises: no.
/// Source: K. He et al., "Masked autoencoders are scalable vision learners", arXiv 2111.06377.
template <ExecutionSpace Exec, RealView<2> Noise, IndexView<2> Keep, IndexView<2> Restore, HiddenMask<2> Mask>
  requires AccessibleFrom<Exec, Noise, Keep, Restore, Mask>
void random_masking(Exec const& exec, Noise const& noise, Keep const& keep, Restore const& restore, Mask const& mask, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::mae::random_masking";
  detail::check_masking(function, "noise", extent(noise, 0), extent(noise, 1), keep, restore, mask);
  detail::mask_by_keys(exec, function, noise, keep, restore, mask, workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Noise, IndexView<2> Keep, IndexView<2> Restore, HiddenMask<2> Mask>
  requires AccessibleFrom<Exec, Noise, Keep, Restore, Mask>
void random_masking(Exec const& exec, Noise const& noise, Keep const& keep, Restore const& restore, Mask const& mask) {
  WorkspaceFor<Exec> workspace(exec, random_masking_workspace_size(exec, noise, keep, restore, mask));
  random_masking(exec, noise, keep, restore, mask, workspace);
  exec.fence("ocellus::mae::random_masking");
}

/// Bytes of workspace that `random_masking` with its own noise takes.
template <ExecutionSpace Exec, IndexView<2> Keep, IndexView<2> Restore, HiddenMask<2> Mask>
[[nodiscard]] std::size_t random_masking_workspace_size(Exec const& exec, Keep const&, Restore const& restore, Mask const&, RandomMaskingOptions const& = {}) {
  return detail::masking_bytes<std::uint32_t>(exec, extent(restore, 0), extent(restore, 1)) + workspace_bytes<std::uint32_t>(element_count(restore));
}

/// The same with noise of its own: 32-bit integers of the stream `masking`, a function of (seed, step, sample, token), so that an image's choice is the same in
/// every precision, batch and backend.
template <ExecutionSpace Exec, IndexView<2> Keep, IndexView<2> Restore, HiddenMask<2> Mask>
  requires AccessibleFrom<Exec, Keep, Restore, Mask>
void random_masking(Exec const& exec, Keep const& keep, Restore const& restore, Mask const& mask, RandomMaskingOptions const& options,
                    WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::mae::random_masking";
  detail::check_masking(function, "restore", extent(restore, 0), extent(restore, 1), keep, restore, mask);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const keys = workspace.template take<std::uint32_t**>(function, extent(restore, 0), extent(restore, 1));
  using Keys      = std::remove_const_t<decltype(keys)>;
  RandomSequence const sequence{.seed = options.seed, .stream = RandomStream::masking, .step = options.step, .sample = options.first_sample};
  for_each_row(exec, "ocellus::mae::random_masking::noise", extent(keys, 0), detail::FillNoise<TeamMember<Exec>, Keys>{keys, sequence});
  detail::mask_by_keys(exec, function, keys, keep, restore, mask, workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, IndexView<2> Keep, IndexView<2> Restore, HiddenMask<2> Mask>
  requires AccessibleFrom<Exec, Keep, Restore, Mask>
void random_masking(Exec const& exec, Keep const& keep, Restore const& restore, Mask const& mask, RandomMaskingOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, random_masking_workspace_size(exec, keep, restore, mask, options));
  random_masking(exec, keep, restore, mask, options, workspace);
  exec.fence("ocellus::mae::random_masking");
}

/// Work of masking `images` of `tokens` tokens: the noise is read, the three outputs are written.
[[nodiscard]] constexpr Cost random_masking_cost(double images, double tokens, double kept, double bytes_per_element) {
  return {.flops = 0, .special = 0, .bytes_read = images * tokens * bytes_per_element, .bytes_written = images * (kept * 8 + tokens * 9)};
}

}  // namespace ocellus::mae
