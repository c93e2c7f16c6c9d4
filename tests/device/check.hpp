// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Each check calls functions on small inputs and keeps what they give; the program runs it on the host and on the device and compares.
///
/// A check is a function template over the element type and the execution space. Kernels on other machines round differently, so a kept result comes with a
/// tolerance: twice the error bound of the function's header, for this input. Integers, masks and random bits must be equal.

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include <ocellus/core.hpp>

namespace ocellus::device_test {

#if defined(KOKKOS_ENABLE_SERIAL)
using Host = Kokkos::Serial;
#else
using Host = Kokkos::DefaultHostExecutionSpace;
#endif
using Device = Kokkos::DefaultExecutionSpace;

struct Result {
  std::string name;
  std::vector<double> values;
  double tolerance = 0;  ///< absolute
};

template <class RealType, class ExecType>
class Run {
 public:
  using Real  = RealType;
  using Exec  = ExecType;
  using Space = typename Exec::memory_space;
  template <class T, int Rank>
  using Array = Tensor<data_type_of_rank_t<T, Rank>, Space>;

  Exec exec;
  std::vector<Result> results;

  /// One unit of rounding of the element type.
  static constexpr double epsilon = machine_epsilon<Real>();

  /// value(i) at the i-th place in row-major order.
  template <class T, int Rank, class Value>
  [[nodiscard]] Array<T, Rank> filled(std::array<std::int64_t, Rank> const& extents, Value const& value) const {
    Kokkos::LayoutRight layout;
    for (int axis = 0; axis < Rank; ++axis) layout.dimension[axis] = static_cast<std::size_t>(extents[static_cast<std::size_t>(axis)]);
    Array<T, Rank> const array(Kokkos::view_alloc(std::string("ocellus::device_test"), Kokkos::WithoutInitializing), layout);
    auto const host = Kokkos::create_mirror_view(array);
    for (std::size_t i = 0; i < host.size(); ++i) host.data()[i] = static_cast<T>(value(i));
    Kokkos::deep_copy(array, host);
    return array;
  }
  /// Normal numbers that float can hold.
  template <int Rank>
  [[nodiscard]] Array<Real, Rank> normal(std::array<std::int64_t, Rank> const& extents, std::uint32_t sample, double scale = 1.0, double shift = 0.0) const {
    RandomSequence const random{.seed = 7, .stream = RandomStream::test, .step = 0, .sample = sample};
    return filled<Real, Rank>(extents, [&](std::size_t i) { return static_cast<double>(static_cast<float>(shift + scale * random.normal(i))); });
  }
  /// 0 .. below - 1
  template <int Rank>
  [[nodiscard]] Array<std::int64_t, Rank> integers(std::array<std::int64_t, Rank> const& extents, std::uint32_t sample, std::uint32_t below) const {
    RandomSequence const random{.seed = 7, .stream = RandomStream::test, .step = 1, .sample = sample};
    return filled<std::int64_t, Rank>(extents, [&](std::size_t i) { return random.below(i, below); });
  }
  template <int Rank>
  [[nodiscard]] Array<bool, Rank> booleans(std::array<std::int64_t, Rank> const& extents, std::uint32_t sample, double share) const {
    RandomSequence const random{.seed = 7, .stream = RandomStream::test, .step = 2, .sample = sample};
    return filled<bool, Rank>(extents, [&](std::size_t i) { return random.uniform(i) < share; });
  }
  /// An output: NaN, or an integer that no function gives.
  template <int Rank, class T = Real>
  [[nodiscard]] Array<T, Rank> output(std::array<std::int64_t, Rank> const& extents) const {
    if constexpr (std::is_integral_v<T>)
      return filled<T, Rank>(extents, [](std::size_t) { return T(77); });
    else
      return filled<T, Rank>(extents, [](std::size_t) { return std::numeric_limits<float>::quiet_NaN(); });
  }

  template <AnyView V>
  void keep(std::string const& name, V const& view, double tolerance = 0) {
    exec.fence("ocellus::device_test::keep");
    auto const host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), view);
    Result result{name, {}, tolerance};
    for (std::size_t i = 0; i < host.size(); ++i) result.values.push_back(static_cast<double>(host.data()[i]));
    results.push_back(std::move(result));
  }
  void keep(std::string const& name, double value, double tolerance = 0) { results.push_back({name, {value}, tolerance}); }
};

/// A module's checks, run on both sides in one precision.
struct Check {
  std::string module, precision;
  std::function<std::vector<Result>()> on_host, on_device;
};

[[nodiscard]] inline std::vector<Check>& checks() {
  static std::vector<Check> all;
  return all;
}

/// `Body` is a struct with `template <class Run> static void run(Run&)`.
template <class Body>
struct Register {
  explicit Register(char const* module) {
    add<float>(module, "float32");
    add<double>(module, "float64");
  }

 private:
  template <class Real>
  void add(char const* module, char const* precision) {
    checks().push_back({module, precision, &results<Real, Host>, &results<Real, Device>});
  }
  template <class Real, class Exec>
  static std::vector<Result> results() {
    Run<Real, Exec> run;
    Body::run(run);
    return std::move(run.results);
  }
};

}  // namespace ocellus::device_test
