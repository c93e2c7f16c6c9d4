// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::transport {

enum class TrajectoryDirection { forward, backward };

struct UdsbTrajectoryOptions {
  double g                      = 1.0;  ///< diffusivity
  double initial_mass           = 1.0;  ///< share of the particles that start alive
  double epsilon                = 0.0;  ///< added to the density that dampens killing
  TrajectoryDirection direction = TrajectoryDirection::forward;
  double splitting_fraction     = 0.0;  ///< of the births, those that copy a live particle into a dead slot
};

namespace detail {

template <class Positions, class Alive, class Killing, class X0, class Noise, class Initial, class Death, class Birth, class Type, class Kill, class Ferryman,
          class Matrix, class Offset, class Score>
struct UdsbArrays {
  Positions positions;
  Alive alive;
  Killing killing_probability;
  X0 x0;
  Noise noise;
  Initial initial;
  Death death;
  Birth birth;
  Type type;
  Kill killing;
  Ferryman ferryman;
  Matrix matrix;
  Offset offset;
  Score score;
};

template <class Member, class Arrays>
struct UdsbStart {
  Arrays arrays;
  std::int64_t at;
  double initial_mass;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    using Real = element_t<decltype(arrays.positions)>;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(arrays.x0, 1)),
                         [&](std::int64_t const k) { arrays.positions(at, i, k) = static_cast<Real>(arrays.x0(i, k)); });
    Kokkos::single(Kokkos::PerThread(member), [&]() { arrays.alive(at, i) = static_cast<double>(arrays.initial(i)) < initial_mass; });
  }
};

/// Moves a particle, and finds the chance that it dies (or is born, where negative).
template <class Member, class Arrays>
struct UdsbMove {
  Arrays arrays;
  std::int64_t step, now, next, steps;
  double g, epsilon, normaliser;
  bool backward;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    using Real               = element_t<decltype(arrays.positions)>;
    std::int64_t const width = extent(arrays.x0, 1), n = extent(arrays.x0, 0);
    Real const dt = static_cast<Real>(1.0 / static_cast<double>(steps)), spread = static_cast<Real>(g / Kokkos::sqrt(static_cast<double>(steps)));
    Real const sign = backward ? Real(-1) : Real(1), gain = static_cast<Real>(g);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const k) {
      Real drift = static_cast<Real>(arrays.offset(k));
      for (std::int64_t c = 0; c < width; ++c) drift += arrays.positions(now, i, c) * static_cast<Real>(arrays.matrix(k, c));
      Real const push              = drift + sign * gain * static_cast<Real>(arrays.score(k));
      arrays.positions(next, i, k) = arrays.positions(now, i, k) + sign * (push * dt + spread * static_cast<Real>(arrays.noise(step, i, k)));
    });
    Real density = 0, living = 0;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, n),
        [&](std::int64_t const j, Real& sum) {
          if (!arrays.alive(now, j)) return;
          Real squared = 0;
          for (std::int64_t k = 0; k < width; ++k) {
            Real const difference = arrays.positions(next, i, k) - arrays.positions(now, j, k);
            squared += difference * difference;
          }
          sum += Kokkos::exp(-squared / Real(8));
        },
        density);
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, n), [&](std::int64_t const j, Real& count) { count += arrays.alive(now, j) ? Real(1) : Real(0); }, living);
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      Real const weight = density / static_cast<Real>(normaliser) / (living > Real(1) ? living : Real(1));
      Real p = static_cast<Real>(arrays.killing(step, i)) * static_cast<Real>(arrays.ferryman(step)) / (Real(1) + static_cast<Real>(epsilon) + weight);
      p      = p > Real(1) ? Real(1) : p < Real(-1) ? Real(-1) : p;
      arrays.killing_probability(step, i) = p;
    });
  }
};

/// Deaths, births in place, and splits, in the order of the slots.
template <class Member, class Arrays>
struct UdsbPopulation {
  Arrays arrays;
  std::int64_t step, now, next;
  double splitting_fraction;
  bool backward;

