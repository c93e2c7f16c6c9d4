// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "settings.hpp"
#include "support/crop_pool.hpp"

namespace ocellus::examples {

/// Reads all images of the folder, or the sites of the plate table, and returns the channels' names.
///
/// Errors: UserError when there are none, when they do not fit each other or the memory allowed; io::FileError when one cannot be read.
std::vector<std::string> read_images(Settings const& settings, CropPool& pool);

}  // namespace ocellus::examples
