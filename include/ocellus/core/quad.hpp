// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace ocellus {

/// Four numbers that a device loads together.
template <class Real>
struct alignas(4 * sizeof(Real)) Quad {
  Real number[4];
};

}  // namespace ocellus
