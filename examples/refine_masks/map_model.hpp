// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include <ocellus/core/parameter_table.hpp>

#include "fields.hpp"
#include "support/mae_training.hpp"

namespace ocellus::examples {

/// A masked autoencoder that knows label maps.
struct MapModel {
  ParameterTable table;
  HostTensor<float*> parameters;
  std::int64_t heads = 1, decoder_heads = 1;
  std::int64_t side  = 0;  ///< of the maps that it sees, in pixels
  std::int64_t patch = 0;
  std::string description;
  std::filesystem::path file;

  // What the report shows of a model that was learned here.
  bool learned = false;
  TrainingSettings settings;
  TrainingLog log;
  Reconstruction seen, held_out;  ///< on maps that it has learned from and on others
};

/// Learns a standard model of one channel from windows round the nuclei of all label maps that are not held out, in OUT/training. A model that an earlier run
/// left there is taken as it is when maps and settings are the same, and one that was interrupted goes on.
///
/// Errors: UserError when settings do not fit each other, no nucleus is there or training fails; io::FileError when a file cannot be read or written.
MapModel learn_maps(Settings const& settings, Fields const& fields);

/// A model from a file that `examples/train_mae` or `learn_maps` has written.
///
/// Errors: UserError when it is no standard model of one channel; io::FileError when the file is bad.
MapModel read_map_model(std::filesystem::path const& path);

}  // namespace ocellus::examples
