// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/vit/encoder.hpp>

namespace ocellus::examples {

/// What an embedder is made of, for those who go through it backwards.
struct EncoderParts {
  using Exec = Kokkos::DefaultExecutionSpace;

  vit::EncoderWeights<float, typename Exec::memory_space> weights;
  vit::EncoderOptions options;
  std::int64_t crop = 0, channels = 0, outputs = 0;
};

}  // namespace ocellus::examples
