// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Real data that lies beside a checkout and is no part of it: tests that use it are skipped where it is not.

#include <cstdlib>
#include <filesystem>
#include <string>

namespace ocellus::test {

/// The folder `name` of the data beside the project: in $OCELLUS_SHARED_DATA, or in shared/data next to a folder above the current one. Empty when there is none.
inline std::filesystem::path shared_data(std::string const& name) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (char const* const given = std::getenv("OCELLUS_SHARED_DATA"); given != nullptr)
    return fs::is_directory(fs::path(given) / name, ignored) ? fs::path(given) / name : fs::path();
  for (fs::path folder = fs::current_path(); folder.has_relative_path(); folder = folder.parent_path()) {
    fs::path const found = folder.parent_path() / "shared" / "data" / name;
    if (fs::is_directory(found, ignored)) return found;
  }
  return {};
}

}  // namespace ocellus::test