  KOKKOS_INLINE_FUNCTION bool below(std::int64_t i) const {
    using Real = element_t<decltype(arrays.positions)>;
    return static_cast<Real>(arrays.death(step, i)) < static_cast<Real>(arrays.killing_probability(step, i));
  }
  KOKKOS_INLINE_FUNCTION bool above(std::int64_t i) const {
    using Real = element_t<decltype(arrays.positions)>;
    return static_cast<Real>(arrays.birth(step, i)) > Real(1) + static_cast<Real>(arrays.killing_probability(step, i));
  }
  KOKKOS_INLINE_FUNCTION bool splits(std::int64_t i) const { return static_cast<double>(arrays.type(step, i)) < splitting_fraction; }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      std::int64_t const n = extent(arrays.x0, 0), width = extent(arrays.x0, 1);
      for (std::int64_t i = 0; i < n; ++i) {
        bool const dead = backward ? above(i) : below(i), born = backward ? below(i) : above(i);
        arrays.alive(next, i) = (arrays.alive(now, i) && !dead) || (born && !splits(i));
      }
      std::int64_t slot = 0;
      // Live and dead are those of before the splits: a slot filled here is behind both searches or marked by its source's order.
      std::int64_t source = 0;
      for (;;) {
        while (slot < n && arrays.alive(next, slot)) ++slot;
        while (source < n && !was_splitting(source)) ++source;
        if (slot == n || source == n) break;
        for (std::int64_t k = 0; k < width; ++k) arrays.positions(next, slot, k) = arrays.positions(next, source, k);
        arrays.alive(next, slot) = true;
        ++slot;
        ++source;
      }
    });
  }
  /// Born, to split, and alive before the splits.
  KOKKOS_INLINE_FUNCTION bool was_splitting(std::int64_t i) const {
    bool const dead = backward ? above(i) : below(i), born = backward ? below(i) : above(i);
    return born && splits(i) && arrays.alive(now, i) && !dead;
  }
};

}  // namespace detail

/// Particles of an unbalanced diffusion Schroedinger bridge, which move, die and are born, from given random numbers.
///
/// K steps of length dt = 1/K; with b = x drift_matrix^T + drift_offset and Z = score, in each step k, in this order:
///
///     forward x' = x + (b + g Z) dt + g dt^{1/2} noise_k;   backward x' = x - (b - g Z) dt - g dt^{1/2} noise_k
///     density_i = sum_j alive_j exp(-|x'_i - x_j|^2 / 8) / (4 pi)^{d/2} / max(1, number alive), with x and alive from before the step
///     p_i = clip(killing_ki ferryman_k / (1 + epsilon + density_i), -1, 1)
///     dead_i = death_uniform < p_i, born_i = birth_uniform > 1 + p_i; backward swaps the two
///     alive &= !dead; of the born those with type_uniform < splitting_fraction split, the others make their own slot alive (dead particles go on moving)
///     the i-th dead slot copies the position of the i-th live splitting particle and becomes alive, as many as both lists have
///
/// x0 (n, d), noise (K, n, d), initial_uniforms (n) (alive where below initial_mass), death_uniforms, birth_uniforms, type_uniforms, killing (K, n), ferryman (K),
/// drift_matrix (d, d), drift_offset, score (d) -> positions (K+1, n, d) of float or double and alive (K+1, n), in the order of time (backward: the start is
/// last), killing_probability (K, n) in the order of the steps.
///
/// Errors: `std::invalid_argument` when something does not fit or K is 0.
/// Error bound: K (d + 8) machine epsilons of the largest term times the growth of the drift, until a comparison with a uniform falls the other way.
/// Determinism: does not depend on the number of threads. Allocates: nothing. Synchronises: no.
/// Source: M. Pariset et al., "Unbalanced diffusion Schroedinger bridge", 2023.
template <ExecutionSpace Exec, RealView<2> X0, RealView<3> Noise, RealView<1> Initial, RealView<2> Death, RealView<2> Birth, RealView<2> Type, RealView<2> Kill,
          RealView<1> Ferryman, RealView<2> Matrix, RealView<1> Offset, RealView<1> Score, RealView<3> Positions, MaskView<2> Alive, RealView<2> Killing>
  requires AccessibleFrom<Exec, X0, Noise, Initial, Death, Birth, Type, Kill, Ferryman, Matrix, Offset, Score, Positions, Alive, Killing> &&
      RealScalar<element_t<Positions>>
