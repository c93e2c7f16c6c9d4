// SPDX-License-Identifier: Apache-2.0

#include "check.hpp"

#include <ocellus/linalg.hpp>

namespace ocellus::device_test {
namespace {

struct Linalg {
  template <class Run>
  static void run(Run& run) {
    products(run);
    rows(run);
    decompositions(run);
  }

 private:
  static constexpr std::int64_t m = 37, k = 45, n = 29;

  template <class Run>
  static void products(Run& run) {
    auto const& exec    = run.exec;
    double const bound  = 2 * (k + 8) * Run::epsilon * k / 2;  // a sum of k products of normal numbers
    auto const a        = run.template normal<2>({m, k}, 1);
    auto const b        = run.template normal<2>({k, n}, 2);
    auto const b_turned = run.template normal<2>({n, k}, 3);
    auto const bias     = run.template normal<1>({n}, 4);
    auto const scale    = run.template normal<1>({n}, 5);
    auto const residual = run.template normal<2>({m, n}, 6);
    auto const output   = run.template output<2>({m, n});
    linalg::matmul(exec, a, b, output);
    run.keep("linalg.matmul", output, bound);
    linalg::matmul(exec, a, b_turned, bias, scale, residual, output, {.transpose_b = true, .alpha = 0.5, .activation = linalg::Activation::gelu});
    run.keep("linalg.matmul epilogue", output, 4 * bound);
    auto const packed = linalg::pack_matrix(exec, b_turned, {.transpose = true});
    linalg::matmul(exec, a, packed, bias, none, none, output, {.activation = linalg::Activation::relu});
    run.keep("linalg.matmul packed", output, bound);

    auto const three = run.template normal<3>({3, m, k}, 7);
    auto const other = run.template normal<3>({3, k, n}, 8);
    auto const all   = run.template output<3>({3, m, n});
    linalg::batched_matmul(exec, three, other, bias, all, {.alpha = 2});
    run.keep("linalg.batched_matmul", all, 2 * bound);

    auto const gram = run.template output<2>({k, k});
    linalg::gram(exec, a, gram);
    run.keep("linalg.gram", gram, bound);
    auto const gram_rows = run.template output<2>({m, m});
    linalg::gram(exec, a, gram_rows, {.of = linalg::GramOf::rows});
    run.keep("linalg.gram rows", gram_rows, bound);

    auto const y         = run.template normal<2>({n, k}, 9);
    auto const distances = run.template output<2>({m, n});
    linalg::pairwise_squared_distances(exec, a, y, distances);
    run.keep("linalg.pairwise_squared_distances", distances, 4 * bound);
    for (auto const metric : {linalg::DistanceMetric::manhattan, linalg::DistanceMetric::chebyshev}) {
      linalg::pairwise_distances(exec, a, y, distances, {.metric = metric});
      run.keep("linalg.pairwise_distances", distances, 2 * bound);
    }

    auto const covariance = run.template output<2>({k, k});
    auto const mean       = run.template output<1>({k});
    linalg::covariance(exec, a, none, covariance, mean);
    run.keep("linalg.covariance", covariance, 100 * Run::epsilon);
    run.keep("linalg.covariance mean", mean, 100 * Run::epsilon);
  }

  template <class Run>
  static void rows(Run& run) {
    auto const& exec  = run.exec;
    auto const input  = run.template normal<2>({23, 61}, 10, 3);
    auto const mask   = run.template booleans<2>({23, 61}, 11, 0.7);
    auto const output = run.template output<2>({23, 61});
    linalg::softmax(exec, input, none, output, {.scale = 0.7});
    run.keep("linalg.softmax", output, 40 * Run::epsilon);
    linalg::softmax(exec, input, mask, output);
    run.keep("linalg.softmax masked", output, 40 * Run::epsilon);
    auto const line = run.template output<1>({23});
    linalg::log_sum_exp(exec, input, line);
    run.keep("linalg.log_sum_exp", line, 100 * Run::epsilon);
  }

  /// Made on the host from what was copied there.
  template <class Run>
  static void decompositions(Run& run) {
    auto const& exec   = run.exec;
    auto const spd     = run.template filled<typename Run::Real, 2>({9, 9}, [](std::size_t i) {
      auto const row = static_cast<double>(i / 9), column = static_cast<double>(i % 9);
      return row == column ? 3.0 + row : 0.25 / (1 + std::abs(row - column));
    });
    double const bound = 200 * Run::epsilon;
    auto const values  = run.template output<1>({9});
    auto const vectors = run.template output<2>({9, 9});
    auto const root    = run.template output<2>({9, 9});
    run.keep("linalg.symmetric_eigen converged", linalg::symmetric_eigen(exec, spd, values, vectors).converged ? 1 : 0);
    run.keep("linalg.symmetric_eigen values", values, bound);
    run.keep("linalg.symmetric_eigen vectors", vectors, bound);
    run.keep("linalg.spd_sqrt smallest", linalg::spd_sqrt(exec, spd, root).smallest, bound);
    run.keep("linalg.spd_sqrt", root, bound);
    run.keep("linalg.spd_inverse_sqrt smallest", linalg::spd_inverse_sqrt(exec, spd, root, {.diagonal_shift = 0.5}).smallest, bound);
    run.keep("linalg.spd_inverse_sqrt", root, bound);
    auto const tall = run.template normal<2>({13, 6}, 12);
    auto const u    = run.template output<2>({13, 6});
    auto const s    = run.template output<1>({6});
    auto const v    = run.template output<2>({6, 6});
    run.keep("linalg.svd converged", linalg::svd(exec, tall, u, s, v).converged ? 1 : 0);
    run.keep("linalg.svd u", u, bound);
    run.keep("linalg.svd values", s, bound);
    run.keep("linalg.svd v", v, bound);
  }
};

Register<Linalg> const registration("linalg");

}  // namespace
}  // namespace ocellus::device_test
