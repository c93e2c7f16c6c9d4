// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/strided.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/ssl/detail/cross_entropy_host.hpp>

/// Cross entropies between softmaxes of rows, without storing a softmax: each row's largest logit and sum are kept, everything else is computed again.
namespace ocellus::ssl::detail {

template <AnyView V>
[[nodiscard]] auto const_strided4(V const& view) {
  auto const all = strided4(view);
  Strided4<typename V::non_const_value_type const> result;
  result.data = all.data;
  for (int axis = 0; axis < 4; ++axis) result.extents[axis] = all.extents[axis], result.strides[axis] = all.strides[axis];
  return result;
}

/// (logits - center) / temperature of the lines along the last axis. `moments` (rows, 2): the largest, and the sum of exponentials of the rest.
template <class Logits, class Center>
struct Softmaxes {
  using Real          = accumulate_t<Logits>;
  using Element       = Logits;
  using CenterElement = Center;

  Strided4<Logits const> logits;
  Center const* center       = nullptr;  ///< null: 0
  std::int64_t center_stride = 1;
  double temperature         = 1;
  double* moments            = nullptr;

  [[nodiscard]] KOKKOS_INLINE_FUNCTION double value(std::int64_t row, std::int64_t k) const {
    double x = static_cast<double>(static_cast<Real>(logits.at_row(row, k, logits.extents)));
    if (center != nullptr) x -= static_cast<double>(static_cast<accumulate_t<Center>>(center[k * center_stride]));
    return x / temperature;
  }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION double largest(std::int64_t row) const { return moments[2 * row]; }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION double total(std::int64_t row) const { return moments[2 * row + 1]; }
  /// The softmax itself.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION double share(std::int64_t row, std::int64_t k) const {
    return static_cast<double>(Kokkos::exp(static_cast<Real>(value(row, k) - largest(row)))) / total(row);
  }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION double log_sum_exp(std::int64_t row) const { return largest(row) + Kokkos::log(total(row)); }
  [[nodiscard]] bool is_contiguous() const { return logits.strides[3] == 1 && (center == nullptr || center_stride == 1); }
};

/// Rows whose weight is 0 are not read, and have no moments.
template <class Member, class Source>
struct MomentsOfRows {
  Source source;
  double const* row_weights = nullptr;  ///< null: 1

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    if (row_weights != nullptr && row_weights[row] == 0) return;
    using Real               = typename Source::Real;
    std::int64_t const width = source.logits.extents[3];
    double largest = -Kokkos::Experimental::infinity_v<double>, sum = 0;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, width),
        [&](std::int64_t const k, double& most) {
          double const x = source.value(row, k);
          most           = x > most || x != x ? x : most;
        },
        Kokkos::Max<double>(largest));
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, width),
        [&](std::int64_t const k, double& total) { total += static_cast<double>(Kokkos::exp(static_cast<Real>(source.value(row, k) - largest))); }, sum);
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      source.moments[2 * row]     = largest;
      source.moments[2 * row + 1] = sum;
    });
  }
};

/// Which teacher rows a student row is compared with, and what it weighs.
struct Pairing {
  std::int64_t views        = 0;      ///< 0: the row of the same number; else the rows q * samples + n of both teacher views
  std::int64_t samples      = 1;      ///< N
  bool skip_same_view       = false;  ///< leave out q = v
  double weight             = 1;
  double const* row_weights = nullptr;  ///< null: 1

  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::int64_t partners() const { return views == 0 ? 1 : views; }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION bool takes_part(std::int64_t row, std::int64_t q) const { return views == 0 || !skip_same_view || row / samples != q; }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::int64_t partner(std::int64_t row, std::int64_t q) const { return views == 0 ? row : q * samples + row % samples; }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION double weight_of(std::int64_t row) const { return row_weights == nullptr ? weight : weight * row_weights[row]; }
};

/// terms(row) = weight sum over partners of (log sum exp - <teacher, student>), less the teacher's entropy for a divergence.
template <class Member, class Student, class Teacher>
struct CrossEntropyRows {
  Student student;
  Teacher teacher;
  Pairing pairing;
  double* terms;
  bool divergence;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    std::int64_t const width = student.logits.extents[3];
    double const weight      = pairing.weight_of(row);
    double result            = 0;
    for (std::int64_t q = 0; q < pairing.partners() && weight != 0; ++q) {
      if (!pairing.takes_part(row, q)) continue;
      std::int64_t const partner = pairing.partner(row, q);
      double const student_sum = student.log_sum_exp(row), teacher_sum = teacher.log_sum_exp(partner);
      double sum = 0;
      Kokkos::parallel_reduce(
          Kokkos::ThreadVectorRange(member, width),
          [&](std::int64_t const k, double& total) {
            double const t = teacher.share(partner, k);
            double log     = student_sum - student.value(row, k);
            if (divergence) log += teacher.value(partner, k) - teacher_sum;
            total += t == 0 ? 0 : t * log;
          },
          sum);
      result += sum;
    }
    Kokkos::single(Kokkos::PerThread(member), [&]() { terms[row] = weight == 0 ? 0 : weight * result; });
  }
};

