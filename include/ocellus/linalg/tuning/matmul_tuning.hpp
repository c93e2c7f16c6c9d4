// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/instruction_set.hpp>
#include <ocellus/core/kokkos.hpp>

namespace ocellus::linalg {

/// Tile sizes of `matmul` and `batched_matmul`. The primary template is the row of devices: a team owns a tile of the output, each of its threads a part. No row
/// changes a result: an element is one chain of multiply-adds over ascending k, whatever the tile.
template <class Exec, class Scalar>
struct MatmulTuning {
  static constexpr bool team_tiles    = true;  ///< a team owns a tile (devices only); else a vector lane owns an element
  static constexpr int team_rows      = 64;
  static constexpr int team_columns   = sizeof(Scalar) == 8 ? 32 : 64;
  static constexpr int team_depth     = 8;  ///< terms of a slab in the team's scratch memory
  static constexpr int thread_rows    = 8;   ///< a thread's part of the tile, in registers; a multiple of 4
  static constexpr int thread_columns = sizeof(Scalar) == 8 ? 4 : 8;

  static constexpr bool register_tiles = false;  ///< pack blocks and keep a tile of accumulators in registers (host backends only)
  static constexpr int tile_rows       = 1;
  static constexpr int tile_vectors    = 1;
  static constexpr int chunk_rows      = 1;
  static constexpr int depth           = 1;
  static constexpr int block_columns   = 1;
};

/// Host backends: the tile's accumulators take 28 of 32 vector registers (AVX-512) or 12 of 16. A tile's share of a and b, `depth` terms long, stays in the
/// nearest cache or the next; `chunk_rows` rows of a are packed at a time, and b, where it was not packed before, for `block_columns` columns.
template <class Exec, class Scalar>
  requires(is_host_execution_v<Exec>)
struct MatmulTuning<Exec, Scalar> {
  static constexpr bool team_tiles     = false;
  static constexpr bool register_tiles = true;
  static constexpr int tile_rows       = host_vector_bytes == 64 ? 14 : 6;
  static constexpr int tile_vectors    = 2;
  static constexpr int chunk_rows      = host_vector_bytes == 64 ? 112 : 96;
  static constexpr int depth           = sizeof(Scalar) == 8 ? 384 : 768;
  static constexpr int block_columns   = 1024;
};

}  // namespace ocellus::linalg
