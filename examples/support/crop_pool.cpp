// SPDX-License-Identifier: Apache-2.0

#include "crop_pool.hpp"

#include <algorithm>

#include <ocellus/core/random.hpp>

#include "content_hash.hpp"
#include "user_error.hpp"

namespace ocellus::examples {

void CropPool::add(std::string const& name, io::Image image, std::int64_t crop) {
  std::int64_t const channels = image.pages * image.channels;
  if (images_.empty()) channels_ = channels;
  if (channels != channels_) {
    throw UserError(name + " has " + std::to_string(channels) + " channels but the images before it have " + std::to_string(channels_) +
                    "; all images must have the same");
  }
  if (image.height < crop || image.width < crop) {
    throw UserError(name + " is " + std::to_string(image.width) + " x " + std::to_string(image.height) + " pixels, smaller than a crop of " +
                    std::to_string(crop) + " x " + std::to_string(crop) + " (--crop)");
  }
  bytes_ += image.bytes.size();
  images_.push_back(std::move(image));
}

std::string CropPool::identity() const {
  ContentHash hash;
  for (auto const& image : images_) {
    hash.add(static_cast<std::int64_t>(image.type)).add(image.pages * image.channels).add(image.height).add(image.width);
    hash.add(image.bytes.data(), image.bytes.size());
  }
  return hash.hexadecimal();
}

void CropPool::crop(std::uint64_t seed, std::uint32_t step, std::uint32_t sample, UnmanagedTensor<float***, Kokkos::HostSpace> const& to) const {
  RandomSequence const random{.seed = seed, .stream = RandomStream::augmentation, .step = step, .sample = sample};
  auto const& image            = images_[random.below(0, static_cast<std::uint32_t>(images_.size()))];
  std::int64_t const side      = extent(to, 1);
  std::int64_t const top       = random.below(1, static_cast<std::uint32_t>(image.height - side + 1)),
                     left      = random.below(2, static_cast<std::uint32_t>(image.width - side + 1));
  std::uint32_t const symmetry = random.below(3, 8);
  bool const transposed = (symmetry & 1u) != 0, upside_down = (symmetry & 2u) != 0, mirrored = (symmetry & 4u) != 0;
  auto const scale = static_cast<float>(1.0 / image.full_scale());
  for (std::int64_t c = 0; c < channels_; ++c) {
    for (std::int64_t y = 0; y < side; ++y) {
      for (std::int64_t x = 0; x < side; ++x) {
        std::int64_t const v = upside_down ? side - 1 - y : y, u = mirrored ? side - 1 - x : x;
        std::int64_t const row = top + (transposed ? u : v), column = left + (transposed ? v : u);
        to(c, y, x) = image.at<float>(static_cast<std::size_t>((c * image.height + row) * image.width + column)) * scale;
      }
    }
  }
}

}  // namespace ocellus::examples
