// SPDX-License-Identifier: Apache-2.0

// Adapters of ocellus::transport; adapter.hpp says how they are written.

#include "adapter.hpp"

#include <ocellus/transport.hpp>

namespace ocellus::conformance {
namespace {

/// The solver's options, by name; `Options` has them all.
template <class Options, class Call>
Options solver_options(Call const& call) {
  Options options;
  options.epsilon        = call.number("epsilon");
  options.tolerance      = call.number("tolerance");
  options.max_iterations = call.integer("max_iterations");
  options.epsilon_start  = call.number("epsilon_start");
  options.epsilon_decay  = call.number("epsilon_decay");
  return options;
}

/// Moves a constant from f to g, in double, so that sum_i a_i f_i = 0 for a part of the rows and columns.
template <class Call>
void centre_potentials(Call const& call, std::vector<double>& f, std::vector<double>& g, std::size_t first_row, std::size_t last_row, std::size_t first_column,
                       std::size_t last_column) {
  double mass = 0, sum = 0;
  for (std::size_t i = first_row; i < last_row; ++i) {
    double const a = call.has("a") ? call.array("a").real(i) : 1.0;
    if (a == 0) continue;
    mass += a;
    sum += a * f[i];
  }
  for (std::size_t i = first_row; i < last_row; ++i) f[i] -= sum / mass;
  for (std::size_t j = first_column; j < last_column; ++j) g[j] += sum / mass;
}

template <class Call>
void report_potentials(Call& call, std::vector<double> f, std::vector<double> g) {
  centre_potentials(call, f, g, 0, f.size(), 0, g.size());
  call.derive("f", {static_cast<std::int64_t>(f.size())}, f);
  call.derive("g", {static_cast<std::int64_t>(g.size())}, g);
}

template <class Call>
void report_costs(Call& call, transport::SinkhornResult const& result) {
  call.derive("transport_cost", {1}, {result.transport_cost});
  call.derive("regularised_cost", {1}, {result.regularised_cost});
  call.derive("marginal_error", {1}, {result.marginal_error});
  call.status("converged", result.converged);
}

template <class Real, class Exec>
void sinkhorn(Call<Real, Exec>& call) {
  auto const cost   = call.template view<2>("cost");
  auto options      = solver_options<transport::SinkhornOptions>(call);
  options.reference = call.template choice<transport::PlanReference>("reference");
  auto const f = call.template scratch<1>("f", {extent(cost, 0)}), g = call.template scratch<1>("g", {extent(cost, 1)});
  auto const result = transport::sinkhorn(call.exec(), cost, call.template view<1>("a"), call.template view<1>("b"), f, g,
                                          call.template output<2>("plan", {extent(cost, 0), extent(cost, 1)}), options);
  report_potentials(call, call.values(f), call.values(g));
  report_costs(call, result);
}

template <class Real, class Exec>
void sinkhorn_point_cloud(Call<Real, Exec>& call) {
  auto const x = call.template view<2>("x"), y = call.template view<2>("y");
  auto options      = solver_options<transport::SinkhornPointCloudOptions>(call);
  options.cost      = call.template choice<transport::GroundCost>("cost");
  options.reference = call.template choice<transport::PlanReference>("reference");
  auto const f = call.template scratch<1>("f", {extent(x, 0)}), g = call.template scratch<1>("g", {extent(y, 0)});
  auto const result = transport::sinkhorn_point_cloud(call.exec(), x, y, call.template view<1>("a"), call.template view<1>("b"), f, g, options);
  report_potentials(call, call.values(f), call.values(g));
  report_costs(call, result);
}

template <class Real, class Exec>
void unbalanced_sinkhorn(Call<Real, Exec>& call) {
  auto const cost   = call.template view<2>("cost");
  auto options      = solver_options<transport::UnbalancedSinkhornOptions>(call);
  options.reference = call.template choice<transport::PlanReference>("reference");
  options.rho1      = call.number("rho1");
  options.rho2      = call.number("rho2");
  auto const f = call.template scratch<1>("f", {extent(cost, 0)}), g = call.template scratch<1>("g", {extent(cost, 1)});
  auto const result = transport::unbalanced_sinkhorn(call.exec(), cost, call.template view<1>("a"), call.template view<1>("b"), f, g,
                                                     call.template output<2>("plan", {extent(cost, 0), extent(cost, 1)}), options);
  if (std::isinf(options.rho1) && std::isinf(options.rho2)) {
    report_potentials(call, call.values(f), call.values(g));
  } else {
    call.derive("f", {extent(f, 0)}, call.values(f));
    call.derive("g", {extent(g, 0)}, call.values(g));
  }
  call.derive("total_mass", {1}, {result.total_mass});
  call.derive("transport_cost", {1}, {result.transport_cost});
  call.derive("regularised_cost", {1}, {result.regularised_cost});
  call.status("converged", result.converged);
}

template <class Real, class Exec>
void sinkhorn_batched(Call<Real, Exec>& call) {
  auto const x = call.template view<2>("x"), y = call.template view<2>("y");
  auto options         = solver_options<transport::SinkhornBatchedOptions>(call);
  options.cost         = call.template choice<transport::GroundCost>("cost");
  options.reference    = call.template choice<transport::PlanReference>("reference");
  auto const x_offsets = call.template indices<1>("x_offsets"), y_offsets = call.template indices<1>("y_offsets");
  std::int64_t const problems = extent(x_offsets, 0) - 1;
  auto const f = call.template scratch<1>("f", {extent(x, 0)}), g = call.template scratch<1>("g", {extent(y, 0)});
  auto const result = transport::sinkhorn_batched(call.exec(), x, y, x_offsets, y_offsets, call.template view<1>("a"), call.template view<1>("b"), f, g,
                                                  call.template output<1>("transport_cost", {problems}),
                                                  call.template output<1>("regularised_cost", {problems}), none, options);
  auto row = call.values(f), column = call.values(g);
  auto const& from_x = call.array("x_offsets").integers;
  auto const& from_y = call.array("y_offsets").integers;
  for (std::size_t k = 0; k + 1 < from_x.size(); ++k)
    centre_potentials(call, row, column, static_cast<std::size_t>(from_x[k]), static_cast<std::size_t>(from_x[k + 1]), static_cast<std::size_t>(from_y[k]),
                      static_cast<std::size_t>(from_y[k + 1]));
  call.derive("f", {extent(x, 0)}, row);
  call.derive("g", {extent(y, 0)}, column);
  call.status("converged", result.converged);
}

template <class Call>
transport::SinkhornDivergenceOptions divergence_options(Call const& call) {
  auto options = solver_options<transport::SinkhornDivergenceOptions>(call);
  options.cost = call.template choice<transport::GroundCost>("cost");
  return options;
}

template <class Real, class Exec>
void sinkhorn_divergence(Call<Real, Exec>& call) {
  auto options      = divergence_options(call);
  options.value     = call.template choice<transport::DivergenceValue>("value");
  options.rho       = call.number("rho");
  auto const result = transport::sinkhorn_divergence(call.exec(), call.template view<2>("x"), call.template view<2>("y"), call.template view<1>("a"),
                                                     call.template view<1>("b"), options);
  call.derive("divergence", {1}, {result.divergence});
  call.status("converged", result.converged);
}

/// Gradients of masses, in double: less their mean under the masses.
template <class Call, AnyView V>
void report_mass_gradient(Call& call, std::string const& name, std::string const& masses, V const& view) {
  auto gradient = call.values(view);
  double mass = 0, sum = 0;
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    double const a = call.has(masses) ? call.array(masses).real(i) : 1.0;
    mass += a;
    sum += a * gradient[i];
  }
  for (double& value : gradient) value -= sum / mass;
  call.derive(name, {static_cast<std::int64_t>(gradient.size())}, gradient);
}

template <class Real, class Exec>
void sinkhorn_point_cloud_backward(Call<Real, Exec>& call) {
  auto const x = call.template view<2>("x"), y = call.template view<2>("y");
  auto const a = call.template view<1>("a"), b = call.template view<1>("b");
  auto options = solver_options<transport::SinkhornPointCloudOptions>(call);
  options.cost = call.template choice<transport::GroundCost>("cost");
  auto const f = call.template scratch<1>("f", {extent(x, 0)}), g = call.template scratch<1>("g", {extent(y, 0)});
  auto const to_a = call.template scratch<1>("a_gradient", {extent(x, 0)}), to_b = call.template scratch<1>("b_gradient", {extent(y, 0)});
  transport::sinkhorn_point_cloud(call.exec(), x, y, a, b, f, g, options);
  transport::sinkhorn_point_cloud_backward(call.exec(), x, y, a, b, f, g, call.template output<2>("x_gradient", call.extents("x")),
                                           call.template output<2>("y_gradient", call.extents("y")), to_a, to_b, options);
  report_mass_gradient(call, "a_gradient", "a", to_a);
  report_mass_gradient(call, "b_gradient", "b", to_b);
}

template <class Real, class Exec>
void sinkhorn_divergence_backward(Call<Real, Exec>& call) {
  auto const x = call.template view<2>("x"), y = call.template view<2>("y");
  auto const to_a = call.template scratch<1>("a_gradient", {extent(x, 0)}), to_b = call.template scratch<1>("b_gradient", {extent(y, 0)});
  transport::sinkhorn_divergence_backward(call.exec(), x, y, call.template view<1>("a"), call.template view<1>("b"),
                                          call.template output<2>("x_gradient", call.extents("x")), call.template output<2>("y_gradient", call.extents("y")),
                                          to_a, to_b, divergence_options(call));
  report_mass_gradient(call, "a_gradient", "a", to_a);
  report_mass_gradient(call, "b_gradient", "b", to_b);
}

template <class Real, class Exec>
void plan_apply(Call<Real, Exec>& call) {
  auto const x = call.template view<2>("x"), y = call.template view<2>("y"), v = call.template view<2>("v");
  bool const transpose = call.flag("transpose");
  transport::plan_apply(call.exec(), x, y, call.template view<1>("a"), call.template view<1>("b"), call.template view<1>("f"), call.template view<1>("g"), v,
                        call.template output<2>("output", {extent(transpose ? y : x, 0), extent(v, 1)}),
                        {.epsilon   = call.number("epsilon"),
                         .cost      = call.template choice<transport::GroundCost>("cost"),
                         .reference = call.template choice<transport::PlanReference>("reference"),
                         .transpose = transpose});
}

template <class Real, class Exec>
void plan_top_entries(Call<Real, Exec>& call) {
  auto const x         = call.template view<2>("x");
  std::int64_t const k = call.integer("k") < 0 ? 0 : call.integer("k");
  transport::plan_top_entries(call.exec(), x, call.template view<2>("y"), call.template view<1>("a"), call.template view<1>("b"), call.template view<1>("f"),
                              call.template view<1>("g"), call.template output<2>("values", {extent(x, 0), k}),
                              call.template output_indices<2>("columns", {extent(x, 0), k}),
                              {.epsilon   = call.number("epsilon"),
                               .cost      = call.template choice<transport::GroundCost>("cost"),
                               .reference = call.template choice<transport::PlanReference>("reference")});
}

template <class Real, class Exec>
void barycentric_map(Call<Real, Exec>& call) {
  auto const query = call.template view<2>("query");
  transport::barycentric_map(call.exec(), query, call.template view<2>("y"), call.template view<1>("b"), call.template view<1>("g"),
                             call.template output<2>("output", call.extents("query")),
                             {.epsilon   = call.number("epsilon"),
                              .cost      = call.template choice<transport::GroundCost>("cost"),
                              .reference = call.template choice<transport::PlanReference>("reference")});
}

template <class Real, class Exec>
void exact_ot(Call<Real, Exec>& call) {
  auto const cost   = call.template view<2>("cost");
  auto const result = transport::exact_ot(call.exec(), cost, call.template view<1>("a"), call.template view<1>("b"), none, none,
                                          call.template output<2>("plan", {extent(cost, 0), extent(cost, 1)}));
  call.derive("total_cost", {1}, {result.total_cost});
  call.derive("dual_value", {1}, {result.dual_value});
  call.derive("dual_violation", {1}, {result.dual_violation});
  call.derive("marginal_error", {1}, {result.marginal_error});
  call.status("converged", result.converged);
}

template <class Real, class Exec>
void assignment(Call<Real, Exec>& call) {
  auto const cost = call.template view<2>("cost");
  auto const result =
      transport::assignment(call.exec(), cost, call.template output_indices<1>("columns", {extent(cost, 0)}), {.maximise = call.flag("maximise")});
  call.derive("total_cost", {1}, {result.total_cost});
}

template <class Real, class Exec>
void wasserstein_1d(Call<Real, Exec>& call) {
  auto const x = call.template view<2>("x");
  transport::wasserstein_1d(call.exec(), x, call.template view<2>("y"), call.template view<1>("a"), call.template view<1>("b"),
                            call.template output<1>("cost", {extent(x, 1)}), {.p = call.number("p")});
}

/// A View of rank 0 of the one element of an array.
template <class Call, class V>
auto scalar_of(Call const&, V const& view) {
  return Kokkos::View<typename Call::Real, typename Call::Space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>(view.data());
}

template <class Real, class Exec>
void sliced_wasserstein(Call<Real, Exec>& call) {
  auto const distance = call.template output<1>("distance", {1});
  transport::sliced_wasserstein(call.exec(), call.template view<2>("x"), call.template view<2>("y"), call.template view<2>("projections"),
                                call.template view<1>("a"), call.template view<1>("b"), scalar_of(call, distance), {.p = call.number("p")});
}

template <class Real, class Exec>
void minibatch_coupling(Call<Real, Exec>& call) {
  auto const x0       = call.template view<2>("x0");
  auto const uniforms = call.template view<1>("uniforms");
  transport::minibatch_coupling(call.exec(), x0, call.template view<2>("x1"), uniforms, call.template output_indices<1>("columns", {extent(x0, 0)}),
                                call.template output_indices<1>("sampled_rows", {extent(uniforms, 0)}),
                                call.template output_indices<1>("sampled_columns", {extent(uniforms, 0)}));
}

template <class Real, class Exec>
void gaussian_bridge(Call<Real, Exec>& call) {
  auto const mean0     = call.template view<1>("mean0");
  auto const times     = call.template view<1>("times");
  auto const query     = call.template view<2>("query");
  std::int64_t const d = extent(mean0, 0), steps = extent(times, 0);
  transport::gaussian_bridge(call.exec(), mean0, call.template view<2>("covariance0"), call.template view<1>("mean1"), call.template view<2>("covariance1"),
                             times, query, call.template output<2>("cross_covariance", {d, d}), call.template output<2>("means", {steps, d}),
                             call.template output<3>("covariances", {steps, d, d}), call.template output<3>("drifts", {steps, extent(query, 0), d}),
                             {.omega = call.number("omega")});
}

template <class Real, class Exec>
void bures_wasserstein(Call<Real, Exec>& call) {
  auto const mean0     = call.template view<1>("mean0");
  std::int64_t const d = extent(mean0, 0);
  auto const result    = transport::bures_wasserstein(call.exec(), mean0, call.template view<2>("covariance0"), call.template view<1>("mean1"),
                                                      call.template view<2>("covariance1"), call.template output<2>("map_matrix", {d, d}),
                                                      call.template output<1>("map_offset", {d}));
  call.derive("distance_squared", {1}, {result.distance_squared});
}

template <class Real, class Exec>
void mmd_rbf(Call<Real, Exec>& call) {
  auto const gammas = call.numbers("gammas");
  transport::mmd_rbf(call.exec(), call.template view<2>("x"), call.template view<2>("y"), scalar_of(call, call.template output<1>("mmd", {1})),
                     {.gammas = gammas});
}

template <class Real, class Exec>
void diffusivity_schedule(Call<Real, Exec>& call) {
  auto const times = call.template view<1>("times");
  transport::diffusivity_schedule(
      call.exec(), times, call.template output<1>("g", {extent(times, 0)}), call.template output<1>("beta", {extent(times, 0)}),
      {.schedule = call.template choice<transport::Diffusivity>("schedule"), .g_max = call.number("g_max"), .steps = call.integer("steps")});
}

template <class Real, class Exec>
void brownian_bridge(Call<Real, Exec>& call) {
  transport::brownian_bridge(call.exec(), call.template view<2>("x0"), call.template view<2>("x1"), call.template view<2>("noise"), call.template view<1>("t"),
                             call.template output<2>("x_t", call.extents("x0")),
                             {.schedule = call.template choice<transport::Diffusivity>("schedule"), .g_max = call.number("g_max")});
}

template <class Call>
transport::SbalignLossOptions sbalign_options(Call const& call) {
  return {.schedule     = call.template choice<transport::Diffusivity>("schedule"),
          .g_max        = call.number("g_max"),
          .steps        = call.integer("steps"),
          .drift_weight = call.number("drift_weight"),
          .end_weight   = call.number("end_weight"),
          .time_weight  = call.number("time_weight")};
}

template <class Real, class Exec>
void sbalign_loss(Call<Real, Exec>& call) {
  auto const loss = call.template output<1>("loss", {1});
  transport::sbalign_loss(call.exec(), call.template view<2>("drift"), call.template view<2>("doob"), call.template view<2>("doob_end"),
                          call.template view<2>("x_t"), call.template view<2>("x1"), call.template view<1>("t"), scalar_of(call, loss), sbalign_options(call));
}

template <class Real, class Exec>
void sbalign_loss_backward(Call<Real, Exec>& call) {
  auto const& shape = call.extents("drift");
  transport::sbalign_loss_backward(call.exec(), call.template view<2>("drift"), call.template view<2>("doob"), call.template view<2>("doob_end"),
                                   call.template view<2>("x_t"), call.template view<2>("x1"), call.template view<1>("t"),
                                   call.template output<2>("drift_gradient", shape), call.template output<2>("doob_gradient", shape),
                                   call.template output_if_wanted<2>("doob_end_gradient", shape), sbalign_options(call));
}

template <class Real, class Exec>
void sbalign_sample(Call<Real, Exec>& call) {
  auto const x0 = call.template view<2>("x0");
  transport::sbalign_sample(call.exec(), x0, call.template view<3>("noise"), call.template view<2>("drift_matrix"), call.template view<1>("drift_offset"),
                            call.template view<1>("drift_slope"), call.template output<3>("path", {call.extent("noise", 0) + 1, extent(x0, 0), extent(x0, 1)}),
                            {.schedule = call.template choice<transport::Diffusivity>("schedule"), .g_max = call.number("g_max")});
}

template <class Real, class Exec>
void time_embedding(Call<Real, Exec>& call) {
  auto const times = call.template view<1>("times");
  transport::time_embedding(call.exec(), times, call.template output<2>("embedding", {extent(times, 0), call.integer("dimension")}),
                            {.scale = call.number("scale"), .max_positions = call.number("max_positions")});
}

template <class Real, class Exec>
void dsb_chain(Call<Real, Exec>& call) {
  auto const x0     = call.template view<2>("x0");
  auto const gammas = call.template view<1>("gammas");
  std::vector<std::int64_t> const shape{extent(x0, 0), extent(gammas, 0), extent(x0, 1)};
  transport::dsb_chain(call.exec(), x0, gammas, call.template view<3>("noise"), call.template view<1>("prior_mean"), call.template view<1>("prior_variance"),
                       call.template view<2>("net_matrix"), call.template view<1>("net_offset"), call.template view<1>("net_slope"),
                       call.template output<3>("positions", shape), call.template output<3>("targets", shape),
                       call.template output<1>("times", {extent(gammas, 0)}), {.mean_match = call.flag("mean_match"), .sample = call.flag("sample")});
}

template <class Real, class Exec>
void flow_matching_target(Call<Real, Exec>& call) {
  transport::flow_matching_target(call.exec(), call.template view<2>("x0"), call.template view<2>("x1"), call.template view<2>("noise"),
                                  call.template view<1>("t"), call.template output<2>("x_t", call.extents("x0")),
                                  call.template output<2>("u_t", call.extents("x0")),
                                  {.variant = call.template choice<transport::FlowVariant>("variant"), .sigma = call.number("sigma")});
}

template <class Real, class Exec>
void cpa_latent(Call<Real, Exec>& call) {
  transport::cpa_latent(call.exec(), call.template view<2>("basal"), call.template view<2>("doses"), call.template view<2>("drug_embeddings"),
                        call.template view<2>("covariate_embeddings"), call.template indices<2>("covariates"), call.template view<1>("dose_beta"),
                        call.template view<1>("dose_bias"), call.template output<2>("treated", call.extents("basal")),
                        {.dose_response = call.template choice<transport::DoseResponse>("dose_response")});
}

template <class Real, class Exec>
void udsb_trajectory(Call<Real, Exec>& call) {
  auto const x0        = call.template view<2>("x0");
  std::int64_t const n = extent(x0, 0), steps = call.extent("noise", 0);
  transport::udsb_trajectory(call.exec(), x0, call.template view<3>("noise"), call.template view<1>("initial_uniforms"),
                             call.template view<2>("death_uniforms"), call.template view<2>("birth_uniforms"), call.template view<2>("type_uniforms"),
                             call.template view<2>("killing"), call.template view<1>("ferryman"), call.template view<2>("drift_matrix"),
                             call.template view<1>("drift_offset"), call.template view<1>("score"),
                             call.template output<3>("positions", {steps + 1, n, extent(x0, 1)}), call.template output_booleans<2>("alive", {steps + 1, n}),
                             call.template output<2>("killing_probability", {steps, n}),
                             {.g                  = call.number("g"),
                              .initial_mass       = call.number("initial_mass"),
                              .epsilon            = call.number("epsilon"),
                              .direction          = call.template choice<transport::TrajectoryDirection>("direction"),
                              .splitting_fraction = call.number("splitting_fraction")});
}

/// Widths of the hidden layers, from the extents of `<prefix><i>.weight` for i = 0, 1, ... but the last.
std::vector<std::int64_t> hidden_of(ArraySet const& set, std::string const& prefix) {
  std::vector<std::int64_t> hidden;
  for (int i = 0; set.count(prefix + std::to_string(i) + ".weight") > 0; ++i) hidden.push_back(set.at(prefix + std::to_string(i) + ".weight").extents.at(0));
  if (!hidden.empty()) hidden.pop_back();
  return hidden;
}

/// A set of tensors as one flat View by the table; every name must be there with its shape.
template <class Call>
auto flat_parameters(Call const& call, std::string const& name, ArraySet const& set, ParameterTable const& table) {
  std::vector<double> values(table.size(), 0.0);
  for (auto const& entry : table.entries()) {
    auto const at = set.find(entry.name);
    if (at == set.end()) throw BadCase(name + " lacks " + entry.name);
    if (at->second.size() != entry.size()) throw BadCase(name + ": " + entry.name + " has the shape " + to_string(at->second.extents));
    for (std::size_t i = 0; i < entry.size(); ++i) values[entry.offset + i] = at->second.real(i);
  }
  if (set.size() != table.entries().size()) throw BadCase(name + " has tensors that the network does not");
  return call.template upload<typename Call::Real, 1>(name, make_array({static_cast<std::int64_t>(values.size())}, values),
                                                      {static_cast<std::int64_t>(values.size())});
}

/// Reports the tensors of a flat View as `<prefix><name><suffix>`.
template <class Call, AnyView V>
void report_tensors(Call& call, std::string const& prefix, std::string const& suffix, ParameterTable const& table, V const& view) {
  auto const values = call.values(view);
  for (auto const& entry : table.entries()) {
    auto const from = values.begin() + static_cast<std::ptrdiff_t>(entry.offset);
    call.derive(prefix + entry.name + suffix, entry.extents, {from, from + static_cast<std::ptrdiff_t>(entry.size())});
  }
}

template <class Real, class Exec>
void icnn(Call<Real, Exec>& call) {
  auto const x          = call.template view<2>("x");
  auto const hidden     = hidden_of(call.set("parameters"), "A.");
  auto const parameters = flat_parameters(call, "parameters", call.set("parameters"), transport::icnn_parameter_table(extent(x, 1), hidden));
  transport::icnn(
      call.exec(), x, parameters, call.template output<1>("value", {extent(x, 0)}), call.template output<2>("gradient", call.extents("x")),
      {.hidden = hidden, .slope = call.number("slope"), .softplus_weights = call.flag("softplus_weights"), .softplus_beta = call.number("softplus_beta")});
}

template <class Real, class Exec>
void picnn(Call<Real, Exec>& call) {
  auto const x = call.template view<2>("x"), label = call.template view<2>("label");
  auto const hidden     = hidden_of(call.set("parameters"), "wx.");
  auto const parameters = flat_parameters(call, "parameters", call.set("parameters"), transport::picnn_parameter_table(extent(x, 1), extent(label, 1), hidden));
  transport::picnn(call.exec(), x, label, parameters, call.template output<1>("value", {extent(x, 0)}), call.template output<2>("gradient", call.extents("x")),
                   {.hidden = hidden, .softplus_weights = call.flag("softplus_weights")});
}

/// What both pairs of losses give.
template <class Real, class Exec, class Losses>
void map_losses(Call<Real, Exec>& call, ParameterTable const& table, Losses const& losses) {
  auto const f = flat_parameters(call, "f", call.set("f"), table), g = flat_parameters(call, "g", call.set("g"), table);
  auto const size = static_cast<std::int64_t>(table.size());
  auto const to_f = call.template scratch<1>("f_gradient", {size}), to_g = call.template scratch<1>("g_gradient", {size});
  losses(f, g, scalar_of(call, call.template output<1>("loss_g", {1})), scalar_of(call, call.template output<1>("loss_f", {1})),
         scalar_of(call, call.template output<1>("w2", {1})), call.template output<2>("transport", call.extents("source")), to_f, to_g);
  report_tensors(call, "f.", "_gradient", table, to_f);
  report_tensors(call, "g.", "_gradient", table, to_g);
}

template <class Real, class Exec>
void cellot_losses(Call<Real, Exec>& call) {
  auto const source = call.template view<2>("source"), target = call.template view<2>("target");
  auto const hidden = hidden_of(call.set("g"), "A.");
  map_losses(call, transport::icnn_parameter_table(extent(source, 1), hidden), [&](auto const&... arrays) {
    transport::cellot_losses(call.exec(), source, target, arrays..., {.hidden = hidden, .penalty = call.number("penalty")});
  });
}

template <class Real, class Exec>
void condot_losses(Call<Real, Exec>& call) {
  auto const source = call.template view<2>("source"), target = call.template view<2>("target"), label = call.template view<2>("label");
  auto const hidden = hidden_of(call.set("g"), "wx.");
  map_losses(call, transport::picnn_parameter_table(extent(source, 1), extent(label, 1), hidden), [&](auto const&... arrays) {
    transport::condot_losses(call.exec(), source, target, label, arrays..., {.hidden = hidden, .penalty = call.number("penalty")});
  });
}

template <class Real, class Exec>
void jko_step(Call<Real, Exec>& call) {
  auto const x             = call.template view<2>("x");
  auto const hidden        = hidden_of(call.set("parameters"), "A.");
  auto const energy_hidden = hidden_of(call.set("energy"), "");
  auto const table         = transport::icnn_parameter_table(extent(x, 1), hidden);
  auto const parameters    = flat_parameters(call, "parameters", call.set("parameters"), table);
  auto const well          = flat_parameters(call, "energy", call.set("energy"), transport::jko_energy_parameter_table(extent(x, 1), energy_hidden));
  transport::jko_step(call.exec(), x, parameters, well, call.template output<1>("losses", {call.integer("iterations")}),
                      call.template output<2>("gradient_map", call.extents("x")), scalar_of(call, call.template output<1>("energy", {1})),
                      call.template output<2>("energy_gradient", call.extents("x")),
                      {.hidden           = hidden,
                       .energy_hidden    = energy_hidden,
                       .tau              = call.number("tau"),
                       .slope            = call.number("slope"),
                       .softplus_weights = call.flag("softplus_weights"),
                       .convex           = call.number("convex"),
                       .learning_rate    = call.number("learning_rate"),
                       .beta1            = call.number("beta1"),
                       .beta2            = call.number("beta2"),
                       .adam_epsilon     = call.number("adam_epsilon")});
  report_tensors(call, "parameters.", "", table, parameters);
}

}  // namespace

