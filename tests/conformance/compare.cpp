// SPDX-License-Identifier: Apache-2.0
#include "compare.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>

namespace ocellus::conformance {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// A scalar of shape () and one of shape (1) are the same.
std::vector<std::int64_t> shape_of(Array const& array) { return array.extents.empty() ? std::vector<std::int64_t>{1} : array.extents; }

/// |got - want|; NaN equals NaN and an infinity itself, all else of them is infinitely wrong.
double difference(double got, double want) {
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got) ? 0.0 : infinity;
  if (got == want) return 0.0;
  return std::isinf(got) || std::isinf(want) ? infinity : std::abs(got - want);
}

/// An infinite error is never allowed, not even where the wanted infinity makes the tolerance infinite.
double in_units(double error, double allowed) {
  return error == 0.0 ? 0.0 : allowed > 0.0 && std::isfinite(error) && std::isfinite(allowed) ? error / allowed : infinity;
}

Comparison verdict(double worst, std::string const& reason) { return worst <= 1.0 ? Comparison{true, worst, ""} : Comparison{false, worst, reason}; }

std::string at(std::size_t i, double got, double want) {
  std::ostringstream text;
  text.precision(9);
  text << "element " << i << ": got " << got << ", want " << want;
  return text.str();
}

Comparison close(Array const& got, Array const& want, Tolerance tolerance) {
  double worst = 0.0;
  std::string reason;
  for (std::size_t i = 0; i < want.size(); ++i) {
    double const ratio = in_units(difference(got.real(i), want.real(i)), tolerance.atol + tolerance.rtol * std::abs(want.real(i)));
    if (ratio > worst) worst = ratio, reason = at(i, got.real(i), want.real(i));
  }
  return verdict(worst, reason);
}

Comparison scaled(Array const& got, Array const& want, Tolerance tolerance, std::optional<std::int64_t> axis) {
  auto const extents  = shape_of(want);
  std::int64_t slices = 1, inner = 1;
  if (axis) {
    std::int64_t const a = *axis < 0 ? *axis + static_cast<std::int64_t>(extents.size()) : *axis;
    if (a < 0 || a >= static_cast<std::int64_t>(extents.size()))
      throw std::runtime_error("axis " + std::to_string(*axis) + " is not one of " + to_string(extents));
    slices = extents[static_cast<std::size_t>(a)];
    for (auto b = static_cast<std::size_t>(a) + 1; b < extents.size(); ++b) inner *= extents[b];
  }
  std::vector<double> largest(static_cast<std::size_t>(slices), 0.0);
  auto const slice = [&](std::size_t i) { return axis ? static_cast<std::size_t>(static_cast<std::int64_t>(i) / inner % slices) : std::size_t{0}; };
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (std::isfinite(want.real(i))) largest[slice(i)] = std::max(largest[slice(i)], std::abs(want.real(i)));
  }
  double worst = 0.0;
  std::string reason;
  for (std::size_t i = 0; i < want.size(); ++i) {
    double const ratio = in_units(difference(got.real(i), want.real(i)), tolerance.rtol * largest[slice(i)]);
    if (ratio > worst) worst = ratio, reason = at(i, got.real(i), want.real(i));
  }
  return verdict(worst, reason);
}

Comparison exact(Array const& got, Array const& want) {
  bool const integers = got.type == ElementType::integer && want.type == ElementType::integer;
  for (std::size_t i = 0; i < want.size(); ++i) {
    bool const same = integers ? got.integers[i] == want.integers[i] : difference(got.real(i), want.real(i)) == 0.0;
    if (!same) return {false, infinity, at(i, got.real(i), want.real(i))};
  }
  return {true, 0.0, ""};
}

Comparison same_set(Array const& got, Array const& want) {
  auto const sorted = [](Array const& array) {
    std::vector<double> values;
    for (std::size_t i = 0; i < array.size(); ++i) values.push_back(array.real(i));
    // NaN last, so that the order is strict.
    std::sort(values.begin(), values.end(), [](double a, double b) { return std::isnan(b) ? !std::isnan(a) : a < b; });
    return values;
  };
  return exact(make_array(want.extents, sorted(got)), make_array(want.extents, sorted(want)));
}

Comparison column_sign(Array got, Array const& want, Tolerance tolerance, std::optional<std::int64_t> axis) {
  auto const extents        = shape_of(want);
  std::size_t const columns = static_cast<std::size_t>(extents.back());
  for (std::size_t c = 0; c < columns; ++c) {
    double product = 0.0;
    for (std::size_t i = c; i < want.size(); i += columns) {
      if (std::isfinite(got.real(i)) && std::isfinite(want.real(i))) product += got.real(i) * want.real(i);
    }
    for (std::size_t i = c; product < 0.0 && i < want.size(); i += columns) got.reals[i] = -got.reals[i];
  }
  return scaled(got, want, tolerance, axis);
}

