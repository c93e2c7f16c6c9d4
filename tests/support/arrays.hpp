// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Arrays for tests: of any layout, filled with NaN, framed by guard values; read and written as row-major doubles.

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#include <ocellus/core.hpp>

namespace ocellus::test {

/// An array of the wanted layout in one buffer. Outside the elements, before, between (padded strides) and behind them, the buffer holds a guard pattern.
template <class T, int Rank, class Layout, class Exec>
class TestArray {
 public:
  using Space = typename Exec::memory_space;
  using View  = Kokkos::View<data_type_of_rank_t<T, Rank>, Layout, Space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;

  /// Every element is NaN (integers: the guard pattern).
  explicit TestArray(std::array<std::int64_t, Rank> extents) : extents_(extents) {
    compute_strides();
    bytes_    = Kokkos::View<std::byte*, Space>("ocellus::test::array", (2 * guard + span_) * sizeof(T));
    auto host = Kokkos::create_mirror_view(bytes_);
    std::memset(host.data(), guard_byte, host.size());
    if constexpr (std::numeric_limits<T>::has_quiet_NaN || std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>) {
      T const poison = static_cast<T>(std::numeric_limits<float>::quiet_NaN());
      for_each_element([&](std::size_t, std::size_t offset) { std::memcpy(host.data() + (guard + offset) * sizeof(T), &poison, sizeof(T)); });
    }
    Kokkos::deep_copy(bytes_, host);
  }

  TestArray(std::array<std::int64_t, Rank> extents, std::vector<double> const& row_major) : TestArray(extents) { assign(row_major); }

  [[nodiscard]] std::size_t size() const {
    std::size_t size = 1;
    for (auto const e : extents_) size *= static_cast<std::size_t>(e);
    return size;
  }

  void assign(std::vector<double> const& row_major) {
    ASSERT_EQ(row_major.size(), size());
    auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), bytes_);
    for_each_element([&](std::size_t index, std::size_t offset) {
      T const value = static_cast<T>(row_major[index]);
      std::memcpy(host.data() + (guard + offset) * sizeof(T), &value, sizeof(T));
    });
    Kokkos::deep_copy(bytes_, host);
  }

  /// The elements in row-major order.
  [[nodiscard]] std::vector<double> values() const {
    auto const host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), bytes_);
    std::vector<double> result(size());
    for_each_element([&](std::size_t index, std::size_t offset) {
      T value;
      std::memcpy(&value, host.data() + (guard + offset) * sizeof(T), sizeof(T));
      result[index] = static_cast<double>(value);
    });
    return result;
  }

  [[nodiscard]] View view() const {
    auto* const data = reinterpret_cast<T*>(bytes_.data()) + guard;
    if constexpr (std::is_same_v<Layout, Kokkos::LayoutStride>) {
      Kokkos::LayoutStride layout;
      for (int axis = 0; axis < Rank; ++axis) {
        layout.dimension[axis] = static_cast<std::size_t>(extents_[axis]);
        layout.stride[axis]    = strides_[axis];
      }
      return View(data, layout);
    } else {
      Layout layout;
      for (int axis = 0; axis < Rank; ++axis) layout.dimension[axis] = static_cast<std::size_t>(extents_[axis]);
      return View(data, layout);
    }
  }

  /// Whether nothing outside the elements was written.
  [[nodiscard]] bool guards_intact() const {
    auto const host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), bytes_);
    std::vector<bool> is_element(2 * guard + span_, false);
    for_each_element([&](std::size_t, std::size_t offset) { is_element[guard + offset] = true; });
    for (std::size_t i = 0; i < is_element.size(); ++i) {
      for (std::size_t b = 0; !is_element[i] && b < sizeof(T); ++b) {
        if (host(i * sizeof(T) + b) != std::byte{guard_byte}) return false;
      }
    }
    return true;
  }

 private:
  static constexpr std::size_t guard        = 64;
  static constexpr unsigned char guard_byte = 0xA5;

  void compute_strides() {
    std::size_t const padding = std::is_same_v<Layout, Kokkos::LayoutStride> ? 3 : 0;
    std::size_t stride        = 1;
    for (int i = 0; i < Rank; ++i) {
      int const axis = std::is_same_v<Layout, Kokkos::LayoutLeft> ? i : Rank - 1 - i;
      strides_[axis] = stride;
      stride *= static_cast<std::size_t>(extents_[axis]) + padding;
    }
    span_ = stride;
  }

  template <class Body>
  void for_each_element(Body const& body) const {
    std::array<std::int64_t, Rank> at{};
    for (std::size_t index = 0; index < size(); ++index) {
      std::size_t offset = 0;
      for (int axis = 0; axis < Rank; ++axis) offset += static_cast<std::size_t>(at[axis]) * strides_[axis];
      body(index, offset);
      for (int axis = Rank - 1; axis >= 0 && ++at[axis] == extents_[axis]; --axis) at[axis] = 0;
    }
  }

  std::array<std::int64_t, Rank> extents_;
  std::array<std::size_t, Rank> strides_{};
  std::size_t span_ = 0;
  Kokkos::View<std::byte*, Space> bytes_;
};

/// `count` reproducible normal numbers, each representable in float.
inline std::vector<double> random_values(std::size_t count, std::uint32_t sample = 0, double scale = 1.0, double shift = 0.0) {
  RandomSequence const sequence{.seed = 20240601, .stream = RandomStream::test, .step = 0, .sample = sample};
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<double>(static_cast<float>(shift + scale * sequence.normal(i)));
  return values;
}

/// `values` after a round trip through T: what a kernel really gets.
template <class T>
std::vector<double> rounded(std::vector<double> values) {
  for (double& value : values) value = static_cast<double>(static_cast<T>(value));
  return values;
}

/// Same bits, NaN included.
inline void expect_same_bits(std::vector<double> const& got, std::vector<double> const& want) {
  ASSERT_EQ(got.size(), want.size());
  EXPECT_TRUE(got.empty() || std::memcmp(got.data(), want.data(), got.size() * sizeof(double)) == 0);
}

/// |got - want| <= bound * unit[i] for every element (NaN equals NaN); the worst ratio is logged as a test property and returned.
inline double expect_within(std::vector<double> const& got, std::vector<double> const& want, std::vector<double> const& unit, double bound) {
  EXPECT_EQ(got.size(), want.size());
  double worst = 0.0;
  for (std::size_t i = 0; i < got.size() && i < want.size(); ++i) {
    if (std::isnan(want[i]) || std::isinf(want[i])) {
      EXPECT_TRUE(std::isnan(want[i]) ? std::isnan(got[i]) : got[i] == want[i]) << "element " << i << ": got " << got[i] << ", want " << want[i];
      continue;
    }
    double const difference = std::abs(got[i] - want[i]);
    double const ratio      = difference == 0.0 ? 0.0 : difference / unit[i];
    if (!(ratio <= worst)) worst = ratio;
    if (!(ratio <= bound)) {
      ADD_FAILURE() << "element " << i << ": got " << got[i] << ", want " << want[i] << ", error " << ratio << " units, bound " << bound;
      break;
    }
  }
  ::testing::Test::RecordProperty("worst_error_in_units", std::to_string(worst));
  return worst;
}

/// The same with one unit for all elements.
inline double expect_within(std::vector<double> const& got, std::vector<double> const& want, double unit, double bound) {
  return expect_within(got, want, std::vector<double>(want.size(), unit), bound);
}

}  // namespace ocellus::test
