// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/kokkos.hpp>

namespace ocellus::video {

/// How `temporal_filter` goes through a clip. The primary template is the portable row. No row changes a result: every output is formed from its window in one
/// order.
template <class Exec>
struct TemporalFilterTuning {
  static constexpr bool host_vectors            = false;  ///< a thread keeps a run of pixels in cache and works on whole vectors (host backends only)
  static constexpr std::int64_t chunk_bytes     = 8192;   ///< of the larger element type, a run of one frame
  static constexpr std::int64_t streaming_bytes = -1;     ///< outputs of at least so many bytes bypass the cache; -1: never
  static constexpr std::int64_t block_outputs   = 16;     ///< outputs of a pixel that one lane computes
};

template <class Exec>
  requires(is_host_execution_v<Exec>)
struct TemporalFilterTuning<Exec> {
  static constexpr bool host_vectors            = true;
  static constexpr std::int64_t chunk_bytes     = 8192;
  static constexpr std::int64_t streaming_bytes = std::int64_t{1} << 22;
  static constexpr std::int64_t block_outputs   = 16;
};

}  // namespace ocellus::video
