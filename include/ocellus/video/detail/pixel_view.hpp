// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>

#include <ocellus/core/concepts.hpp>

namespace ocellus::video {

/// A View of pixels: float, double, float16, bfloat16, or unsigned integers of 8 or 16 bits as cameras give them.
template <class T, int Rank>
concept PixelView = RealView<T, Rank> ||
    (ViewOfRank<T, Rank> && (std::same_as<typename T::non_const_value_type, std::uint8_t> || std::same_as<typename T::non_const_value_type, std::uint16_t>));

}  // namespace ocellus::video
