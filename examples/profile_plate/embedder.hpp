// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <ocellus/core/tensor.hpp>

#include "settings.hpp"

namespace ocellus::examples {

struct EncoderParts;

/// A vision transformer that turns crops of cells into vectors.
///
/// Without weights: a channel-agnostic encoder with seeded random weights. It has learned nothing; it is a fixed random projection with the architecture of
/// a trained one, and the report says so.
class Embedder {
 public:
  /// Errors: UserError when the weights are for another number of channels or lack a tensor; io::FileError when the file is bad.
  Embedder(Settings const& settings, std::int64_t channels);
  ~Embedder();

  /// Side in pixels of the crops that the encoder takes.
  [[nodiscard]] std::int64_t crop() const;
  /// Length of an embedding.
  [[nodiscard]] std::int64_t width() const;
  /// "ViT width 192, 6 blocks, ..." for the report.
  [[nodiscard]] std::string description() const;
  [[nodiscard]] bool trained() const;
  /// What distinguishes this encoder's numbers from another's.
  [[nodiscard]] std::string identity() const;
  /// Remarks on the weights that were read (ignored names), for the report.
  [[nodiscard]] std::vector<std::string> const& remarks() const;

  /// crops (cells, C, S, S), in units of full scale -> (cells, width). Constant for a cell, whatever the others.
  [[nodiscard]] HostTensor<float**> embed(HostTensor<float****> const& crops) const;

  /// Weights and options, for those who go through the encoder backwards; valid as long as the embedder.
  [[nodiscard]] EncoderParts parts() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ocellus::examples
