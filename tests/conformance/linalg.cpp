// SPDX-License-Identifier: Apache-2.0

// Adapters of ocellus::linalg; adapter.hpp says how they are written.

#include "adapter.hpp"

#include <ocellus/linalg.hpp>

namespace ocellus::conformance {
namespace {

/// left diag(scale) right^T in double, for left (M, R) and right (N, R).
std::vector<double> product(std::vector<double> const& left, std::vector<double> const& scale, std::vector<double> const& right, std::int64_t rank) {
  auto const r           = static_cast<std::size_t>(rank);
  std::size_t const rows = r == 0 ? 0 : left.size() / r, columns = r == 0 ? 0 : right.size() / r;
  std::vector<double> result(rows * columns, 0.0);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      for (std::size_t k = 0; k < r; ++k) result[i * columns + j] += left[i * r + k] * scale[k] * right[j * r + k];
    }
  }
  return result;
}

/// matrix^T matrix in double.
std::vector<double> inner_products(std::vector<double> const& matrix, std::int64_t columns) {
  auto const c = static_cast<std::size_t>(columns);
  std::vector<double> result(c * c, 0.0);
  for (std::size_t i = 0; i < matrix.size(); i += c) {
    for (std::size_t a = 0; a < c; ++a) {
      for (std::size_t b = 0; b < c; ++b) result[a * c + b] += matrix[i + a] * matrix[i + b];
    }
  }
  return result;
}

template <class Real, class Exec>
void matmul(Call<Real, Exec>& call) {
  auto const a = call.template view<2>("a");
  auto const b = call.template view<2>("b");
  linalg::MatmulOptions const options{.transpose_a = call.flag("transpose_a"),
                                      .transpose_b = call.flag("transpose_b"),
                                      .alpha       = call.number("alpha"),
                                      .activation  = call.template choice<linalg::Activation>("activation")};
  auto const output = call.template output<2>("output", {extent(a, options.transpose_a ? 1 : 0), extent(b, options.transpose_b ? 0 : 1)});
  linalg::matmul(call.exec(), a, b, call.template view<1>("bias"), call.template view<1>("scale"), call.template view<2>("residual"), output, options);
}

template <class Real, class Exec>
void batched_matmul(Call<Real, Exec>& call) {
  auto const a = call.template view<3>("a");
  auto const b = call.template view<3>("b");
  linalg::BatchedMatmulOptions const options{.transpose_a = call.flag("transpose_a"), .transpose_b = call.flag("transpose_b"), .alpha = call.number("alpha")};
  std::int64_t const batches = extent(a, 0) == 1 ? extent(b, 0) : extent(a, 0);
  auto const output          = call.template output<3>("output", {batches, extent(a, options.transpose_a ? 2 : 1), extent(b, options.transpose_b ? 1 : 2)});
  linalg::batched_matmul(call.exec(), a, b, output, options);
}

template <int Rank, class Real, class Exec>
void softmax_of_rank(Call<Real, Exec>& call) {
  auto const input  = call.template view<Rank>("input");
  auto const output = call.template output<Rank>("output", call.extents("input"));
  linalg::SoftmaxOptions const options{.scale = call.number("scale")};
  if (call.has("mask") && call.is_boolean("mask"))
    linalg::softmax(call.exec(), input, call.template booleans<Rank>("mask"), output, options);
  else
    linalg::softmax(call.exec(), input, call.template view<Rank>("mask"), output, options);
}

template <class Real, class Exec>
void softmax(Call<Real, Exec>& call) {
  switch (call.extents("input").size()) {
    case 1:
      return softmax_of_rank<1>(call);
    case 2:
      return softmax_of_rank<2>(call);
    case 3:
      return softmax_of_rank<3>(call);
    case 4:
      return softmax_of_rank<4>(call);
    default:
      throw BadCase("input has " + std::to_string(call.extents("input").size()) + " axes, not 1 to 4");
  }
}