void udsb_trajectory(Exec const& exec, X0 const& x0, Noise const& noise, Initial const& initial_uniforms, Death const& death_uniforms,
                     Birth const& birth_uniforms, Type const& type_uniforms, Kill const& killing, Ferryman const& ferryman, Matrix const& drift_matrix,
                     Offset const& drift_offset, Score const& score, Positions const& positions, Alive const& alive, Killing const& killing_probability,
                     UdsbTrajectoryOptions const& options = {}) {
  constexpr auto function = "ocellus::transport::udsb_trajectory";
  std::int64_t const n = extent(x0, 0), d = extent(x0, 1), steps = extent(noise, 0);
  require(steps >= 1, function, "noise.extent(0) (steps) is 0");
  require_equal(function, {"noise.extent(1)", extent(noise, 1)}, {"x0.extent(0)", n});
  require_equal(function, {"noise.extent(2)", extent(noise, 2)}, {"x0.extent(1)", d});
  require_equal(function, {"initial_uniforms.extent(0)", extent(initial_uniforms, 0)}, {"x0.extent(0)", n});
  auto const per_step = [&](auto const& view, std::string const& name) {
    require_equal(function, {name + ".extent(0)", extent(view, 0)}, {"noise.extent(0)", steps});
    require_equal(function, {name + ".extent(1)", extent(view, 1)}, {"x0.extent(0)", n});
  };
  per_step(death_uniforms, "death_uniforms");
  per_step(birth_uniforms, "birth_uniforms");
  per_step(type_uniforms, "type_uniforms");
  per_step(killing, "killing");
  per_step(killing_probability, "killing_probability");
  require_equal(function, {"ferryman.extent(0)", extent(ferryman, 0)}, {"noise.extent(0)", steps});
  require_equal(function, {"drift_matrix.extent(0)", extent(drift_matrix, 0)}, {"x0.extent(1)", d});
  require_equal(function, {"drift_matrix.extent(1)", extent(drift_matrix, 1)}, {"x0.extent(1)", d});
  require_equal(function, {"drift_offset.extent(0)", extent(drift_offset, 0)}, {"x0.extent(1)", d});
  require_equal(function, {"score.extent(0)", extent(score, 0)}, {"x0.extent(1)", d});
  require_equal(function, {"positions.extent(0)", extent(positions, 0)}, {"noise.extent(0) + 1", steps + 1});
  require_equal(function, {"positions.extent(1)", extent(positions, 1)}, {"x0.extent(0)", n});
  require_equal(function, {"positions.extent(2)", extent(positions, 2)}, {"x0.extent(1)", d});
  require_equal(function, {"alive.extent(0)", extent(alive, 0)}, {"noise.extent(0) + 1", steps + 1});
  require_equal(function, {"alive.extent(1)", extent(alive, 1)}, {"x0.extent(0)", n});
  using Member = TeamMember<Exec>;
  using Arrays = detail::UdsbArrays<Positions, Alive, Killing, X0, Noise, Initial, Death, Birth, Type, Kill, Ferryman, Matrix, Offset, Score>;
  Arrays const arrays{positions, alive,    killing_probability, x0,           noise, initial_uniforms, death_uniforms, birth_uniforms, type_uniforms,
                      killing,   ferryman, drift_matrix,        drift_offset, score};
  bool const backward     = options.direction == TrajectoryDirection::backward;
  auto const place        = [&](std::int64_t step) { return backward ? steps - step : step; };
  double const normaliser = Kokkos::pow(12.566370614359172, static_cast<double>(d) / 2);
  std::string const move = std::string(function) + "::move", population = std::string(function) + "::population";
  for_each_row(exec, std::string(function) + "::start", n, detail::UdsbStart<Member, Arrays>{arrays, place(0), options.initial_mass});
  for (std::int64_t step = 0; step < steps; ++step) {
    for_each_row(exec, move, n,
                 detail::UdsbMove<Member, Arrays>{arrays, step, place(step), place(step + 1), steps, options.g, options.epsilon, normaliser, backward});
    for_each_row(exec, population, 1, detail::UdsbPopulation<Member, Arrays>{arrays, step, place(step), place(step + 1), options.splitting_fraction, backward});
  }
}

/// Work for n particles and K steps.
[[nodiscard]] constexpr Cost udsb_trajectory_cost(double particles, double width, double steps, double bytes_per_element) {
  return {.flops         = steps * particles * (2 * width * width + 3 * particles * width),
          .special       = steps * particles * particles,
          .bytes_read    = particles * steps * (width + 4) * bytes_per_element,
          .bytes_written = particles * (steps + 1) * (width * bytes_per_element + 1) + particles * steps * bytes_per_element};
}

}  // namespace ocellus::transport
