// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>

#include <ocellus/core/kokkos.hpp>

namespace ocellus::nn {

/// How devices compute `multi_head_attention`; hosts have tiles of their own. With `team_tiles` a team owns 64 queries and takes 64 keys at a time, where heads
/// have at most 64 features; else a thread owns a query. The number of queries does not enter, so that a query's bits do not depend on how many there are.
template <class Exec, class Real>
struct AttentionTuning {
  static constexpr bool team_tiles = std::is_same_v<Real, float> && !is_host_execution_v<Exec>;
};

}  // namespace ocellus::nn
