// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::profiling::detail {

/// Rows whose similarities to all others are held at a time: memory grows with one side only.
inline constexpr std::int64_t similarity_rows = 64;

/// The same on hosts: for every thread as many as a product packs at a time, but no more numbers than the profiles themselves are. No result depends on it.
template <ExecutionSpace Exec>
[[nodiscard]] std::int64_t host_similarity_rows(Exec const& exec, std::int64_t rows, std::int64_t features) {
  constexpr std::int64_t chunk = 112;
  return std::clamp<std::int64_t>(std::min(chunk * static_cast<std::int64_t>(exec.concurrency()), std::max(chunk, features)), 1,
                                  std::max<std::int64_t>(1, rows));
}

/// Whether a pair is left out: where both keys are given and equal. Absent Views leave nothing out.
template <class QueryKeys, class BaseKeys>
KOKKOS_INLINE_FUNCTION bool same_key(QueryKeys const& query, BaseKeys const& base, std::int64_t i, std::int64_t j) {
  if constexpr (std::is_same_v<QueryKeys, None> || std::is_same_v<BaseKeys, None>)
    return false;
  else
    return is_present(query) && is_present(base) && static_cast<std::int64_t>(query(i)) == static_cast<std::int64_t>(base(j));
}

}  // namespace ocellus::profiling::detail