template <class Real, class Exec>
void log_sum_exp(Call<Real, Exec>& call) {
  auto const input = call.rows("input");
  auto shape       = call.extents("input");
  shape.pop_back();
  linalg::log_sum_exp(call.exec(), input, call.template output<1>("output", {extent(input, 0)}, shape));
}

template <class Real, class Exec>
void covariance(Call<Real, Exec>& call) {
  auto const input         = call.template view<2>("input");
  std::int64_t const width = extent(input, 1);
  auto const covariance    = call.template output<2>("covariance", {width, width});
  auto const mean          = call.template output<1>("mean", {width});
  linalg::covariance(call.exec(), input, call.template view<1>("weights"), covariance, mean, {.ddof = static_cast<int>(call.integer("ddof"))});
}

template <class Real, class Exec>
void gram(Call<Real, Exec>& call) {
  auto const input        = call.template view<2>("input");
  auto const of           = call.template choice<linalg::GramOf>("of");
  std::int64_t const size = extent(input, of == linalg::GramOf::columns ? 1 : 0);
  linalg::gram(call.exec(), input, call.template output<2>("output", {size, size}), {.of = of});
}

template <class Real, class Exec>
void symmetric_eigen(Call<Real, Exec>& call) {
  auto const input        = call.template view<2>("input");
  std::int64_t const size = extent(input, 0);
  auto const eigenvalues  = call.template output<1>("eigenvalues", {size});
  auto const eigenvectors = call.template output<2>("eigenvectors", {size, size});
  auto const result       = linalg::symmetric_eigen(call.exec(), input, eigenvalues, eigenvectors);
  call.status("converged", result.converged);
  auto const vectors = call.values(eigenvectors);
  call.derive("reconstruction", {size, size}, product(vectors, call.values(eigenvalues), vectors, size));
  call.derive("orthogonality", {size, size}, inner_products(vectors, size));
}

template <class Real, class Exec>
void svd(Call<Real, Exec>& call) {
  auto const input        = call.template view<2>("input");
  std::int64_t const rows = extent(input, 0), columns = extent(input, 1), rank = rows < columns ? rows : columns;
  auto const u               = call.template output<2>("u", {rows, rank});
  auto const singular_values = call.template output<1>("singular_values", {rank});
  auto const v               = call.template output<2>("v", {columns, rank});
  auto const result          = linalg::svd(call.exec(), input, u, singular_values, v);
  call.status("converged", result.converged);
  call.derive("reconstruction", {rows, columns}, product(call.values(u), call.values(singular_values), call.values(v), rank));
  call.derive("u_orthogonality", {rank, rank}, inner_products(call.values(u), rank));
  call.derive("v_orthogonality", {rank, rank}, inner_products(call.values(v), rank));
}

template <class Real, class Exec>
void spd_sqrt(Call<Real, Exec>& call) {
  auto const input = call.template view<2>("input");
  auto const result =
      linalg::spd_sqrt(call.exec(), input, call.template output<2>("output", call.extents("input")), {.diagonal_shift = call.number("diagonal_shift")});
  call.status("converged", result.converged);
}

template <class Real, class Exec>
void spd_inverse_sqrt(Call<Real, Exec>& call) {
  auto const input = call.template view<2>("input");
  auto const result =
      linalg::spd_inverse_sqrt(call.exec(), input, call.template output<2>("output", call.extents("input")), {.diagonal_shift = call.number("diagonal_shift")});
  call.status("converged", result.converged);
}

template <class Real, class Exec>
void pairwise_squared_distances(Call<Real, Exec>& call) {
  auto const x = call.template view<2>("x");
  auto const y = call.template view<2>("y");
  linalg::pairwise_squared_distances(call.exec(), x, y, call.template output<2>("output", {extent(x, 0), extent(y, 0)}));
}

}  // namespace

