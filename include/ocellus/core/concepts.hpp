// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The vocabulary of every signature: which execution space, which rank, which scalar, and the tag for an array that is not there.

#include <concepts>
#include <cstdint>
#include <type_traits>

#include <ocellus/core/kokkos.hpp>
#include <ocellus/core/precision.hpp>

namespace ocellus {

/// Passed in place of an optional array (bias, mask, residual): the code for it is not instantiated.
struct None {};
inline constexpr None none{};

template <class T>
concept ExecutionSpace = Kokkos::is_execution_space_v<T>;

template <class T>
concept MemorySpace = Kokkos::is_memory_space_v<T>;

template <class T>
concept AnyView = Kokkos::is_view_v<T>;

template <class T>
concept OptionalView = std::same_as<T, None> || AnyView<T>;

template <class T, int Rank>
concept ViewOfRank = AnyView<T> && static_cast<int>(T::rank()) == Rank;

template <class T, int Rank>
concept OptionalViewOfRank = std::same_as<T, None> || ViewOfRank<T, Rank>;

/// A View of group keys, gather lists or offsets: any signed integer, `std::int64_t` recommended.
template <class T, int Rank>
concept IndexView = ViewOfRank<T, Rank> && std::signed_integral<typename T::non_const_value_type>;

template <class T, int Rank>
concept OptionalIndexView = std::same_as<T, None> || IndexView<T, Rank>;

/// A label image: any integer but bool, 0 is background.
template <class T, int Rank>
concept LabelView = ViewOfRank<T, Rank> && std::integral<typename T::non_const_value_type> && !std::same_as<typename T::non_const_value_type, bool>;

/// A true/false mask: true takes part.
template <class T, int Rank>
concept MaskView = ViewOfRank<T, Rank> && std::same_as<typename T::non_const_value_type, bool>;

template <class T, int Rank>
concept OptionalMaskView = std::same_as<T, None> || MaskView<T, Rank>;

/// float or double: what arithmetic is done in.
template <class T>
concept RealScalar = std::same_as<T, float> || std::same_as<T, double>;

/// What real arrays may hold; the 16-bit types are storage only.
template <class T>
concept StorageScalar = RealScalar<T> || std::same_as<T, float16> || std::same_as<T, bfloat16>;

/// A View of float, double, float16 or bfloat16.
template <class T, int Rank>
concept RealView = ViewOfRank<T, Rank> && StorageScalar<typename T::non_const_value_type>;

template <class T, int Rank>
concept OptionalRealView = std::same_as<T, None> || RealView<T, Rank>;

namespace detail {
template <class Exec, class T>
struct IsAccessibleFrom : std::bool_constant<Kokkos::SpaceAccessibility<Exec, typename T::memory_space>::accessible> {};
template <class Exec>
struct IsAccessibleFrom<Exec, None> : std::true_type {};
}  // namespace detail

/// Kernels of `Exec` may touch every one of these Views (`None` always passes).
template <class Exec, class... Views>
concept AccessibleFrom = (detail::IsAccessibleFrom<Exec, Views>::value && ...);

}  // namespace ocellus
