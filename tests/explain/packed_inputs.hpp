// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Inputs of a function with many weights as one line, so that a derivative along one direction goes through all of them; and arrays cut from it.

#include <cstdint>
#include <vector>

#include "reference/pooling.hpp"
#include "support/arrays.hpp"

namespace ocellus::test {

/// Hands out pieces of a line in turn.
template <class Real>
class Cutter {
 public:
  explicit Cutter(std::vector<Real> const& line) : line_(line) {}
  std::vector<Real> vector(std::int64_t size) {
    auto const first = line_.begin() + static_cast<std::ptrdiff_t>(at_);
    at_ += static_cast<std::size_t>(size);
    return {first, first + size};
  }
  reference::Rows<Real> rows(std::int64_t r, std::int64_t c) { return {r, c, vector(r * c)}; }

 private:
  std::vector<Real> const& line_;
  std::size_t at_ = 0;
};

inline void append(std::vector<double>& line, std::vector<double> const& part) { line.insert(line.end(), part.begin(), part.end()); }

inline double largest(std::vector<double> const& values) {
  double most = 0;
  for (double const value : values) most = std::max(most, std::abs(value));
  return most;
}

}  // namespace ocellus::test