OCELLUS_CONFORMANCE_REGISTER(registry) {
  auto const solver = [](std::vector<OptionSpec> more) {
    std::vector<OptionSpec> options = {number("epsilon"), number("tolerance", 1e-6), integer_option("max_iterations", 1000), number("epsilon_start", 0.0),
                                       number("epsilon_decay", 0.5)};
    options.insert(options.end(), more.begin(), more.end());
    return options;
  };
  auto const infinity     = std::numeric_limits<double>::infinity();
  auto const ground       = choice("cost", {"squared_euclidean", "euclidean", "cosine"}, "squared_euclidean");
  auto const reference    = choice("reference", {"product", "counting"}, "product");
  auto const x            = real("x", "(n, d)");
  auto const y            = real("y", "(m, d)");
  auto const a            = real("a", "(n)").optional();
  auto const b            = real("b", "(m)").optional();
  auto const f            = derived("f", "(n)");
  auto const g            = derived("g", "(m)");
  auto const cost_of_plan = derived("transport_cost", "()");
  auto const objective    = derived("regularised_cost", "()");
  auto const marginal     = derived("marginal_error", "()");
  registry.add({"transport.sinkhorn",
                {.inputs  = {real("cost", "(n, m)"), a, b},
                 .options = solver({reference}),
                 .outputs = {f, g, output("plan", "(n, m)"), cost_of_plan, objective, marginal},
                 .status  = {"converged"}},
                OCELLUS_CONFORMANCE_RUN(sinkhorn)});
  registry.add({"transport.sinkhorn_point_cloud",
                {.inputs = {x, y, a, b}, .options = solver({ground, reference}), .outputs = {f, g, cost_of_plan, objective, marginal}, .status = {"converged"}},
                OCELLUS_CONFORMANCE_RUN(sinkhorn_point_cloud)});
  registry.add({"transport.unbalanced_sinkhorn",
                {.inputs  = {real("cost", "(n, m)"), a, b},
                 .options = solver({number("rho1", infinity), number("rho2", infinity), reference}),
                 .outputs = {f, g, output("plan", "(n, m)"), derived("total_mass", "()"), cost_of_plan, objective},
                 .status  = {"converged"}},
                OCELLUS_CONFORMANCE_RUN(unbalanced_sinkhorn)});
  registry.add({"transport.sinkhorn_batched",
                {.inputs  = {real("x", "(sum n, d)"), real("y", "(sum m, d)"), integer("x_offsets", "(B + 1)"), integer("y_offsets", "(B + 1)"),
                             real("a", "(sum n)").optional(), real("b", "(sum m)").optional()},
                 .options = solver({ground, reference}),
                 .outputs = {derived("f", "(sum n)"), derived("g", "(sum m)"), output("transport_cost", "(B)"), output("regularised_cost", "(B)")},
                 .status  = {"converged"}},
                OCELLUS_CONFORMANCE_RUN(sinkhorn_batched)});
  registry.add({"transport.sinkhorn_divergence",
                {.inputs  = {x, y, a, b},
                 .options = solver({ground, choice("value", {"regularised", "transport_cost"}, "regularised"), number("rho", infinity)}),
                 .outputs = {derived("divergence", "()")},
                 .status  = {"converged"}},
                OCELLUS_CONFORMANCE_RUN(sinkhorn_divergence)});
  std::vector<OutputSpec> const gradients = {output("x_gradient", "(n, d)"), output("y_gradient", "(m, d)"), derived("a_gradient", "(n)"),
                                             derived("b_gradient", "(m)")};
  registry.add({"transport.sinkhorn_point_cloud_backward",
                {.inputs = {x, y, a, b}, .options = solver({ground}), .outputs = gradients},
                OCELLUS_CONFORMANCE_RUN(sinkhorn_point_cloud_backward)});
  registry.add({"transport.sinkhorn_divergence_backward",
                {.inputs = {x, y, a, b}, .options = solver({ground}), .outputs = gradients},
                OCELLUS_CONFORMANCE_RUN(sinkhorn_divergence_backward)});
  registry.add({"transport.plan_apply",
                {.inputs  = {x, y, real("f", "(n)"), real("g", "(m)"), real("v", "(m, k) or (n, k)"), a, b},
                 .options = {number("epsilon"), ground, reference, flag("transpose", false)},
                 .outputs = {output("output", "(n, k) or (m, k)")}},
                OCELLUS_CONFORMANCE_RUN(plan_apply)});
  registry.add({"transport.plan_top_entries",
                {.inputs  = {x, y, real("f", "(n)"), real("g", "(m)"), a, b},
                 .options = {number("epsilon"), ground, reference, integer_option("k").runner()},
                 .outputs = {output("values", "(n, k)"), output("columns", "(n, k)")}},
                OCELLUS_CONFORMANCE_RUN(plan_top_entries)});
  registry.add({"transport.barycentric_map",
                {.inputs  = {real("query", "(q, d)"), y, real("g", "(m)"), b},
                 .options = {number("epsilon"), ground, reference},
                 .outputs = {output("output", "(q, d)")}},
                OCELLUS_CONFORMANCE_RUN(barycentric_map)});
  registry.add({"transport.exact_ot",
                {.inputs  = {real("cost", "(n, m)"), a, b},
                 .outputs = {derived("total_cost", "()"), output("plan", "(n, m)"), derived("dual_value", "()"), derived("dual_violation", "()"), marginal},
                 .status  = {"converged"}},
                OCELLUS_CONFORMANCE_RUN(exact_ot)});
  registry.add({"transport.assignment",
                {.inputs = {real("cost", "(n, m)")}, .options = {flag("maximise", false)}, .outputs = {derived("total_cost", "()"), output("columns", "(n)")}},
                OCELLUS_CONFORMANCE_RUN(assignment)});
  registry.add({"transport.wasserstein_1d",
                {.inputs = {real("x", "(n, k)"), real("y", "(m, k)"), a, b}, .options = {number("p")}, .outputs = {output("cost", "(k)")}},
                OCELLUS_CONFORMANCE_RUN(wasserstein_1d)});
  registry.add({"transport.sliced_wasserstein",
                {.inputs = {x, y, real("projections", "(d, k)"), a, b}, .options = {number("p")}, .outputs = {output("distance", "()")}},
                OCELLUS_CONFORMANCE_RUN(sliced_wasserstein)});
  registry.add({"transport.minibatch_coupling",
                {.inputs  = {real("x0", "(n, d)"), real("x1", "(n, d)"), real("uniforms", "(n)")},
                 .outputs = {output("columns", "(n)"), output("sampled_rows", "(n)"), output("sampled_columns", "(n)")}},
                OCELLUS_CONFORMANCE_RUN(minibatch_coupling)});
  std::vector<InputSpec> const gaussians = {real("mean0", "(d)"), real("covariance0", "(d, d)"), real("mean1", "(d)"), real("covariance1", "(d, d)")};
  auto with_times                        = gaussians;
  with_times.push_back(real("times", "(K)"));
  with_times.push_back(real("query", "(q, d)"));
  registry.add(
      {"transport.gaussian_bridge",
       {.inputs  = with_times,
        .options = {number("omega")},
        .outputs = {output("cross_covariance", "(d, d)"), output("means", "(K, d)"), output("covariances", "(K, d, d)"), output("drifts", "(K, q, d)")}},
       OCELLUS_CONFORMANCE_RUN(gaussian_bridge)});
  registry.add({"transport.bures_wasserstein",
                {.inputs = gaussians, .outputs = {derived("distance_squared", "()"), output("map_matrix", "(d, d)"), output("map_offset", "(d)")}},
                OCELLUS_CONFORMANCE_RUN(bures_wasserstein)});
  registry.add({"transport.mmd_rbf",
                {.inputs = {x, y}, .options = {numbers("gammas", nlohmann::json::array({2.0, 1.0, 0.5, 0.1, 0.01, 0.005}))}, .outputs = {output("mmd", "()")}},
                OCELLUS_CONFORMANCE_RUN(mmd_rbf)});
  auto const schedule = choice("schedule", {"constant", "triangular", "inverse_triangular", "decreasing"}, "constant");
  auto const g_max    = number("g_max", 1.0);
  auto const steps    = integer_option("steps", 1);
  auto const x0       = real("x0", "(n, d)");
  auto const x1       = real("x1", "(n, d)");
  auto const noise    = real("noise", "(n, d)");
  auto const times    = real("t", "(n)");
  registry.add({"transport.diffusivity_schedule",
                {.inputs = {real("times", "(K)")}, .options = {schedule, g_max, steps}, .outputs = {output("g", "(K)"), output("beta", "(K)")}},
                OCELLUS_CONFORMANCE_RUN(diffusivity_schedule)});
  registry.add({"transport.brownian_bridge",
                {.inputs = {x0, x1, noise, times}, .options = {schedule, g_max}, .outputs = {output("x_t", "(n, d)")}},
                OCELLUS_CONFORMANCE_RUN(brownian_bridge)});
  std::vector<InputSpec> const aligned = {
      real("drift", "(n, d)"), real("doob", "(n, d)"), real("doob_end", "(n, d)").optional(), real("x_t", "(n, d)"), x1, times};
  std::vector<OptionSpec> const loss_options = {schedule, g_max, steps, number("drift_weight", 1.0), number("end_weight", 1.0), number("time_weight", 1.0)};
  registry.add(
      {"transport.sbalign_loss", {.inputs = aligned, .options = loss_options, .outputs = {output("loss", "()")}}, OCELLUS_CONFORMANCE_RUN(sbalign_loss)});
  registry.add({"transport.sbalign_loss_backward",
                {.inputs  = aligned,
                 .options = loss_options,
                 .outputs = {output("drift_gradient", "(n, d)"), output("doob_gradient", "(n, d)"), output("doob_end_gradient", "(n, d)")}},
                OCELLUS_CONFORMANCE_RUN(sbalign_loss_backward)});
  registry.add({"transport.sbalign_sample",
                {.inputs  = {x0, real("noise", "(K, n, d)"), real("drift_matrix", "(d, d)"), real("drift_offset", "(d)"), real("drift_slope", "(d)")},
                 .options = {schedule, g_max},
                 .outputs = {output("path", "(K + 1, n, d)")}},
                OCELLUS_CONFORMANCE_RUN(sbalign_sample)});
  registry.add({"transport.time_embedding",
                {.inputs  = {real("times", "(K)")},
                 .options = {integer_option("dimension").runner(), number("scale", 1000.0), number("max_positions", 1000.0)},
                 .outputs = {output("embedding", "(K, dimension)")}},
                OCELLUS_CONFORMANCE_RUN(time_embedding)});
  registry.add({"transport.dsb_chain",
                {.inputs  = {real("x0", "(N, d)"), real("gammas", "(K)"), real("noise", "(K, N, d)"), real("prior_mean", "(d)").optional(),
                             real("prior_variance", "(d)").optional(), real("net_matrix", "(d, d)").optional(), real("net_offset", "(d)").optional(),
                             real("net_slope", "(d)").optional()},
                 .options = {flag("mean_match", true), flag("sample", false)},
                 .outputs = {output("positions", "(N, K, d)"), output("targets", "(N, K, d)"), output("times", "(K)")}},
                OCELLUS_CONFORMANCE_RUN(dsb_chain)});
  registry.add({"transport.flow_matching_target",
                {.inputs  = {x0, x1, noise, times},
                 .options = {choice("variant", {"independent", "target", "schrodinger_bridge", "variance_preserving"}, "independent"), number("sigma", 0.0)},
                 .outputs = {output("x_t", "(n, d)"), output("u_t", "(n, d)")}},
                OCELLUS_CONFORMANCE_RUN(flow_matching_target)});
  registry.add(
      {"transport.cpa_latent",
       {.inputs  = {real("basal", "(n, k)"), real("doses", "(n, p)"), real("drug_embeddings", "(p, k)"), real("covariate_embeddings", "(c, k)").optional(),
                    integer("covariates", "(n, j)").optional(), real("dose_beta", "(p)").optional(), real("dose_bias", "(p)").optional()},
        .options = {choice("dose_response", {"linear", "sigmoid", "log_sigmoid"}, "linear")},
        .outputs = {output("treated", "(n, k)")}},
       OCELLUS_CONFORMANCE_RUN(cpa_latent)});
  registry.add({"transport.udsb_trajectory",
                {.inputs = {x0, real("noise", "(K, n, d)"), real("initial_uniforms", "(n)"), real("death_uniforms", "(K, n)"), real("birth_uniforms", "(K, n)"),
                            real("type_uniforms", "(K, n)"), real("killing", "(K, n)"), real("ferryman", "(K)"), real("drift_matrix", "(d, d)"),
                            real("drift_offset", "(d)"), real("score", "(d)")},
                 .options = {number("g", 1.0), number("initial_mass", 1.0), number("epsilon", 0.0), choice("direction", {"forward", "backward"}, "forward"),
                             number("splitting_fraction", 0.0)},
                 .outputs = {output("positions", "(K + 1, n, d)"), output("alive", "(K + 1, n)"), output("killing_probability", "(K, n)")}},
                OCELLUS_CONFORMANCE_RUN(udsb_trajectory)});
  auto const positive = flag("softplus_weights", false);
  registry.add({"transport.icnn",
                {.inputs  = {x, set("parameters")},
                 .options = {number("slope", 0.2), positive, number("softplus_beta", 1.0)},
                 .outputs = {output("value", "(n)"), output("gradient", "(n, d)")}},
                OCELLUS_CONFORMANCE_RUN(icnn)});
  registry.add(
      {"transport.picnn",
       {.inputs = {x, real("label", "(n, k)"), set("parameters")}, .options = {positive}, .outputs = {output("value", "(n)"), output("gradient", "(n, d)")}},
       OCELLUS_CONFORMANCE_RUN(picnn)});
  std::vector<OutputSpec> const losses = {output("loss_g", "()"),        output("loss_f", "()"),          output("w2", "()"),
                                          output("transport", "(n, d)"), derived("f.*_gradient", "as f"), derived("g.*_gradient", "as g")};
  registry.add({"transport.cellot_losses",
                {.inputs = {real("source", "(n, d)"), real("target", "(n, d)"), set("f"), set("g")}, .options = {number("penalty", 0.0)}, .outputs = losses},
                OCELLUS_CONFORMANCE_RUN(cellot_losses)});
  registry.add({"transport.condot_losses",
                {.inputs  = {real("source", "(n, d)"), real("target", "(n, d)"), real("label", "(n, k)"), set("f"), set("g")},
                 .options = {number("penalty", 0.0)},
                 .outputs = losses},
                OCELLUS_CONFORMANCE_RUN(condot_losses)});
  registry.add({"transport.jko_step",
                {.inputs  = {x, set("parameters"), set("energy")},
                 .options = {integer_option("iterations").runner(), number("tau", 1.0), number("slope", 0.01), flag("softplus_weights", true),
                             number("convex", 0.0), number("learning_rate", 0.01), number("beta1", 0.5), number("beta2", 0.9), number("adam_epsilon", 1e-8)},
                 .outputs = {output("losses", "(iterations)"), output("gradient_map", "(n, d)"), output("energy", "()"), output("energy_gradient", "(n, d)"),
                             derived("parameters.*", "as parameters")}},
                OCELLUS_CONFORMANCE_RUN(jko_step)});
}

}  // namespace ocellus::conformance
