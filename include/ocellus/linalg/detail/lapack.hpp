// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The symmetric eigenproblem by LAPACK, for builds that link it (CMake: OCELLUS_ENABLE_LAPACK).

#include <cstdint>
#include <limits>
#include <vector>

#if defined(OCELLUS_ENABLE_LAPACK)
extern "C" void dsyevd_(char const* job, char const* triangle, int const* size, double* matrix, int const* leading, double* values, double* work,
                        int const* work_size, int* integers, int const* integers_size, int* info);
#endif

namespace ocellus::linalg::detail {

#if defined(OCELLUS_ENABLE_LAPACK)
inline constexpr bool has_lapack = true;

/// Eigenvalues, ascending, of a symmetric column-major matrix whose lower triangle is read, and which its eigenvectors replace. False when it did not converge.
inline bool lapack_symmetric_eigen(std::int64_t size, double* matrix, double* values) {
  if (size > std::numeric_limits<int>::max()) return false;
  int const n = static_cast<int>(size), query = -1;
  int info = 0, integers_size = 0;
  double work_size = 0;
  dsyevd_("V", "L", &n, matrix, &n, values, &work_size, &query, &integers_size, &query, &info);
  if (info != 0) return false;
  std::vector<double> work(static_cast<std::size_t>(work_size));
  std::vector<int> integers(static_cast<std::size_t>(integers_size));
  int const work_count = static_cast<int>(work.size()), integer_count = integers_size;
  dsyevd_("V", "L", &n, matrix, &n, values, work.data(), &work_count, integers.data(), &integer_count, &info);
  return info == 0;
}
#else
inline constexpr bool has_lapack = false;

inline bool lapack_symmetric_eigen(std::int64_t, double*, double*) { return false; }
#endif

}  // namespace ocellus::linalg::detail
