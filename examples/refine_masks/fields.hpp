// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <ocellus/core/tensor.hpp>

#include "settings.hpp"

namespace ocellus::examples {

/// One field of view: what there is of image, true label map and ensemble.
struct Field {
  std::string name;
  HostTensor<float**> image;                                  ///< (H, W), 0 to 1; empty: none
  HostTensor<std::uint8_t**> truth;                           ///< (H, W), 1 = nucleus; the line between nuclei that touch is 0; empty: none
  HostTensor<float***> probability;                           ///< (M, H, W), given by the user; empty: made from the image
  std::vector<std::pair<std::int64_t, std::int64_t>> nuclei;  ///< a middle pixel (row, column) of each nucleus of the label map
  bool held_out = false;                                      ///< the model does not learn from it

  [[nodiscard]] std::int64_t height() const { return image.size() > 0 ? extent(image, 0) : probability.size() > 0 ? extent(probability, 1) : extent(truth, 0); }
  [[nodiscard]] std::int64_t width() const { return image.size() > 0 ? extent(image, 1) : probability.size() > 0 ? extent(probability, 2) : extent(truth, 1); }
};

struct Fields {
  std::vector<Field> fields;
  std::vector<std::string> left_out;  ///< files that are no grey images
  bool own_labels = false;            ///< the label maps are segmentations made here, not somebody's truth
};

/// Reads images, label maps and probability maps, which belong together by name; segments the images where no label maps are given. Every third field with a
/// label map is held out.
///
/// Errors: UserError when there is nothing to refine or to learn from, or when files of one name do not fit each other; io::FileError when one is bad.
Fields read_fields(Settings const& settings);

}  // namespace ocellus::examples
