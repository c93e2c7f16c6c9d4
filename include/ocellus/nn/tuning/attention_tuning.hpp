// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>

#include <ocellus/core/kokkos.hpp>

namespace ocellus::nn {

/// How devices compute `multi_head_attention`; hosts have tiles of their own. With `team_tiles` a team owns 64 queries and takes 64 keys at a time, where heads
/// have at most 64 features and queries are many enough to fill a tile's quarter; else a thread owns a query.
template <class Exec, class Real>
struct AttentionTuning {
  static constexpr bool team_tiles   = std::is_same_v<Real, float> && !is_host_execution_v<Exec>;
  static constexpr int least_queries = 16;
};

}  // namespace ocellus::nn
