// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The row functions of cross_entropy_kernel.hpp on hosts, for contiguous lines: by vectors of as many lanes as a register holds doubles. All of it is
/// in doubles: converting to exponentials of floats and back takes longer.

#include <cstdint>
#include <type_traits>

#include <ocellus/core/precision.hpp>
#include <ocellus/core/simd.hpp>
#include <ocellus/core/strided.hpp>
#include <ocellus/core/vector_math.hpp>

namespace ocellus::ssl::detail {
inline namespace OCELLUS_INSTRUCTION_SET {

inline constexpr int softmax_lanes = simd_lanes<double>;
using SoftmaxVector                = Simd<double, softmax_lanes>;

/// Calls `body(first, count)` for each vector of a line; `count` is a constant for whole ones.
template <class Body>
[[gnu::always_inline]] inline void for_each_vector(std::int64_t width, Body const& body) {
  std::int64_t const whole = width / softmax_lanes * softmax_lanes;
  for (std::int64_t k = 0; k < whole; k += softmax_lanes) body(k, std::integral_constant<int, softmax_lanes>());
  if (whole < width) body(whole, width - whole);
}

/// Numbers of any storage type, through their accumulation type, as doubles; 0 behind the first `count`.
template <class T, class Count>
[[gnu::always_inline]] inline SoftmaxVector load_as_double(T const* from, Count count) {
  using Real = accumulate_t<T>;
  using V    = Simd<Real, softmax_lanes>;
  V value;
  if constexpr (std::is_same_v<Count, std::int64_t>)
    value = V::load(from, count);
  else
    value = V::load(from);
  if constexpr (std::is_same_v<Real, double>)
    return value;
  else
    return SoftmaxVector(__builtin_convertvector(value.raw, SoftmaxVector::Raw));
}

/// The first `count` doubles in any storage type, through its accumulation type.
template <class T, class Count>
[[gnu::always_inline]] inline void store_doubles(SoftmaxVector const& x, T* to, Count count) {
  using Real = accumulate_t<T>;
  using V    = Simd<Real, softmax_lanes>;
  V value;
  if constexpr (std::is_same_v<Real, double>)
    value = x;
  else
    value = V(__builtin_convertvector(x.raw, typename V::Raw));
  if constexpr (std::is_same_v<Count, std::int64_t>)
    value.store(to, count);
  else
    value.store(to);
}

/// x in the lanes that there are, `rest` behind them.
template <class Count>
[[gnu::always_inline]] inline SoftmaxVector where_present(SoftmaxVector const& x, double rest, Count count) {
  if constexpr (std::is_same_v<Count, std::int64_t>) {
    double lanes[softmax_lanes];
    x.store(lanes);
    for (std::int64_t lane = count; lane < softmax_lanes; ++lane) lanes[lane] = rest;
    return SoftmaxVector::load(lanes);
  } else {
    return x;
  }
}

/// One line of `Softmaxes`.
template <class Source>
struct SoftmaxLine {
  typename Source::Element const* logits;
  typename Source::CenterElement const* center;
  double inverse_temperature, largest, inverse_total;

  SoftmaxLine(Source const& source, std::int64_t row, bool has_moments = true)
      : logits(&source.logits.at_row(row, 0, source.logits.extents)),
        center(source.center),
        inverse_temperature(1.0 / source.temperature),
        largest(has_moments ? source.largest(row) : 0.0),
        inverse_total(has_moments ? 1.0 / source.total(row) : 0.0) {}

  template <class Count>
  [[gnu::always_inline]] SoftmaxVector value(std::int64_t k, Count count) const {
    SoftmaxVector x = load_as_double(logits + k, count);
    if (center != nullptr) x -= load_as_double(center + k, count);
    return x * SoftmaxVector(inverse_temperature);
  }
  template <class Count>
  [[gnu::always_inline]] SoftmaxVector share(std::int64_t k, Count count) const {
    return exp(value(k, count) - SoftmaxVector(largest)) * SoftmaxVector(inverse_total);
  }
};

template <class Member, class Source>
struct MomentsOfLines {
  Source source;
  double const* row_weights;

  void operator()(Member const&, std::int64_t row) const {
    using V = SoftmaxVector;
    if (row_weights != nullptr && row_weights[row] == 0) return;
    SoftmaxLine<Source> const line(source, row, false);
    std::int64_t const width = source.logits.extents[3];
    constexpr double least   = -__builtin_inf();
    V most(least), total(0.0);
    for_each_vector(width, [&](std::int64_t k, auto count) {
      V const x = where_present(line.value(k, count), least, count);
      most      = select((x > most) | (x != x), x, most);
    });
    double const largest = largest_lane(most);
    for_each_vector(width, [&](std::int64_t k, auto count) { total += where_present(exp(line.value(k, count) - V(largest)), 0.0, count); });
    source.moments[2 * row]     = largest;
    source.moments[2 * row + 1] = sum_of_lanes(total);
  }
};

template <class Member, class Student, class Teacher, class Pairs>
struct CrossEntropyLines {
  Student student;
  Teacher teacher;
  Pairs pairing;
  double* terms;
  bool divergence;

  void operator()(Member const&, std::int64_t row) const {
    using V                  = SoftmaxVector;
    std::int64_t const width = student.logits.extents[3];
    double const weight      = pairing.weight_of(row);
    double result            = 0;
    for (std::int64_t q = 0; q < pairing.partners() && weight != 0; ++q) {
      if (!pairing.takes_part(row, q)) continue;
      std::int64_t const partner = pairing.partner(row, q);
      SoftmaxLine<Student> const own(student, row);
      SoftmaxLine<Teacher> const other(teacher, partner);
      V const student_sum(student.log_sum_exp(row)), teacher_sum(teacher.log_sum_exp(partner));
      V sum(0.0);
      for_each_vector(width, [&](std::int64_t k, auto count) {
        V const t = other.share(k, count);
        V log     = student_sum - own.value(k, count);
        if (divergence) log += other.value(k, count) - teacher_sum;
        sum += where_present(select(t == V(0.0), V(0.0), t * log), 0.0, count);
      });
      result += sum_of_lanes(sum);
    }
    terms[row] = weight == 0 ? 0 : weight * result;
  }
};

template <class Member, class Student, class Teacher, class Pairs, class Gradient>
struct CrossEntropyGradientLines {
  Student student;
  Teacher teacher;
  Pairs pairing;
  Strided4<Gradient> gradient;

  void operator()(Member const&, std::int64_t row) const {
    std::int64_t const width = student.logits.extents[3];
    double const weight      = pairing.weight_of(row) / student.temperature;
    Gradient* const to       = &gradient.at_row(row, 0, student.logits.extents);
    std::int64_t partners[2];
    int count = 0;
    for (std::int64_t q = 0; q < pairing.partners() && weight != 0; ++q) {
      if (pairing.takes_part(row, q)) partners[count++] = pairing.partner(row, q);
    }
    if (count == 0) {
      for (std::int64_t k = 0; k < width; ++k) to[k] = static_cast<Gradient>(accumulate_t<Gradient>(0));
    } else if (count == 1) {
      write<1>(row, partners, weight, to);
    } else {
      write<2>(row, partners, weight, to);
    }
  }

 private:
  template <int Partners>
  void write(std::int64_t row, std::int64_t const (&partners)[2], double weight, Gradient* to) const {
    using V = SoftmaxVector;
    SoftmaxLine<Student> const own(student, row);
    SoftmaxLine<Teacher> const one(teacher, partners[0]), two(teacher, partners[Partners - 1]);
    for_each_vector(student.logits.extents[3], [&](std::int64_t k, auto count) {
      V const s = own.share(k, count);
      V sum     = s - one.share(k, count);
      if constexpr (Partners == 2) sum += s - two.share(k, count);
      sum *= V(weight);
      store_doubles(sum, to + k, count);
    });
  }
};

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace ocellus::ssl::detail
