// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/host_copy.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::profiling {

/// Rows gathered by key: group g has the rows rows[offsets[g]] ... rows[offsets[g + 1] - 1], in ascending order. Keys ascend.
template <MemorySpace Space>
struct RowGroups {
  std::vector<std::int64_t> keys;          ///< on the host
  std::vector<std::int64_t> host_offsets;  ///< on the host
  std::vector<std::int64_t> host_rows;     ///< on the host
  Tensor<std::int64_t*, Space> offsets, rows, group_of;

  [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(keys.size()); }
};

namespace detail {

template <ExecutionSpace Exec>
[[nodiscard]] auto indices_on_device(Exec const& exec, char const* label, std::vector<std::int64_t> const& values) {
  auto device = make_tensor<std::int64_t*>(exec, label, values.size());
  UnmanagedTensor<std::int64_t const*, Kokkos::HostSpace> const host(values.data(), values.size());
  Kokkos::deep_copy(exec, device, host);
  exec.fence(label);  // the vector may go
  return device;
}

/// Values of an index View on the host; absent: `count` zeros.
template <ExecutionSpace Exec, class Keys>
[[nodiscard]] std::vector<std::int64_t> keys_on_host(Exec const& exec, Keys const& keys, std::int64_t count) {
  std::vector<std::int64_t> result(static_cast<std::size_t>(count), 0);
  if constexpr (!std::is_same_v<Keys, None>) {
    if (is_present(keys)) {
      auto const host = copy_to_host(exec, "ocellus::profiling::keys", keys);
      for (std::size_t i = 0; i < result.size(); ++i) result[i] = static_cast<std::int64_t>(host(i));
    }
  }
  return result;
}

/// Values of a mask on the host; absent: all true.
template <ExecutionSpace Exec, class Mask>
[[nodiscard]] std::vector<char> mask_on_host(Exec const& exec, Mask const& mask, std::int64_t count) {
  std::vector<char> result(static_cast<std::size_t>(count), 1);
  if constexpr (!std::is_same_v<Mask, None>) {
    if (is_present(mask)) {
      auto const host = copy_to_host(exec, "ocellus::profiling::mask", mask);
      for (std::size_t i = 0; i < result.size(); ++i) result[i] = host(i) ? 1 : 0;
    }
  }
  return result;
}

/// Groups the rows that `use` marks; keys that occur only in other rows have empty groups.
template <ExecutionSpace Exec>
[[nodiscard]] RowGroups<typename Exec::memory_space> group_used_rows(Exec const& exec, std::vector<std::int64_t> const& keys, std::vector<char> const& use) {
  RowGroups<typename Exec::memory_space> groups;
  groups.keys = keys;
  std::sort(groups.keys.begin(), groups.keys.end());
  groups.keys.erase(std::unique(groups.keys.begin(), groups.keys.end()), groups.keys.end());
  std::vector<std::int64_t> group_of(keys.size());
  std::vector<std::vector<std::int64_t>> members(groups.keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    group_of[i] = std::lower_bound(groups.keys.begin(), groups.keys.end(), keys[i]) - groups.keys.begin();
    if (use[i] != 0) members[static_cast<std::size_t>(group_of[i])].push_back(static_cast<std::int64_t>(i));
  }
  groups.host_offsets.push_back(0);
  for (auto const& m : members) {
    groups.host_rows.insert(groups.host_rows.end(), m.begin(), m.end());
    groups.host_offsets.push_back(static_cast<std::int64_t>(groups.host_rows.size()));
  }
  groups.offsets  = indices_on_device(exec, "ocellus::profiling::group_offsets", groups.host_offsets);
  groups.rows     = indices_on_device(exec, "ocellus::profiling::group_rows", groups.host_rows);
  groups.group_of = indices_on_device(exec, "ocellus::profiling::group_of", group_of);
  return groups;
}

}  // namespace detail

/// Gathers rows by key: any integers, not necessarily contiguous or sorted.
///
///     keys ascend; the rows of a group ascend
///
/// keys (n) -> RowGroups.
///
/// Errors: none. Error bound: exact. Determinism: exact.
/// Allocates: the result; sorts on the host. Synchronises: fences `exec`.
template <ExecutionSpace Exec, IndexView<1> Keys>
  requires AccessibleFrom<Exec, Keys>
[[nodiscard]] RowGroups<typename Exec::memory_space> group_rows(Exec const& exec, Keys const& keys) {
  auto const host = detail::keys_on_host(exec, keys, extent(keys, 0));
  return detail::group_used_rows(exec, host, std::vector<char>(host.size(), 1));
}

}  // namespace ocellus::profiling