/// gradient(row, k) = weight / student_temperature sum over partners of (student's softmax - teacher's softmax).
template <class Member, class Student, class Teacher, class Gradient>
struct CrossEntropyGradientRows {
  Student student;
  Teacher teacher;
  Pairing pairing;
  Strided4<Gradient> gradient;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    double const weight = pairing.weight_of(row) / student.temperature;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, student.logits.extents[3]), [&](std::int64_t const k) {
      double sum = 0;
      if (weight != 0) {
        double const s = student.share(row, k);
        for (std::int64_t q = 0; q < pairing.partners(); ++q) {
          if (pairing.takes_part(row, q)) sum += s - teacher.share(pairing.partner(row, q), k);
        }
        sum *= weight;
      }
      gradient.at_row(row, k, student.logits.extents) = static_cast<Gradient>(static_cast<accumulate_t<Gradient>>(sum));
    });
  }
};

template <ExecutionSpace Exec, class Logits, class Center>
[[nodiscard]] auto take_softmaxes(Exec const& exec, char const* function, Logits const& logits, Center const& center, double temperature,
                                  WorkspaceFor<Exec>& workspace, double const* row_weights = nullptr) {
  using Element = std::conditional_t<std::is_same_v<Center, None>, float, element_t<Center>>;
  Softmaxes<typename Logits::non_const_value_type, Element> result;
  result.logits      = const_strided4(logits);
  result.temperature = temperature;
  if constexpr (!std::is_same_v<Center, None>) {
    result.center        = center.data();
    result.center_stride = static_cast<std::int64_t>(center.stride(0));
  }
  result.moments = workspace.template take<double*>(function, 2 * result.logits.rows()).data();
  if constexpr (is_host_execution_v<Exec>) {
    if (result.is_contiguous()) {
      for_each_row(exec, "ocellus::ssl::moments", result.logits.rows(), MomentsOfLines<TeamMember<Exec>, decltype(result)>{result, row_weights});
      return result;
    }
  }
  for_each_row(exec, "ocellus::ssl::moments", result.logits.rows(), MomentsOfRows<TeamMember<Exec>, decltype(result)>{result, row_weights});
  return result;
}

template <class Logits>
[[nodiscard]] std::size_t softmaxes_bytes(Logits const& logits) {
  auto const last = logits.extent(Logits::rank() - 1);
  return workspace_bytes<double>(last == 0 ? 0 : 2 * (element_count(logits) / last));
}

/// loss = sum of all terms in the order of core/reduce.hpp.
template <ExecutionSpace Exec, class Student, class Teacher, class Loss>
void cross_entropy(Exec const& exec, char const* function, Student const& student, Teacher const& teacher, Pairing const& pairing, bool divergence,
                   Loss const& loss, WorkspaceFor<Exec>& workspace) {
  std::int64_t const rows = student.logits.rows();
  auto const terms        = workspace.template take<double*>(function, rows);
  bool by_vectors         = false;
  if constexpr (is_host_execution_v<Exec>) {
    by_vectors = student.is_contiguous() && teacher.is_contiguous();
    if (by_vectors)
      for_each_row(exec, function, rows, CrossEntropyLines<TeamMember<Exec>, Student, Teacher, Pairing>{student, teacher, pairing, terms.data(), divergence});
  }
  if (!by_vectors)
    for_each_row(exec, function, rows, CrossEntropyRows<TeamMember<Exec>, Student, Teacher>{student, teacher, pairing, terms.data(), divergence});
  sum(exec, terms, loss, workspace);
}

[[nodiscard]] inline std::size_t cross_entropy_bytes(std::size_t rows) {
  return workspace_bytes<double>(rows) + workspace_bytes<double>((rows + reduction_block - 1) / reduction_block);
}

template <ExecutionSpace Exec, class Student, class Teacher, class Gradient>
void cross_entropy_gradient(Exec const& exec, char const* function, Student const& student, Teacher const& teacher, Pairing const& pairing,
                            Gradient const& gradient) {
  using Element = typename Gradient::value_type;
  if constexpr (is_host_execution_v<Exec>) {
    auto const to = strided4(gradient);
    if (student.is_contiguous() && teacher.is_contiguous() && to.strides[3] == 1) {
      for_each_row(exec, function, student.logits.rows(),
                   CrossEntropyGradientLines<TeamMember<Exec>, Student, Teacher, Pairing, Element>{student, teacher, pairing, to});
      return;
    }
  }
  for_each_row(exec, function, student.logits.rows(),
               CrossEntropyGradientRows<TeamMember<Exec>, Student, Teacher, Element>{student, teacher, pairing, strided4(gradient)});
}

}  // namespace ocellus::ssl::detail
