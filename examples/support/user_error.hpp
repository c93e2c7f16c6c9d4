// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>

namespace ocellus::examples {

/// Wrong input: the program prints the sentence and exits with status 2.
struct UserError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace ocellus::examples
