// SPDX-License-Identifier: Apache-2.0

// The path that CUB takes on CUDA, with Thrust's sorts for hosts in its place: the same order as the portable kernels.

#include <ocellus/core/sort.hpp>

#include <algorithm>

#include <thrust/sort.h>
#include <thrust/system/cpp/execution_policy.h>
#include <thrust/system/omp/execution_policy.h>

#include "support/arrays.hpp"

namespace ocellus::test {
namespace {

struct OpenMpSystem {
  static auto policy() { return thrust::omp::par; }
};
struct SequentialSystem {
  static auto policy() { return thrust::cpp::par; }
};

template <class System>
struct ThrustSort {
  template <class Key, class Exec>
  static std::size_t scratch_bytes(Exec const&, std::int64_t, std::int64_t) {
    return 1;
  }
  template <class Key, class Exec>
  static void sort(Exec const& exec, void*, std::size_t, Key const* keys, Key* sorted_keys, std::int32_t const* places, std::int32_t* sorted_places,
                   std::int64_t rows, std::int64_t count) {
    exec.fence();
    std::copy(keys, keys + rows * count, sorted_keys);
    std::copy(places, places + rows * count, sorted_places);
    for (std::int64_t row = 0; row < rows; ++row)
      thrust::stable_sort_by_key(System::policy(), sorted_keys + row * count, sorted_keys + (row + 1) * count, sorted_places + row * count);
  }
};

/// Ties, both zeros, infinities, the largest and smallest, NaN of both signs.
template <class Key>
std::vector<double> awkward_keys(std::size_t count) {
  RandomSequence const random{.seed = 5, .stream = RandomStream::test};
  std::vector<double> keys(count);
  for (std::size_t i = 0; i < count; ++i) {
    auto const draw = random.below(i, 40);
    if constexpr (std::is_integral_v<Key>) {
      keys[i] = draw == 0   ? static_cast<double>(std::numeric_limits<Key>::lowest())
                : draw == 1 ? std::min(static_cast<double>(std::numeric_limits<Key>::max()), 9007199254740992.0)
                            : static_cast<double>(draw) - (std::is_signed_v<Key> ? 20.0 : 2.0);
    } else {
      double const nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
      double const special[] = {nan, -nan, infinity, -infinity, -0.0, 0.0, 65504.0, -65504.0, 6e-8, -6e-8};
      keys[i]                = draw < 10 ? special[draw] : (static_cast<double>(draw) - 25.0) / 4;
    }
  }
  return keys;
}

template <class T>
class LibrarySort : public ::testing::Test {};
using KeyTypes = ::testing::Types<float, double, float16, bfloat16, std::int64_t, std::uint8_t>;
TYPED_TEST_SUITE(LibrarySort, KeyTypes);

template <class System, class Key>
void expect_the_portable_order() {
  using Exec = Kokkos::OpenMP;
  Exec const exec;
  for (std::int64_t const rows : {1, 3}) {
    for (std::int64_t const count : {1, 33, 1024, 2500}) {
      for (bool const descending : {false, true}) {
        SCOPED_TRACE(::testing::Message() << rows << " x " << count << (descending ? " descending" : ""));
        TestArray<Key, 2, Kokkos::LayoutStride, Exec> const keys({rows, count}, awkward_keys<Key>(static_cast<std::size_t>(rows * count)));
        TestArray<std::int32_t, 2, Kokkos::LayoutStride, Exec> const got({rows, count}), want({rows, count});
        auto const k = keys.view();
        ASSERT_TRUE(detail::fits_library_sort(k));
        WorkspaceFor<Exec> workspace(exec, detail::library_argsort_bytes<ThrustSort<System>>(exec, k));
        detail::library_argsort_rows<ThrustSort<System>>(exec, k, got.view(), descending, workspace);
        exec.fence();
        argsort_rows(exec, k, want.view(), {.descending = descending});
        EXPECT_EQ(got.values(), want.values());
        EXPECT_TRUE(got.guards_intact());
        EXPECT_EQ(workspace.used(), 0u);
      }
    }
  }
}

TYPED_TEST(LibrarySort, gives_the_portable_order_with_thrust_on_openmp) { expect_the_portable_order<OpenMpSystem, TypeParam>(); }

TYPED_TEST(LibrarySort, gives_the_portable_order_with_thrust_on_one_thread) { expect_the_portable_order<SequentialSystem, TypeParam>(); }

TEST(LibrarySortSize, is_not_asked_for_what_it_cannot_count) {
  float* const nowhere = nullptr;
  EXPECT_FALSE(detail::fits_library_sort(UnmanagedTensor<float**, Kokkos::HostSpace>(nowhere, 0, 5)));
  EXPECT_FALSE(detail::fits_library_sort(UnmanagedTensor<float**, Kokkos::HostSpace>(nowhere, 1 << 16, 1 << 15)));
}

}  // namespace
}  // namespace ocellus::test
