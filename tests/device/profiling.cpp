// SPDX-License-Identifier: Apache-2.0

#include "check.hpp"

#include <ocellus/profiling.hpp>

namespace ocellus::device_test {
namespace {

struct Profiling {
  static constexpr std::int64_t rows = 60, width = 7;

  template <class Run>
  static void run(Run& run) {
    statistics(run);
    whitening(run);
    retrieval(run);
  }

 private:
  template <class Run>
  static auto profiles(Run& run) {
    return run.template normal<2>({rows, width}, 1, 2, 0.5);
  }

  template <class Run>
  static void statistics(Run& run) {
    auto const& exec   = run.exec;
    auto const input   = profiles(run);
    auto const control = run.template booleans<1>({rows}, 2, 0.6);
    auto const group   = run.template integers<1>({rows}, 3, 3);
    auto const output  = run.template output<2>({rows, width});
    using profiling::NormalizeMethod;
    for (auto const method : {NormalizeMethod::standardize, NormalizeMethod::robustize, NormalizeMethod::mad_robustize, NormalizeMethod::inverse_normal}) {
      profiling::normalize(exec, input, control, group, output, {.method = method});
      run.keep("profiling.normalize", output, 1e3 * Run::epsilon);
    }
    auto const means = run.template output<2>({3, width});
    auto const keys  = run.template output<1, std::int64_t>({3});
    for (auto const method : {profiling::AggregateMethod::mean, profiling::AggregateMethod::median}) {
      profiling::aggregate(exec, input, group, means, keys, {.method = method});
      run.keep("profiling.aggregate", means, 100 * Run::epsilon);
      run.keep("profiling.aggregate keys", keys);
    }
    auto const groups = profiling::group_rows(exec, group);
    run.keep("profiling.group_rows offsets", groups.offsets);
    run.keep("profiling.group_rows rows", groups.rows);
  }

  template <class Run>
  static void whitening(Run& run) {
    auto const& exec   = run.exec;
    auto const input   = profiles(run);
    auto const control = run.template booleans<1>({rows}, 2, 0.6);
    auto const batch   = run.template integers<1>({rows}, 4, 2);
    auto const output  = run.template output<2>({rows, width});
    double const bound = 2e3 * Run::epsilon;
    using profiling::SpheringMethod;
    for (auto const method : {SpheringMethod::zca, SpheringMethod::pca, SpheringMethod::zca_cor, SpheringMethod::pca_cor}) {
      auto const fit = profiling::fit_sphering(exec, input, control, {.method = method});
      profiling::apply_sphering(exec, fit, input, output);
      run.keep("profiling.sphering", output, bound);
    }
    auto const pca = profiling::fit_pca(exec, input, control, {.whiten = true});
    profiling::apply_pca(exec, pca, input, output);
    run.keep("profiling.pca", output, bound);
    profiling::pca_center_scale(exec, input, control, batch, output);
    run.keep("profiling.pca_center_scale", output, bound);
    run.keep("profiling.coral converged", profiling::coral(exec, input, control, batch, output) ? 1 : 0);
    run.keep("profiling.coral", output, bound);
    run.keep("profiling.tvn converged", profiling::tvn(exec, input, control, batch, output) ? 1 : 0);
    run.keep("profiling.tvn", output, bound);
  }

  template <class Run>
  static void retrieval(Run& run) {
    auto const& exec  = run.exec;
    auto const input  = profiles(run);
    auto const query  = run.template normal<2>({13, width}, 5);
    auto const scores = run.template output<2>({13, rows});
    using profiling::SimilarityMetric;
    for (auto const metric : {SimilarityMetric::cosine, SimilarityMetric::abs_cosine, SimilarityMetric::pearson, SimilarityMetric::spearman,
                              SimilarityMetric::euclidean, SimilarityMetric::manhattan, SimilarityMetric::chebyshev}) {
      profiling::similarity(exec, query, input, scores, {.metric = metric});
      run.keep("profiling.similarity", scores, 100 * Run::epsilon);
    }
    auto const label       = run.template integers<1>({rows}, 6, 4);
    auto const compound    = run.template integers<1>({rows}, 7, 9);
    auto const query_group = run.template integers<1>({13}, 8, 4);
    auto const indices     = run.template output<2, std::int64_t>({13, 5});
    auto const distances   = run.template output<2>({13, 5});
    for (auto const metric : {profiling::KnnMetric::cosine, profiling::KnnMetric::euclidean}) {
      profiling::knn(exec, query, input, query_group, label, indices, distances, {.metric = metric});
      run.keep("profiling.knn indices", indices);
      run.keep("profiling.knn distances", distances, 200 * Run::epsilon);
    }
    auto const predicted   = run.template output<1, std::int64_t>({13});
    auto const probability = run.template output<2>({13, 4});
    for (auto const vote : {profiling::KnnVote::weighted, profiling::KnnVote::majority}) {
      profiling::knn_classify(exec, input, label, query, predicted, probability, {.k = 9, .vote = vote});
      run.keep("profiling.knn_classify", predicted);
      run.keep("profiling.knn_classify probability", probability, 2e3 * Run::epsilon);
    }
    auto const nearest = run.template output<1, std::int64_t>({rows});
    Tensor<typename Run::Real, typename Run::Space> const accuracy("ocellus::device_test::accuracy");
    profiling::nsc(exec, input, label, compound, none, nearest, accuracy);
    run.keep("profiling.nsc", nearest);
    run.keep("profiling.nsc accuracy", accuracy, 4 * Run::epsilon);

    auto const metadata = run.template integers<2>({rows, 2}, 9, 5);
    auto const average  = run.template output<1>({rows});
    auto const lifted   = run.template output<1>({rows});
    auto const positive = run.template output<1, std::int64_t>({rows});
    auto const pairs    = run.template output<1, std::int64_t>({rows});
    std::array<std::int64_t, 1> const first{0};
    profiling::average_precision(exec, input, metadata, average, lifted, positive, pairs, {.pos_sameby = first, .neg_diffby = first});
    run.keep("profiling.average_precision", average, 100 * Run::epsilon);
    run.keep("profiling.average_precision normalized", lifted, 200 * Run::epsilon);
    run.keep("profiling.average_precision positives", positive);
    run.keep("profiling.average_precision pairs", pairs);
    auto const keys = run.template output<1, std::int64_t>({4});
    auto const mean = run.template output<1>({4});
    auto const more = run.template output<1>({4});
    profiling::mean_average_precision(exec, average, positive, pairs, label, keys, mean, more);
    run.keep("profiling.mean_average_precision keys", keys);
    run.keep("profiling.mean_average_precision", mean, 200 * Run::epsilon);
    run.keep("profiling.mean_average_precision normalized", more, 400 * Run::epsilon);
  }
};

Register<Profiling> const registration("profiling");

}  // namespace
}  // namespace ocellus::device_test
