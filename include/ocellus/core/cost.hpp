// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What a kernel has to do at least, whatever the machine: benchmarks divide by it.

namespace ocellus {

/// Work of one call, as doubles since they are only ever divided.
struct Cost {
  double flops         = 0;  ///< floating-point additions and multiplications; a fused multiply-add counts two
  double special       = 0;  ///< exponentials, logarithms, roots, divisions, erf, tanh
  double bytes_read    = 0;  ///< compulsory: every input once
  double bytes_written = 0;  ///< compulsory: every output once

  [[nodiscard]] constexpr double bytes() const { return bytes_read + bytes_written; }

  friend constexpr Cost operator+(Cost a, Cost const& b) {
    a.flops += b.flops;
    a.special += b.special;
    a.bytes_read += b.bytes_read;
    a.bytes_written += b.bytes_written;
    return a;
  }
  friend constexpr Cost operator*(double count, Cost a) {
    a.flops *= count;
    a.special *= count;
    a.bytes_read *= count;
    a.bytes_written *= count;
    return a;
  }
};

}  // namespace ocellus
