// SPDX-License-Identifier: Apache-2.0

#include "site_images.hpp"

#include <ocellus/io/image.hpp>

#include "user_error.hpp"

namespace ocellus::examples {

io::Image read_grey_image(std::filesystem::path const& path) {
  auto image = io::read_image(path);
  if (image.pages != 1 || image.channels != 1) {
    throw UserError(path.string() + " holds " + std::to_string(image.pages) + " pages of " + std::to_string(image.channels) +
                    " channels; one grey image a channel is expected");
  }
  return image;
}

Region region_of(Site const& site, std::int64_t height, std::int64_t width) {
  if (!site.has_region) return {0, 0, width, height};
  auto const& r = site.region;
  if (r.left + r.width > width || r.top + r.height > height) {
    throw UserError("the region " + std::to_string(r.left) + ", " + std::to_string(r.top) + ", " + std::to_string(r.width) + " x " + std::to_string(r.height) +
                    " of site " + site.name() + " does not lie in its images of " + std::to_string(width) + " x " + std::to_string(height) + " pixels");
  }
  return r;
}

SiteImages read_site(Site const& site, std::vector<std::string> const& channels) {
  SiteImages images;
  std::int64_t height = 0, width = 0;
  for (std::size_t c = 0; c < channels.size(); ++c) {
    auto const image = read_grey_image(site.images[c]);
    if (c == 0) {
      height = image.height;
      width  = image.width;
    } else if (image.height != height || image.width != width) {
      throw UserError("the images of site " + site.name() + " differ in size: " + site.images[0].string() + " is " + std::to_string(width) + " x " +
                      std::to_string(height) + " pixels, " + site.images[c].string() + " is " + std::to_string(image.width) + " x " +
                      std::to_string(image.height));
    }
    Region const region = region_of(site, height, width);
    if (c == 0) images.channels = make_host_tensor<float***>("ocellus::examples::site", channels.size(), region.height, region.width);
    double const scale = 1.0 / image.full_scale();
    for (std::int64_t y = 0; y < region.height; ++y) {
      for (std::int64_t x = 0; x < region.width; ++x) {
        images.channels(c, y, x) = static_cast<float>(image.at<double>(static_cast<std::size_t>((region.top + y) * width + region.left + x)) * scale);
      }
    }
  }
  return images;
}

}  // namespace ocellus::examples
