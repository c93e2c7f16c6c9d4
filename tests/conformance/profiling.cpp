// SPDX-License-Identifier: Apache-2.0

// Adapters of ocellus::profiling; adapter.hpp says how they are written.

#include "adapter.hpp"

#include <algorithm>
#include <set>

#include <ocellus/profiling/aggregate.hpp>
#include <ocellus/profiling/average_precision.hpp>
#include <ocellus/profiling/coral.hpp>
#include <ocellus/profiling/knn.hpp>
#include <ocellus/profiling/knn_classify.hpp>
#include <ocellus/profiling/mean_average_precision.hpp>
#include <ocellus/profiling/normalize.hpp>
#include <ocellus/profiling/nsc.hpp>
#include <ocellus/profiling/pca.hpp>
#include <ocellus/profiling/pca_center_scale.hpp>
#include <ocellus/profiling/similarity.hpp>
#include <ocellus/profiling/sphering.hpp>
#include <ocellus/profiling/tvn.hpp>

namespace ocellus::conformance {
namespace {

/// How many distinct keys an input holds.
template <class Call>
std::int64_t distinct(Call const& call, std::string const& name) {
  auto const& keys = call.array(name).integers;
  return static_cast<std::int64_t>(std::set<std::int64_t>(keys.begin(), keys.end()).size());
}

template <class Real, class Exec>
void normalize(Call<Real, Exec>& call) {
  auto const profiles = call.template view<2>("profiles");
  profiling::NormalizeOptions const options{.method    = call.template choice<profiling::NormalizeMethod>("method"),
                                            .epsilon   = call.number("epsilon"),
                                            .guarded   = call.flag("guarded"),
                                            .quantiles = call.integer("quantiles")};
  profiling::normalize(call.exec(), profiles, call.template booleans<1>("control"), call.template indices<1>("group"),
                       call.template output<2>("output", call.extents("profiles")), options);
}

template <class Real, class Exec>
void aggregate(Call<Real, Exec>& call) {
  auto const profiles     = call.template view<2>("profiles");
  std::int64_t const size = distinct(call, "group");
  profiling::aggregate(call.exec(), profiles, call.template indices<1>("group"), call.template output<2>("output", {size, extent(profiles, 1)}),
                       call.template output_indices<1>("groups", {size}), {.method = call.template choice<profiling::AggregateMethod>("method")});
}

template <class Real, class Exec>
void similarity(Call<Real, Exec>& call) {
  auto const x = call.template view<2>("x");
  auto const y = call.has("y") ? call.template view<2>("y") : x;
  profiling::similarity(call.exec(), x, y, call.template output<2>("output", {extent(x, 0), extent(y, 0)}),
                        {.metric = call.template choice<profiling::SimilarityMetric>("metric"), .distance = call.flag("distance")});
}

template <class Real, class Exec>
void knn(Call<Real, Exec>& call) {
  auto const query     = call.template view<2>("query");
  std::int64_t const k = call.integer("k");
  auto const indices   = call.template output_indices<2>("indices", {extent(query, 0), k});
  auto const distances = call.template output<2>("distances", {extent(query, 0), k});
  profiling::knn(call.exec(), query, call.template view<2>("base"), call.template indices<1>("query_group"), call.template indices<1>("base_group"), indices,
                 distances, {.metric = call.template choice<profiling::KnnMetric>("metric")});
}

template <class Real, class Exec>
void knn_classify(Call<Real, Exec>& call) {
  auto const query           = call.template view<2>("query");
  auto const& labels         = call.array("label").integers;
  std::int64_t const classes = labels.empty() ? 1 : 1 + *std::max_element(labels.begin(), labels.end());
  auto const predicted       = call.template output_indices<1>("predicted", {extent(query, 0)});
  auto const probability     = call.template output<2>("probability", {extent(query, 0), classes});
  profiling::knn_classify(call.exec(), call.template view<2>("profiles"), call.template indices<1>("label"), query, predicted, probability,
                          {.k = call.integer("k"), .vote = call.template choice<profiling::KnnVote>("vote"), .temperature = call.number("temperature")});
}

template <class Real, class Exec>
void nsc(Call<Real, Exec>& call) {
  auto const profiles  = call.template view<2>("profiles");
  auto const predicted = call.template output_indices<1>("predicted", {extent(profiles, 0)});
  auto const accuracy  = call.template scratch<1>("accuracy", {1});
  profiling::nsc(call.exec(), profiles, call.template indices<1>("label"), call.template indices<1>("compound"), call.template indices<1>("batch"), predicted,
                 Kokkos::View<Real, typename Call<Real, Exec>::Space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>(accuracy.data()));
  call.derive("accuracy", {1}, call.values(accuracy));
}

template <class Real, class Exec>
void average_precision(Call<Real, Exec>& call) {
  if (call.text("p_value") != "none") throw NotImplemented{"p_value " + call.text("p_value")};
  auto const profiles   = call.template view<2>("profiles");
  auto const pos_sameby = call.integers("pos_sameby"), pos_diffby = call.integers("pos_diffby"), neg_sameby = call.integers("neg_sameby"),
             neg_diffby = call.integers("neg_diffby");
  // The table's metrics, in another order than the enumerators.
  static constexpr std::pair<char const*, profiling::SimilarityMetric> metrics[] = {
      {"cosine", profiling::SimilarityMetric::cosine},         {"pearson", profiling::SimilarityMetric::pearson},
      {"abs_cosine", profiling::SimilarityMetric::abs_cosine}, {"euclidean", profiling::SimilarityMetric::euclidean},
      {"manhattan", profiling::SimilarityMetric::manhattan},   {"chebyshev", profiling::SimilarityMetric::chebyshev}};
  auto const metric       = std::find_if(std::begin(metrics), std::end(metrics), [name = call.text("metric")](auto const& m) { return name == m.first; });
  std::int64_t const rows = extent(profiles, 0);
  auto const average      = call.template output<1>("average_precision", {rows});
  auto const normalized   = call.template output<1>("normalized_average_precision", {rows});
  auto const positives    = call.template output_indices<1>("n_pos_pairs", {rows});
  auto const pairs        = call.template output_indices<1>("n_total_pairs", {rows});
  profiling::average_precision(
      call.exec(), profiles, call.template indices<2>("metadata"), average, normalized, positives, pairs,
      {.pos_sameby = pos_sameby, .pos_diffby = pos_diffby, .neg_sameby = neg_sameby, .neg_diffby = neg_diffby, .metric = metric->second});
}

template <class Real, class Exec>
void mean_average_precision(Call<Real, Exec>& call) {
  // Without a null sample there are no p-values.
  if (call.integer("null_size") != 0) throw NotImplemented{"null_size other than 0"};
  std::int64_t const size = distinct(call, "group");
  auto const groups       = call.template output_indices<1>("groups", {size});
  auto const mean         = call.template output<1>("mean_average_precision", {size});
  auto const normalized   = call.template output<1>("mean_normalized_average_precision", {size});
  profiling::mean_average_precision(call.exec(), call.template view<1>("average_precision"), call.template indices<1>("n_pos_pairs"),
                                    call.template indices<1>("n_total_pairs"), call.template indices<1>("group"), groups, mean, normalized);
}

/// An output of which the adapter has the values as a View of another type.
template <class Call, AnyView V>
void report(Call& call, std::string const& name, V const& view) {
  std::vector<std::int64_t> extents;
  for (int axis = 0; axis < static_cast<int>(V::rank()); ++axis) extents.push_back(extent(view, axis));
  call.derive(name, extents, call.values(view));
}

template <class Real, class Exec>
void sphering(Call<Real, Exec>& call) {
  auto const profiles = call.template view<2>("profiles");
  auto const& fit     = call.keep(profiling::fit_sphering(
          call.exec(), profiles, call.template booleans<1>("control"),
          {.method = call.template choice<profiling::SpheringMethod>("method"), .center = call.flag("center"), .epsilon = call.number("epsilon")}));
  profiling::apply_sphering(call.exec(), fit, profiles, call.template output<2>("output", call.extents("profiles")));
  report(call, "weights", fit.weights);
  call.status("full_rank", fit.full_rank);
  call.status("zero_variance", fit.zero_variance);
}

template <class Real, class Exec>
void tvn(Call<Real, Exec>& call) {
  auto const profiles = call.template view<2>("profiles");
  auto const batch    = call.template indices<1>("batch");
  auto const& fit =
      call.keep(profiling::fit_tvn(call.exec(), profiles, call.template booleans<1>("control"), batch, {.regularization = call.number("regularization")}));
  profiling::apply_tvn(call.exec(), fit, profiles, batch, call.template output<2>("output", {extent(profiles, 0), extent(fit.pca.components, 1)}));
}

template <class Real, class Exec>
void coral(Call<Real, Exec>& call) {
  auto const profiles = call.template view<2>("profiles");
  auto const batch    = call.template indices<1>("batch");
  auto const& fit =
      call.keep(profiling::fit_coral(call.exec(), profiles, call.template booleans<1>("control"), batch, {.regularization = call.number("regularization")}));
  profiling::apply_coral(call.exec(), fit, profiles, batch, call.template output<2>("output", call.extents("profiles")));
}

template <class Real, class Exec>
void pca(Call<Real, Exec>& call) {
  auto const profiles = call.template view<2>("profiles");
  auto const& fit     = call.keep(profiling::fit_pca(call.exec(), profiles, call.template booleans<1>("control"),
                                                     {.components = call.integer("components"), .whiten = call.flag("whiten")}));
  profiling::apply_pca(call.exec(), fit, profiles, call.template output<2>("scores", {extent(profiles, 0), extent(fit.components, 1)}));
  report(call, "components", fit.components);
  report(call, "explained_variance", fit.explained_variance);
  report(call, "explained_variance_ratio", fit.explained_variance_ratio);
  report(call, "mean", fit.mean);
}

template <class Real, class Exec>
void pca_center_scale(Call<Real, Exec>& call) {
  auto const profiles = call.template view<2>("profiles");
  auto const batch    = call.template indices<1>("batch");
  auto const& fit     = call.keep(
          profiling::fit_pca_center_scale(call.exec(), profiles, call.template booleans<1>("control"), batch, {.components = call.integer("components")}));
  profiling::apply_pca_center_scale(call.exec(), fit, profiles, batch, call.template output<2>("output", {extent(profiles, 0), extent(fit.pca.components, 1)}));
}

}  // namespace

OCELLUS_CONFORMANCE_REGISTER(registry) {
  auto const profiles = real("profiles", "(n, d)");
  auto const control  = boolean("control", "(n)");
  registry.add({"profiling.normalize",
                {.inputs  = {profiles, control.optional(), integer("group", "(n)").optional()},
                 .options = {choice("method", {"standardize", "robustize", "mad_robustize", "inverse_normal"}, "standardize"), number("epsilon", 1e-18),
                             flag("guarded", false), integer_option("quantiles", 1000)},
                 .outputs = {output("output", "(n, d)")}},
                OCELLUS_CONFORMANCE_RUN(normalize)});
  registry.add({"profiling.sphering",
                {.inputs  = {profiles, control.optional()},
                 .options = {choice("method", {"zca", "pca", "zca_cor", "pca_cor"}, "zca_cor"), flag("center", true), number("epsilon", 1e-6)},
                 .outputs = {output("output", "(n, d)"), output("weights", "(d, d)")},
                 .status  = {"full_rank", "zero_variance"}},
                OCELLUS_CONFORMANCE_RUN(sphering)});
  registry.add({"profiling.tvn",
                {.inputs  = {profiles, control, integer("batch", "(n)").optional()},
                 .options = {number("regularization", 0.5)},
                 .outputs = {output("output", "(n, min(controls, d))")}},
                OCELLUS_CONFORMANCE_RUN(tvn)});
  registry.add({"profiling.coral",
                {.inputs = {profiles, control, integer("batch", "(n)")}, .options = {number("regularization", 0.5)}, .outputs = {output("output", "(n, d)")}},
                OCELLUS_CONFORMANCE_RUN(coral)});
  registry.add({"profiling.pca",
                {.inputs  = {profiles, control.optional()},
                 .options = {integer_option("components", 0), flag("whiten", false)},
                 .outputs = {output("scores", "(n, k)"), output("components", "(d, k)"), output("explained_variance", "(k)"),
                             output("explained_variance_ratio", "(k)"), output("mean", "(d)")}},
                OCELLUS_CONFORMANCE_RUN(pca)});
  registry.add({"profiling.pca_center_scale",
                {.inputs  = {profiles, control, integer("batch", "(n)").optional()},
                 .options = {integer_option("components", 0)},
                 .outputs = {output("output", "(n, k)")}},
                OCELLUS_CONFORMANCE_RUN(pca_center_scale)});
  registry.add({"profiling.aggregate",
                {.inputs  = {profiles, integer("group", "(n)")},
                 .options = {choice("method", {"mean", "median"}, "mean")},
                 .outputs = {output("output", "(g, d)"), output("groups", "(g)")}},
                OCELLUS_CONFORMANCE_RUN(aggregate)});
  registry.add({"profiling.similarity",
                {.inputs  = {real("x", "(n, d)"), real("y", "(m, d)").optional()},
                 .options = {choice("metric", {"cosine", "abs_cosine", "pearson", "spearman", "euclidean", "manhattan", "chebyshev"}, "cosine"),
                             flag("distance", false)},
                 .outputs = {output("output", "(n, m)")}},
                OCELLUS_CONFORMANCE_RUN(similarity)});
  registry.add({"profiling.knn",
                {.inputs = {real("query", "(q, d)"), real("base", "(m, d)"), integer("query_group", "(q)").optional(), integer("base_group", "(m)").optional()},
                 .options = {integer_option("k", 1).runner(), choice("metric", {"cosine", "euclidean"}, "cosine")},
                 .outputs = {output("indices", "(q, k)"), output("distances", "(q, k)")}},
                OCELLUS_CONFORMANCE_RUN(knn)});
  registry.add({"profiling.knn_classify",
                {.inputs  = {profiles, integer("label", "(n)"), real("query", "(q, d)")},
                 .options = {integer_option("k", 20), choice("vote", {"weighted", "majority"}, "weighted"), number("temperature", 0.07)},
                 .outputs = {output("predicted", "(q)"), output("probability", "(q, max label + 1)")}},
                OCELLUS_CONFORMANCE_RUN(knn_classify)});
  registry.add({"profiling.nsc",
                {.inputs  = {profiles, integer("label", "(n)"), integer("compound", "(n)"), integer("batch", "(n)").optional()},
                 .outputs = {output("predicted", "(n)"), output("accuracy", "(1)")}},
                OCELLUS_CONFORMANCE_RUN(nsc)});
  registry.add({"profiling.average_precision",
                {.inputs  = {profiles, integer("metadata", "(n, c)")},
                 .options = {integers("pos_sameby"), integers("pos_diffby"), integers("neg_sameby"), integers("neg_diffby"),
                             choice("metric", {"cosine", "pearson", "abs_cosine", "euclidean", "manhattan", "chebyshev"}, "cosine"),
                             choice("p_value", {"none", "exact", "sampled"}, "none"), integer_option("null_size", 10000), integer_option("seed", 0)},
                 .outputs = {output("average_precision", "(n)"), output("normalized_average_precision", "(n)"), output("n_pos_pairs", "(n)"),
                             output("n_total_pairs", "(n)"), output("p_value", "(n)")}},
                OCELLUS_CONFORMANCE_RUN(average_precision)});
  registry.add({"profiling.mean_average_precision",
                {.inputs  = {real("average_precision", "(n)"), integer("n_pos_pairs", "(n)"), integer("n_total_pairs", "(n)"), integer("group", "(n)")},
                 .options = {integer_option("null_size", 0), integer_option("seed", 0)},
                 .outputs = {output("groups", "(g)"), output("mean_average_precision", "(g)"), output("mean_normalized_average_precision", "(g)"),
                             output("p_value", "(g)")}},
                OCELLUS_CONFORMANCE_RUN(mean_average_precision)});
}

}  // namespace ocellus::conformance
