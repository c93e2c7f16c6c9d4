// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::image {

enum class CropBorder {
  zero,    ///< pixels outside the image are 0
  mirror,  ///< the image is mirrored at its edge, edge pixel included
};

struct CropObjectsOptions {
  CropBorder border = CropBorder::mirror;
};

namespace detail {

template <class Member, class Image, class Centres, class Crops>
struct CropRows {
  Image image;
  Centres centres;
  Crops crops;
  bool mirror;

  KOKKOS_INLINE_FUNCTION static std::int64_t inside(std::int64_t i, std::int64_t size) {
    std::int64_t const period = 2 * size;
    i                         = ((i % period) + period) % period;
    return i < size ? i : period - 1 - i;
  }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const channels = extent(crops, 1), rows = extent(crops, 2), columns = extent(crops, 3), height = extent(image, 1), width = extent(image, 2);
    std::int64_t const n = item / (channels * rows), c = item / rows % channels, v = item % rows;
    double const centre_y = static_cast<double>(centres(n, 0)), centre_x = static_cast<double>(centres(n, 1));
    bool const known        = centre_y == centre_y && centre_x == centre_x;
    std::int64_t const y    = known ? static_cast<std::int64_t>(Kokkos::floor(centre_y + 0.5)) - rows / 2 + v : -1;
    std::int64_t const left = known ? static_cast<std::int64_t>(Kokkos::floor(centre_x + 0.5)) - columns / 2 : -columns;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, columns), [&](std::int64_t const u) {
      std::int64_t const x = left + u;
      bool const outside   = y < 0 || y >= height || x < 0 || x >= width;
      crops(n, c, v, u) = !known || (outside && !mirror) ? element_t<Crops>(0) : static_cast<element_t<Crops>>(image(c, inside(y, height), inside(x, width)));
    });
  }
};

}  // namespace detail

/// Cuts a rectangle round each object out of an image of many channels.
///
///     crops[n, c, v, u] = image[c, round(y_n) - S/2 + v, round(x_n) - T/2 + u]
///
/// image (C, H, W), centres (N, 2) as (y, x) in pixels -> crops (N, C, S, T). Halves round up. A centre that is NaN gives zeros.
///
/// Errors: `std::invalid_argument` when centres or crops do not fit, or the image is empty.
/// Error bound: exact, but for a conversion of the element type.
/// Determinism: exact.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<3> Image, RealView<2> Centres, RealView<4> Crops>
  requires AccessibleFrom<Exec, Image, Centres, Crops>
void crop_objects(Exec const& exec, Image const& image, Centres const& centres, Crops const& crops, CropObjectsOptions const& options = {}) {
  constexpr auto function = "ocellus::image::crop_objects";
  require(extent(centres, 1) == 2, function, "centres.extent(1) is ", extent(centres, 1), " but must be 2 (y, x)");
  require_equal(function, {"crops.extent(0)", extent(crops, 0)}, {"centres.extent(0)", extent(centres, 0)});
  require_equal(function, {"crops.extent(1)", extent(crops, 1)}, {"image.extent(0)", extent(image, 0)});
  require(extent(image, 1) > 0 && extent(image, 2) > 0, function, "image is ", extent(image, 1), " x ", extent(image, 2));
  for_each_row(exec, function, extent(crops, 0) * extent(crops, 1) * extent(crops, 2),
               detail::CropRows<TeamMember<Exec>, Image, Centres, Crops>{image, centres, crops, options.border == CropBorder::mirror});
}

/// Work of cutting `pixels` pixels in all.
[[nodiscard]] constexpr Cost crop_objects_cost(double pixels, double bytes_per_element) {
  return {.flops = 0, .special = 0, .bytes_read = pixels * bytes_per_element, .bytes_written = pixels * bytes_per_element};
}

}  // namespace ocellus::image
