// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/linalg/detail/matmul_kernel.hpp>

namespace ocellus::linalg {

struct PackMatrixOptions {
  bool transpose = false;  ///< the source holds the transpose: (N, K), as a layer's weight (outputs, inputs)
};

/// The right operand (K, N) of many products, laid out once in the order that `matmul` reads it. A light handle: copies share the memory, which it owns, and
/// the matrix that it was made from may go. A default-constructed one is absent.
///
/// The layout is not part of the interface. It depends on the type of the numbers alone: a handle serves every tuning row and instruction set.
template <class Scalar, MemorySpace Space>
class PackedMatrix {
 public:
  using value_type           = Scalar;
  using non_const_value_type = std::remove_const_t<Scalar>;
  using memory_space         = Space;
  using Memory               = Kokkos::View<non_const_value_type*, Space>;

  PackedMatrix() = default;
  PackedMatrix(Memory const& memory, std::int64_t rows, std::int64_t columns) : memory_(memory), rows_(rows), columns_(columns), is_present_(true) {}

  /// K, the inner extent of the product.
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  /// N, the columns of the product.
  [[nodiscard]] std::int64_t columns() const { return columns_; }
  [[nodiscard]] bool is_present() const { return is_present_; }

  /// The packed numbers.
  [[nodiscard]] Memory const& memory() const { return memory_; }

 private:
  Memory memory_;
  std::int64_t rows_ = 0, columns_ = 0;
  bool is_present_ = false;
};

template <class T>
inline constexpr bool is_packed_matrix_v = false;
template <class Scalar, class Space>
inline constexpr bool is_packed_matrix_v<PackedMatrix<Scalar, Space>> = true;

/// The right operand of a product: a View (K, N), or one packed before.
template <class T>
concept MatmulWeights = RealView<T, 2> || is_packed_matrix_v<T>;

/// Packs the right operand of a product.
///
///     matmul(exec, a, pack_matrix(exec, b), output)  =  matmul(exec, a, b, output), bit for bit
///
/// matrix (K, N), or (N, K) with transpose -> PackedMatrix of the same numbers, N rounded up to a multiple of 32 (and K of 2, for bfloat16).
///
/// Errors: none.
/// Determinism: see `matmul`.
/// Allocates: the packed matrix. Synchronises: no.
template <ExecutionSpace Exec, RealView<2> Matrix>
  requires AccessibleFrom<Exec, Matrix>
[[nodiscard]] auto pack_matrix(Exec const& exec, Matrix const& matrix, PackMatrixOptions const& options = {}) {
  using Scalar               = typename Matrix::non_const_value_type;
  using Packed               = PackedMatrix<Scalar, typename Matrix::memory_space>;
  std::int64_t const inner   = extent(matrix, options.transpose ? 1 : 0);
  std::int64_t const columns = extent(matrix, options.transpose ? 0 : 1);
  auto const size            = static_cast<std::size_t>(detail::panel_count(columns) * detail::panel_size<Scalar>(inner));
  typename Packed::Memory const memory(Kokkos::view_alloc(exec, std::string("ocellus::linalg::pack_matrix"), Kokkos::WithoutInitializing), size);
  auto const source = detail::strided_matrix(matrix, options.transpose);
  using Source      = detail::StridedMatrix<Scalar const>;
  detail::launch_pack(exec, "ocellus::linalg::pack_matrix", Source{source.data, source.row_stride, source.column_stride, 0}, inner, columns, memory.data());
  return Packed(memory, inner, columns);
}

/// Bytes of workspace that `pack_matrix` takes.
template <ExecutionSpace Exec, RealView<2> Matrix>
[[nodiscard]] std::size_t pack_matrix_workspace_size(Exec const&, Matrix const& matrix, PackMatrixOptions const& options = {}) {
  using Scalar = typename Matrix::non_const_value_type;
  return workspace_bytes<Scalar>(static_cast<std::size_t>(detail::panel_count(extent(matrix, options.transpose ? 0 : 1)) *
                                                          detail::panel_size<Scalar>(extent(matrix, options.transpose ? 1 : 0))));
}

/// The same into a workspace: valid for as long as its scope there, and it allocates nothing.
template <ExecutionSpace Exec, RealView<2> Matrix>
  requires AccessibleFrom<Exec, Matrix>
[[nodiscard]] auto pack_matrix(Exec const& exec, Matrix const& matrix, PackMatrixOptions const& options, WorkspaceFor<Exec>& workspace) {
  using Scalar               = typename Matrix::non_const_value_type;
  using Packed               = PackedMatrix<Scalar, typename Exec::memory_space>;
  std::int64_t const inner   = extent(matrix, options.transpose ? 1 : 0);
  std::int64_t const columns = extent(matrix, options.transpose ? 0 : 1);
  auto const memory = workspace.template take<Scalar*>("ocellus::linalg::pack_matrix", detail::panel_count(columns) * detail::panel_size<Scalar>(inner));
  auto const source = detail::strided_matrix(matrix, options.transpose);
  using Source      = detail::StridedMatrix<Scalar const>;
  detail::launch_pack(exec, "ocellus::linalg::pack_matrix", Source{source.data, source.row_stride, source.column_stride, 0}, inner, columns, memory.data());
  return Packed(typename Packed::Memory(memory.data(), memory.size()), inner, columns);
}

}  // namespace ocellus::linalg
