// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ocellus/core/tensor.hpp>
#include <ocellus/io/image_data.hpp>

namespace ocellus::examples {

/// Images in memory, in their own type of pixel, from which training takes crops.
class CropPool {
 public:
  /// `name` is for messages and keys. Pages and channels together are the channels of the image.
  ///
  /// Errors: UserError when its channels are not those of the images before, or a side is smaller than `crop`.
  void add(std::string const& name, io::Image image, std::int64_t crop);

  [[nodiscard]] std::int64_t channels() const { return channels_; }
  [[nodiscard]] std::size_t images() const { return images_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// A hash of all pixels, in order.
  [[nodiscard]] std::string identity() const;

  /// The crop that sample `sample` of step `step` sees, in units of full scale: a random image, place, flip and quarter turn, a function of (seed, step,
  /// sample) and the images alone.
  void crop(std::uint64_t seed, std::uint32_t step, std::uint32_t sample, UnmanagedTensor<float***, Kokkos::HostSpace> const& to) const;

 private:
  std::vector<io::Image> images_;
  std::int64_t channels_ = 0;
  std::size_t bytes_     = 0;
};

}  // namespace ocellus::examples