Array times_own_transpose(Array const& matrix) {
  if (matrix.extents.size() != 2) throw std::runtime_error("gram compares matrices, not an array of shape " + to_string(matrix.extents));
  auto const rows = static_cast<std::size_t>(matrix.extents[0]), columns = static_cast<std::size_t>(matrix.extents[1]);
  Array product = make_array({matrix.extents[0], matrix.extents[0]}, std::vector<double>(rows * rows, 0.0));
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < rows; ++j) {
      for (std::size_t k = 0; k < columns; ++k) product.reals[i * rows + j] += matrix.real(i * columns + k) * matrix.real(j * columns + k);
    }
  }
  return product;
}

Comparison compare_arrays(Array const& got, Expectation const& expectation, Array const& want, std::string const& precision) {
  auto const& how = expectation.compare;
  if (how == "gram") {
    // Matrices known up to a rotation may differ in their number of columns.
    if (got.extents.size() != 2 || want.extents.size() != 2 || got.extents[0] != want.extents[0]) {
      return {false, infinity, "shape " + to_string(got.extents) + ", want " + to_string(want.extents)};
    }
    return scaled(times_own_transpose(got), times_own_transpose(want), tolerance_for(expectation, precision), expectation.axis);
  }
  if (shape_of(got) != shape_of(want)) return {false, infinity, "shape " + to_string(got.extents) + ", want " + to_string(want.extents)};
  if (how == "exact") return exact(got, want);
  if (how == "set") return same_set(got, want);
  if (how == "close") return close(got, want, tolerance_for(expectation, precision));
  if (how == "scaled") return scaled(got, want, tolerance_for(expectation, precision), expectation.axis);
  if (how == "column_sign") return column_sign(got, want, tolerance_for(expectation, precision), expectation.axis);
  if (how == "at_most") {
    for (std::size_t i = 0; i < want.size(); ++i) {
      if (!(got.real(i) <= want.real(i))) return {false, infinity, at(i, got.real(i), want.real(i)) + " at most"};
    }
    return {true, 0.0, ""};
  }
  throw std::runtime_error("compare \"" + how + "\" is unknown");
}

}  // namespace

Tolerance tolerance_for(Expectation const& expectation, std::string const& precision) {
  bool const narrow = precision == "float16" || precision == "bfloat16";
  auto const found  = expectation.tolerance.find(narrow ? "float32" : precision);
  if (found == expectation.tolerance.end()) throw std::runtime_error("the case has no tolerance for " + precision);
  double const factor = precision == "float16" ? 8192.0 : precision == "bfloat16" ? 65536.0 : 1.0;
  return {found->second.rtol * factor, found->second.atol * factor};
}

Comparison compare(Value const& got, Expectation const& expectation, std::string const& precision) {
  Value const& want = expectation.want;
  if (got.is_set != want.is_set) return {false, infinity, want.is_set ? "a set is wanted, one array came" : "one array is wanted, a set came"};
  if (!want.is_set) return compare_arrays(got.array, expectation, want.array, precision);
  for (auto const& [name, array] : got.set) {
    if (want.set.count(name) == 0) return {false, infinity, "tensor \"" + name + "\" is not wanted"};
  }
  Comparison worst{true, 0.0, ""};
  for (auto const& [name, array] : want.set) {
    auto const found = got.set.find(name);
    if (found == got.set.end()) return {false, infinity, "tensor \"" + name + "\" is missing"};
    auto const one = compare_arrays(found->second, expectation, array, precision);
    if (!one.passed) return {false, one.worst, name + ": " + one.reason};
    worst.worst = std::max(worst.worst, one.worst);
  }
  return worst;
}

Comparison compare_refusal(std::string const& message, std::string const& kind, std::string const& function, Expectation const& expectation) {
  if (kind != expectation.kind) return {false, infinity, "threw " + kind + ", want " + expectation.kind + ": " + message};
  if (kind == "invalid_argument") {
    std::size_t const length = function.size();
    if (message.rfind(function, 0) != 0 || (message.size() > length && (std::isalnum(static_cast<unsigned char>(message[length])) || message[length] == '_'))) {
      return {false, infinity, "the message does not start with " + function + ": " + message};
    }
  }
  std::istringstream words(expectation.error);
  for (std::string word; words >> word;) {
    if (message.find(word) == std::string::npos) return {false, infinity, "the message lacks \"" + word + "\": " + message};
  }
  return {true, 0.0, ""};
}

}  // namespace ocellus::conformance
