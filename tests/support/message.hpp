// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

namespace ocellus::test {

/// The message of the std::invalid_argument that `call` throws; "nothing thrown" when it does not.
template <class Call>
std::string refusal(Call const& call) {
  try {
    call();
  } catch (std::invalid_argument const& error) {
    return error.what();
  }
  return "nothing thrown";
}

}  // namespace ocellus::test
