// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fields.hpp"
#include "refine.hpp"

namespace ocellus::examples {

/// Pixels of masks set against the truth.
struct Agreement {
  std::int64_t both = 0, mask_only = 0, truth_only = 0;

  void add(bool mask, bool truth) { both += mask && truth, mask_only += mask && !truth, truth_only += !mask && truth; }
  [[nodiscard]] double iou() const;   ///< NaN where there is nothing to agree on
  [[nodiscard]] double dice() const;  ///< likewise
};

/// What masks of one kind are worth.
struct Worth {
  Agreement all, uncertain;     ///< on all pixels; in uncertain patches
  std::int64_t components = 0;  ///< connected parts of the masks
  double count_error      = 0;  ///< mean over the fields of |parts - nuclei|
};

/// An ensemble on the held-out fields, before and after.
struct Verdict {
  std::string name, text;
  std::size_t fields = 0, better = 0, worse = 0;  ///< fields whose IoU rose and fell
  std::int64_t pixels = 0, uncertain = 0, changed = 0, nuclei = 0;
  Worth before, smoothed, after;  ///< smoothed: the mean smoothed by a Gaussian of 2 pixels, a rival that needs no model
};

/// Adds a field with a truth to a verdict.
void judge(Verdict& verdict, Field const& field, Refined const& refined);

/// Connected parts of a mask, corners touching.
std::int64_t parts_of(HostTensor<std::uint8_t**> const& mask);

}  // namespace ocellus::examples
