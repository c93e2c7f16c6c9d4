// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What host kernels of matrix products do with a tile of sums: read it from the output, and write it there through the epilogue.

#include <cstdint>

#include <ocellus/core/simd.hpp>
#include <ocellus/linalg/detail/matmul_problem.hpp>

namespace ocellus::linalg::detail {
inline namespace OCELLUS_INSTRUCTION_SET {

/// Fills a tile of `columns` columns with what the output holds: `some` columns from `column` on, zeros behind them.
template <class Output, class Real>
inline void load_tile(StridedMatrix<Output> const& output, std::int64_t row, int height, std::int64_t column, int some, Real* sums, std::int64_t stride,
                      int columns) {
  for (int i = 0; i < height; ++i) {
    for (int j = 0; j < columns; ++j) sums[i * stride + j] = j < some ? static_cast<Real>(output(row + i, column + j)) : Real(0);
  }
}

/// The biases and scales of a tile's columns, or what leaves a sum as it is.
template <class Epilogue, class Real, int Columns>
inline void load_factors(Epilogue const& epilogue, std::int64_t column, int some, Real (&biases)[Columns], Real (&scales)[Columns]) {
  for (int j = 0; j < Columns; ++j) {
    biases[j] = epilogue.bias.data != nullptr && j < some ? static_cast<Real>(epilogue.bias(column + j)) : Real(-0.0);
    scales[j] = epilogue.scale.data != nullptr && j < some ? static_cast<Real>(epilogue.scale(column + j)) : Real(1);
  }
}

/// The epilogue of a tile: `some` columns from `column` on. Of a symmetric product what lies below the diagonal, and its mirror image.
template <class Epilogue, class Output, class Real>
inline void finish_tile(Epilogue const& epilogue, StridedMatrix<Output> const& output, bool symmetric, Real const* sums, std::int64_t stride, std::int64_t row,
                        int height, std::int64_t column, int some, Real const* biases, Real const* scales) {
  using V              = Simd<Real>;
  constexpr int lanes  = V::width;
  auto const& residual = epilogue.residual;
  for (int i = 0; i < height; ++i) {
    for (int j = 0; j < some; j += lanes) {
      int const width = some - j < lanes ? some - j : lanes;
      auto const rest = [&]() {
        auto const* const from = &residual(row + i, column + j);
        if (residual.column_stride == 1) return width == lanes ? V::load(from) : V::load(from, width);
        Real gathered[lanes] = {};
        for (int c = 0; c < width; ++c) gathered[c] = static_cast<Real>(from[c * residual.column_stride]);
        return V::load(gathered);
      };
      V const value    = epilogue.on_vector(V::load(sums + i * stride + j), biases + j, scales + j, rest);
      Output* const to = &output(row + i, column + j);
      if (symmetric) {
        Output lower[lanes];
        value.store(lower);
        for (int c = 0; c < width && column + j + c <= row + i; ++c) {
          to[c * output.column_stride]    = lower[c];
          output(column + j + c, row + i) = lower[c];
        }
      } else if (output.column_stride != 1) {
        Output scattered[lanes];
        value.store(scattered);
        for (int c = 0; c < width; ++c) to[c * output.column_stride] = scattered[c];
      } else if (width == lanes) {
        value.store(to);
      } else {
        value.store(to, width);
      }
    }
  }
}

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace ocellus::linalg::detail
