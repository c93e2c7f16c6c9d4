// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What the machine can do at most, measured on all threads of the default host execution space.

#include <cstddef>
#include <string_view>

namespace ocellus::benchmarks {

/// Operations or bytes a second.
using Rate = double;

/// Fused multiply-adds (two operations each) on registers alone, for "float", "double", or "bfloat16": the fastest way that this program was compiled for to
/// multiply bfloat16 numbers and add in float.
[[nodiscard]] Rate multiply_add_ceiling(std::string_view type, double seconds = 0.004);

/// Bytes read plus bytes written.
enum class Traffic { copy, non_temporal_copy, read };
[[nodiscard]] Rate memory_ceiling(Traffic traffic, double seconds = 0.05);

}  // namespace ocellus::benchmarks
