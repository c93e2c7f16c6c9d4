// SPDX-License-Identifier: Apache-2.0

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/tensor.hpp>

#include <gtest/gtest.h>

namespace ocellus::test {
namespace {

template <class T, int Rank>
using Array = Kokkos::View<data_type_of_rank_t<T, Rank>, Kokkos::LayoutRight, Kokkos::HostSpace>;

TEST(Concepts, tell_spaces_views_and_their_absence_apart) {
  static_assert(ExecutionSpace<Kokkos::Serial> && !ExecutionSpace<Kokkos::HostSpace> && !ExecutionSpace<int>);
  static_assert(MemorySpace<Kokkos::HostSpace> && !MemorySpace<Kokkos::Serial>);
  static_assert(AnyView<Array<float, 2>> && !AnyView<None> && !AnyView<int>);
  static_assert(OptionalView<None> && OptionalView<Array<float, 2>> && !OptionalView<float>);
  static_assert(std::is_same_v<std::remove_const_t<decltype(none)>, None>);
}

TEST(Concepts, count_axes) {
  static_assert(ViewOfRank<Array<float, 0>, 0> && ViewOfRank<Array<float, 4>, 4> && !ViewOfRank<Array<float, 3>, 4> && !ViewOfRank<None, 3>);
  static_assert(OptionalViewOfRank<None, 3> && OptionalViewOfRank<Array<int, 3>, 3> && !OptionalViewOfRank<Array<int, 2>, 3>);
  static_assert(ViewOfRank<Kokkos::View<float* [3], Kokkos::HostSpace>, 2>, "compile-time extents count too");
}

TEST(Concepts, tell_scalar_kinds_apart) {
  static_assert(RealScalar<float> && RealScalar<double> && !RealScalar<float16> && !RealScalar<int> && !RealScalar<long double>);
  static_assert(StorageScalar<float> && StorageScalar<double> && StorageScalar<float16> && StorageScalar<bfloat16> && !StorageScalar<int>);
  static_assert(RealView<Array<bfloat16, 1>, 1> && RealView<Array<double const, 2>, 2> && !RealView<Array<int, 1>, 1> && OptionalRealView<None, 1>);
  static_assert(IndexView<Array<std::int64_t, 1>, 1> && IndexView<Array<int const, 1>, 1> && !IndexView<Array<unsigned, 1>, 1> &&
                !IndexView<Array<float, 1>, 1>);
  static_assert(LabelView<Array<std::uint16_t, 2>, 2> && LabelView<Array<int, 2>, 2> && !LabelView<Array<bool, 2>, 2> && !LabelView<Array<float, 2>, 2>);
  static_assert(MaskView<Array<bool, 2>, 2> && MaskView<Array<bool const, 2>, 2> && !MaskView<Array<std::uint8_t, 2>, 2>);
  static_assert(OptionalMaskView<None, 2> && OptionalIndexView<None, 2>);
}

TEST(Concepts, know_what_a_space_can_reach) {
  static_assert(AccessibleFrom<Kokkos::Serial, Array<float, 1>, None, Array<int, 2>>);
  static_assert(AccessibleFrom<Kokkos::Serial>);
#if defined(KOKKOS_ENABLE_CUDA)
  static_assert(!AccessibleFrom<Kokkos::Cuda, Array<float, 1>>);
#endif
}

}  // namespace
}  // namespace ocellus::test
