// SPDX-License-Identifier: Apache-2.0

#include "read_images.hpp"

#include <algorithm>
#include <cstring>

#include <ocellus/io/image.hpp>

#include "support/plate_table.hpp"
#include "support/progress.hpp"
#include "support/site_images.hpp"
#include "support/text.hpp"
#include "support/user_error.hpp"

namespace ocellus::examples {
namespace {

namespace fs = std::filesystem;

/// Image files below a folder, by name.
std::vector<fs::path> image_files(fs::path const& folder) {
  if (!fs::is_directory(folder)) throw UserError("the folder of images " + folder.string() + " does not exist");
  std::vector<fs::path> files;
  for (auto const& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && names_an_image(entry.path())) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) throw UserError("there is no TIFF or PNG file in " + folder.string());
  return files;
}

/// The channels of a site as one image, in the files' own type of pixel where they agree.
io::Image site_image(Site const& site) {
  std::vector<io::Image> parts;
  for (auto const& file : site.images) parts.push_back(read_grey_image(file));
  for (std::size_t c = 0; c < parts.size(); ++c) {
    if (parts[c].height != parts[0].height || parts[c].width != parts[0].width || parts[c].type != parts[0].type)
      throw UserError("the images of site " + site.name() + " differ in size or type: " + site.images[0].string() + " and " + site.images[c].string());
  }
  auto const& first     = parts.front();
  Region const r        = region_of(site, first.height, first.width);
  std::size_t const one = size_of(first.type), line = static_cast<std::size_t>(r.width) * one;
  io::Image image{first.type, 1,       static_cast<std::int64_t>(parts.size()),
                  r.height,   r.width, std::vector<std::byte>(parts.size() * static_cast<std::size_t>(r.height) * line)};
  std::byte* to = image.bytes.data();
  for (auto const& part : parts) {
    for (std::int64_t y = 0; y < r.height; ++y, to += line)
      std::memcpy(to, part.bytes.data() + static_cast<std::size_t>((r.top + y) * part.width + r.left) * one, line);
  }
  return image;
}

}  // namespace

std::vector<std::string> read_images(Settings const& settings, CropPool& pool) {
  std::int64_t const crop = crop_side(settings);
  PlateTable table;
  std::vector<fs::path> files;
  if (settings.plate.empty())
    files = image_files(settings.images);
  else
    table = read_plate_table(settings.plate, settings.images, false);
  std::size_t const count = settings.plate.empty() ? files.size() : table.sites.size();
  auto const allowed      = static_cast<std::size_t>(settings.memory * 1073741824.0);
  Progress progress("Images", count);
  for (std::size_t i = 0; i < count; ++i) {
    if (settings.plate.empty())
      pool.add(files[i].string(), io::read_image(files[i]), crop);
    else
      pool.add("site " + table.sites[i].name(), site_image(table.sites[i]), crop);
    if (pool.bytes() > allowed)
      throw UserError("the images take more than " + std::to_string(allowed >> 20) + " MiB of memory; allow more (--memory) or give fewer images");
    progress.update(i + 1, 0);
  }
  if (!settings.plate.empty()) return table.channels;
  std::vector<std::string> names;
  for (std::int64_t c = 0; c < pool.channels(); ++c) names.push_back("channel " + std::to_string(c + 1));
  return names;
}

}  // namespace ocellus::examples
