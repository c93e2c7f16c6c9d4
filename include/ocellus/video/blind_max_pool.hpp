// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::video {

struct BlindMaxPoolOptions {
  bool blind = true;  ///< false: the plain 2 x 2 pool
};

namespace detail {

template <class Member, class X, class Output>
struct BlindMaxPoolRows {
  X x;
  Output output;
  bool blind;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    using Real                  = accumulate_of_t<X>;
    std::int64_t const channels = extent(output, 1), height = extent(output, 2), n = row / height / channels, c = row / height % channels, i = row % height;
    std::int64_t const shift = blind ? 1 : 0;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(output, 3)), [&](std::int64_t const j) {
      Real largest = -Kokkos::Experimental::infinity_v<Real>;
      for (std::int64_t k = 0; k < 4; ++k) {
        std::int64_t const from = 2 * i + k / 2 - shift;
        Real const value        = from < 0 ? Real(0) : static_cast<Real>(x(n, c, from, 2 * j + k % 2));
        if (!(value <= largest)) largest = largest != largest ? largest : value;
      }
      output(n, c, i, j) = static_cast<element_t<Output>>(largest);
    });
  }
};

}  // namespace detail

/// Max pool of 2 x 2 that looks upward only: the image is first shifted down by one row, a row of zeros on top, so that no output sees a row below its own.
///
/// x (N, C, H, W) -> output (N, C, H/2, W/2), floor, exact; an odd last row or column is left out. A NaN spoils the outputs that see it.
///
/// Errors: `std::invalid_argument` when the output does not fit.
/// Error bound: 0. Determinism: an output depends on its own pixels only. Allocates: nothing. Synchronises: no.
/// Source: D. Y. Sheth, S. Mohan, J. L. Vincent et al., "Unsupervised deep video denoising", ICCV 2021.
template <ExecutionSpace Exec, RealView<4> X, RealView<4> Output>
  requires AccessibleFrom<Exec, X, Output> && std::same_as<element_t<X>, element_t<Output>>
void blind_max_pool(Exec const& exec, X const& x, Output const& output, BlindMaxPoolOptions const& options = {}) {
  constexpr auto function = "ocellus::video::blind_max_pool";
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"x.extent(0)", extent(x, 0)});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"x.extent(1)", extent(x, 1)});
  require_equal(function, {"output.extent(2)", extent(output, 2)}, {"x.extent(2) / 2", extent(x, 2) / 2});
  require_equal(function, {"output.extent(3)", extent(output, 3)}, {"x.extent(3) / 2", extent(x, 3) / 2});
  for_each_row(exec, function, extent(output, 0) * extent(output, 1) * extent(output, 2),
               detail::BlindMaxPoolRows<TeamMember<Exec>, X, Output>{x, output, options.blind});
}

/// Work on `elements` elements of the input.
[[nodiscard]] constexpr Cost blind_max_pool_cost(double elements, double bytes_per_element) {
  return {.flops = elements, .special = 0, .bytes_read = elements * bytes_per_element, .bytes_written = elements / 4 * bytes_per_element};
}

}  // namespace ocellus::video
