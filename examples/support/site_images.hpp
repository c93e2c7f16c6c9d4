// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <ocellus/core/tensor.hpp>
#include <ocellus/io/image_data.hpp>

#include "support/plate_table.hpp"

namespace ocellus::examples {

/// A site's images as floats in units of their full scale (0 to 1 for 8- and 16-bit files).
struct SiteImages {
  HostTensor<float***> channels;  ///< (C, H, W)
};

/// Errors: UserError when the images of a site differ in size or its region does not lie in them; io::FileError when a file is bad.
SiteImages read_site(Site const& site, std::vector<std::string> const& channels);

/// One grey image of one page.
///
/// Errors: UserError when the file holds more; io::FileError when it is bad.
io::Image read_grey_image(std::filesystem::path const& path);

/// Where the site lies in its images.
///
/// Errors: UserError when that is not within them.
Region region_of(Site const& site, std::int64_t height, std::int64_t width);

}  // namespace ocellus::examples
