// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/tensor.hpp>

#include "encoder_parts.hpp"

namespace ocellus::examples {

/// Class activation maps of scores that are linear in an encoder's output, at the input of its last block.
///
/// The gradient of the score goes back through pool, last norm and last block to the block's input, whose tokens are the activations, less their mean over cells:
/// tokens carry positions and means that every crop has and that say nothing of a class. Each channel's grid of tokens has a map; the maps are added.
class ClassMaps {
 public:
  using Exec  = EncoderParts::Exec;
  using Space = typename Exec::memory_space;

  explicit ClassMaps(EncoderParts parts);

  /// Crops that go through the encoder together: a bound on memory.
  static constexpr std::int64_t batch = 32;

  /// Adds crops (n, C, S, S) to the mean of tokens.
  void add_to_mean(HostTensor<float****> const& crops);

  struct Maps {
    Tensor<float***, Exec> maps;          ///< (n, S, S)
    HostTensor<double**> channel_masses;  ///< (n, grids)
  };
  /// crops (n, C, S, S), n <= batch, score_gradient (n, outputs): the derivatives of each crop's score by its embedding.
  [[nodiscard]] Maps maps(HostTensor<float****> const& crops, HostTensor<float**> const& score_gradient) const;

 private:
  [[nodiscard]] Tensor<float***, Exec> tokens_before_last_block(HostTensor<float****> const& crops) const;

  Exec exec_;
  EncoderParts parts_;
  vit::EncoderWeights<float, Space> before_;  ///< all but the last block
  std::int64_t grids_ = 1, patches_ = 0, side_ = 0;
  HostTensor<double**> sum_;
  std::int64_t counted_ = 0;
};

}  // namespace ocellus::examples