OCELLUS_CONFORMANCE_REGISTER(registry) {
  registry.add(
      {"linalg.matmul",
       {.inputs  = {real("a", "(M, K)"), real("b", "(K, N)"), real("bias", "(N)").optional(), real("scale", "(N)").optional(),
                    real("residual", "(M, N)").optional()},
        .options = {flag("transpose_a", false), flag("transpose_b", false), number("alpha", 1.0), choice("activation", {"none", "relu", "gelu"}, "none")},
        .outputs = {output("output", "(M, N)")}},
       OCELLUS_CONFORMANCE_RUN_16(matmul)});
  registry.add({"linalg.batched_matmul",
                {.inputs  = {real("a", "(B|1, M, K)"), real("b", "(B|1, K, N)")},
                 .options = {flag("transpose_a", false), flag("transpose_b", false), number("alpha", 1.0)},
                 .outputs = {output("output", "(B, M, N)")}},
                OCELLUS_CONFORMANCE_RUN_16(batched_matmul)});
  registry.add({"linalg.softmax",
                {.inputs  = {real("input", "(..., N), rank 1 to 4"), mask("mask", "rank of input; each extent that of input or 1").optional()},
                 .options = {number("scale", 1.0)},
                 .outputs = {output("output", "shape of input")}},
                OCELLUS_CONFORMANCE_RUN_16(softmax)});
  registry.add(
      {"linalg.log_sum_exp", {.inputs = {real("input", "(..., N)")}, .outputs = {output("output", "(...)")}}, OCELLUS_CONFORMANCE_RUN_16(log_sum_exp)});
  registry.add({"linalg.covariance",
                {.inputs  = {real("input", "(N, D)"), real("weights", "(N)").optional()},
                 .options = {integer_option("ddof", 1)},
                 .outputs = {output("covariance", "(D, D)"), output("mean", "(D)")}},
                OCELLUS_CONFORMANCE_RUN(covariance)});
  registry.add(
      {"linalg.gram",
       {.inputs = {real("input", "(N, D)")}, .options = {choice("of", {"columns", "rows"}, "columns")}, .outputs = {output("output", "(D, D) or (N, N)")}},
       OCELLUS_CONFORMANCE_RUN(gram)});
  registry.add(
      {"linalg.symmetric_eigen",
       {.inputs  = {real("input", "(D, D)")},
        .outputs = {output("eigenvalues", "(D)"), output("eigenvectors", "(D, D)"), derived("reconstruction", "(D, D)"), derived("orthogonality", "(D, D)")},
        .status  = {"converged"}},
       OCELLUS_CONFORMANCE_RUN(symmetric_eigen)});
  registry.add({"linalg.svd",
                {.inputs  = {real("input", "(M, N)")},
                 .outputs = {output("u", "(M, R)"), output("singular_values", "(R)"), output("v", "(N, R)"), derived("reconstruction", "(M, N)"),
                             derived("u_orthogonality", "(R, R)"), derived("v_orthogonality", "(R, R)")},
                 .status  = {"converged"}},
                OCELLUS_CONFORMANCE_RUN(svd)});
  registry.add(
      {"linalg.spd_sqrt",
       {.inputs = {real("input", "(D, D)")}, .options = {number("diagonal_shift", 0.0)}, .outputs = {output("output", "(D, D)")}, .status = {"converged"}},
       OCELLUS_CONFORMANCE_RUN(spd_sqrt)});
  registry.add(
      {"linalg.spd_inverse_sqrt",
       {.inputs = {real("input", "(D, D)")}, .options = {number("diagonal_shift", 0.0)}, .outputs = {output("output", "(D, D)")}, .status = {"converged"}},
       OCELLUS_CONFORMANCE_RUN(spd_inverse_sqrt)});
  registry.add({"linalg.pairwise_squared_distances",
                {.inputs = {real("x", "(N, D)"), real("y", "(M, D)")}, .outputs = {output("output", "(N, M)")}},
                OCELLUS_CONFORMANCE_RUN(pairwise_squared_distances)});
}

}  // namespace ocellus::conformance
