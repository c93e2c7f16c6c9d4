// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Small networks as lists of steps over nodes (one line of numbers a sample each), run forward and backward with a tangent beside every number.
///
/// The tangent gives what the neural maps need: with the direction v beside the input x, the reverse pass of y holds, beside dy/dtheta, the derivative of
/// <v, dy/dx> with respect to theta. Each sample is one thread's; sums over samples go in blocks of 256.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/parameter_table.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>

namespace ocellus::transport::detail {

enum class StepKind : std::int32_t {
  linear,    ///< out += W in + bias
  leaky,     ///< out = in, or slope in where it is not positive
  squared,   ///< out = leaky(in)^2
  softplus,  ///< out = log(1 + exp(in))
  product,   ///< out = in * factor, element by element
};

struct NetworkStep {
  StepKind kind         = StepKind::linear;
  std::int64_t in       = 0;  ///< first place of the node among a sample's numbers
  std::int64_t in_size  = 0;
  std::int64_t factor   = 0;
  std::int64_t out      = 0;
  std::int64_t out_size = 0;
  std::int64_t weight   = -1;  ///< place among the parameters
  std::int64_t bias     = -1;
  bool positive         = false;  ///< the weight is stored as what softplus makes it from
};

inline constexpr int network_step_limit = 96;

/// A network of at most 96 steps, by value in kernels.
struct NetworkProgram {
  NetworkStep steps[network_step_limit];
  int count                = 0;
  std::int64_t nodes       = 0;  ///< numbers a sample
  std::int64_t input       = 0;  ///< node of x
  std::int64_t width       = 0;
  std::int64_t label       = 0;  ///< node of the label
  std::int64_t label_width = 0;
  std::int64_t output      = 0;  ///< node of the value
  double slope             = 0.2;
  double beta              = 1;  ///< of softplus weights
};

/// Builds a program and its parameters' table at once.
struct NetworkBuilder {
  std::string function;
  NetworkProgram program;
  ParameterTable table;

  std::int64_t node(std::int64_t size) {
    std::int64_t const at = program.nodes;
    program.nodes += size;
    return at;
  }
  void step(NetworkStep const& s) {
    require(program.count < network_step_limit, function, "the network has more than ", network_step_limit, " steps: too many layers");
    program.steps[program.count++] = s;
  }
  std::int64_t parameter(std::string const& name, std::vector<std::int64_t> extents) {
    return static_cast<std::int64_t>(table.entries()[table.add(name, std::move(extents))].offset);
  }
  void linear(std::string const& name, std::int64_t in, std::int64_t in_size, std::int64_t out, std::int64_t out_size, bool has_bias, bool positive = false) {
    NetworkStep s{StepKind::linear, in, in_size, 0, out, out_size, 0, -1, positive};
    s.weight = parameter(name + ".weight", {out_size, in_size});
    if (has_bias) s.bias = parameter(name + ".bias", {out_size});
    step(s);
  }
  std::int64_t map(StepKind kind, std::int64_t in, std::int64_t size) {
    std::int64_t const out = node(size);
    step({kind, in, size, 0, out, size, -1, -1, false});
    return out;
  }
  std::int64_t multiply(std::int64_t in, std::int64_t factor, std::int64_t size) {
    std::int64_t const out = node(size);
    step({StepKind::product, in, size, factor, out, size, -1, -1, false});
    return out;
  }
};

/// z1 = s(A0 x + b0)^2, z_{l+1} = s(W_l z_l + A_l x + b_l), y = W_L z_L + A_L x + b_L.
[[nodiscard]] inline NetworkBuilder icnn_network(std::string const& function, std::int64_t width, std::span<std::int64_t const> hidden, double slope,
                                                 bool positive, double beta) {
  require(!hidden.empty(), function, "hidden has no layer");
  for (auto const h : hidden) require(h > 0, function, "hidden has a layer of ", h, " units");
  require(width > 0, function, "x.extent(1) is 0");
  NetworkBuilder b{function, {}, {}};
  b.program.slope = slope;
  b.program.beta  = beta;
  b.program.input = b.node(width);
  b.program.width = width;
  std::int64_t z = 0, z_size = 0;
  auto const layers = static_cast<std::int64_t>(hidden.size());
  for (std::int64_t l = 0; l <= layers; ++l) {
    std::int64_t const size = l < layers ? hidden[static_cast<std::size_t>(l)] : 1, a = b.node(size);
    if (l > 0) b.linear("W." + std::to_string(l - 1), z, z_size, a, size, false, positive);
    b.linear("A." + std::to_string(l), b.program.input, width, a, size, true);
    if (l == layers) {
      b.program.output = a;
    } else {
      z      = b.map(l == 0 ? StepKind::squared : StepKind::leaky, a, size);
      z_size = size;
    }
  }
  return b;
}

/// The same with a label u: u_l = s(w_l u_{l-1}), and the terms wz(z .* softplus(wzu u)), wx(x .* (wxu u)), wu u.
[[nodiscard]] inline NetworkBuilder picnn_network(std::string const& function, std::int64_t width, std::int64_t label_width,
                                                  std::span<std::int64_t const> hidden, bool positive) {
  require(!hidden.empty(), function, "hidden has no layer");
  for (auto const h : hidden) require(h > 0, function, "hidden has a layer of ", h, " units");
  require(width > 0 && label_width > 0, function, "x.extent(1) is ", width, " and label.extent(1) is ", label_width, "; neither may be 0");
  NetworkBuilder b{function, {}, {}};
  b.program.input       = b.node(width);
  b.program.width       = width;
  b.program.label       = b.node(label_width);
  b.program.label_width = label_width;
  std::int64_t u = b.program.label, u_size = label_width, z = 0, z_size = 0;
  auto const layers = static_cast<std::int64_t>(hidden.size());
  for (std::int64_t l = 0; l <= layers; ++l) {
    std::string const number = std::to_string(l), before = std::to_string(l - 1);
    std::int64_t const size = l < layers ? hidden[static_cast<std::size_t>(l)] : 1, a = b.node(size);
    if (l < layers) {
      std::int64_t const turned = b.node(size);
      b.linear("w." + number, u, u_size, turned, size, true);
      u      = b.map(StepKind::leaky, turned, size);
      u_size = size;
    }
    if (l > 0) {
      std::int64_t const gate = b.node(z_size);
      b.linear("wzu." + before, u, u_size, gate, z_size, true);
      std::int64_t const open = b.map(StepKind::softplus, gate, z_size);
      b.linear("wz." + before, b.multiply(z, open, z_size), z_size, a, size, false, positive);
    }
    std::int64_t const scale = b.node(width);
    b.linear("wxu." + number, u, u_size, scale, width, true);
    b.linear("wx." + number, b.multiply(b.program.input, scale, width), width, a, size, true);
    b.linear("wu." + number, u, u_size, a, size, false);
    if (l == layers) {
      b.program.output = a;
    } else {
      z      = b.map(l == 0 ? StepKind::squared : StepKind::leaky, a, size);
      z_size = size;
    }
  }
  return b;
}

/// A potential energy: softplus layers and a last linear one.
[[nodiscard]] inline NetworkBuilder energy_network(std::string const& function, std::int64_t width, std::span<std::int64_t const> hidden) {
  NetworkBuilder b{function, {}, {}};
  b.program.input = b.node(width);
  b.program.width = width;
  std::int64_t in = b.program.input, size = width;
  auto const layers = static_cast<std::int64_t>(hidden.size());
  for (std::int64_t l = 0; l <= layers; ++l) {
    std::int64_t const next = l < layers ? hidden[static_cast<std::size_t>(l)] : 1, a = b.node(next);
    require(next > 0, function, "energy_hidden has a layer of ", next, " units");
    b.linear(std::to_string(l), in, size, a, next, true);
    if (l == layers) {
      b.program.output = a;
    } else {
      in   = b.map(StepKind::softplus, a, next);
      size = next;
    }
  }
  return b;
}

/// A sample's numbers: values, their adjoints, and with tangents both of these once more. Arrays (samples, nodes).
template <class Real>
struct NetworkState {
  Real* value           = nullptr;
  Real* adjoint         = nullptr;
  Real* tangent         = nullptr;  ///< null: no tangents
  Real* adjoint_tangent = nullptr;
};

template <class Real, MemorySpace Space>
[[nodiscard]] NetworkState<Real> take_network_state(std::string const& function, Workspace<Space>& workspace, std::int64_t samples, std::int64_t nodes,
                                                    bool tangents) {
  auto const take = [&]() { return workspace.template take<Real*>(function, samples * nodes).data(); };
  NetworkState<Real> state;
  state.value   = take();
  state.adjoint = take();
  if (tangents) {
    state.tangent         = take();
    state.adjoint_tangent = take();
  }
  return state;
}

template <class Real>
[[nodiscard]] std::size_t network_state_bytes(std::int64_t samples, std::int64_t nodes, bool tangents) {
  return (tangents ? 4 : 2) * workspace_bytes<Real>(static_cast<std::size_t>(samples * nodes));
}

/// Runs a program for each sample, forward and backward.
template <class Member, class Real, class X, class Label, class Tangent>
struct RunNetwork {
  NetworkProgram program;
  Real const* weights;  ///< effective: softplus done
  X x;
  Label label;      ///< rank 2 or None
  Tangent tangent;  ///< the direction beside x: rank 2 or None
  NetworkState<Real> state;

  KOKKOS_INLINE_FUNCTION static Real logistic(Real z) { return Real(1) / (Real(1) + Kokkos::exp(-z)); }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t sample) const {
    constexpr bool dual = !std::is_same_v<Tangent, None>;
    Real* const v       = state.value + sample * program.nodes;
    Real* const d       = state.adjoint + sample * program.nodes;
    Real* const t       = dual ? state.tangent + sample * program.nodes : nullptr;
    Real* const e       = dual ? state.adjoint_tangent + sample * program.nodes : nullptr;
    Real const slope    = static_cast<Real>(program.slope);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, program.nodes), [&](std::int64_t const k) {
      v[k] = d[k] = 0;
      if constexpr (dual) t[k] = e[k] = 0;
    });
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, program.width), [&](std::int64_t const k) {
      v[program.input + k] = static_cast<Real>(x(sample, k));
      if constexpr (dual) t[program.input + k] = static_cast<Real>(tangent(sample, k));
    });
    if constexpr (!std::is_same_v<Label, None>) {
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, program.label_width),
                           [&](std::int64_t const k) { v[program.label + k] = static_cast<Real>(label(sample, k)); });
    }
    for (int at = 0; at < program.count; ++at) {
      NetworkStep const& s = program.steps[at];
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, s.out_size), [&](std::int64_t const o) {
        Real value = 0, moved = 0;
        Real const in                  = s.kind == StepKind::linear ? Real(0) : v[s.in + o];
        [[maybe_unused]] Real in_moved = 0;
        if constexpr (dual) in_moved = s.kind == StepKind::linear ? Real(0) : t[s.in + o];
        switch (s.kind) {
          case StepKind::linear:
            value = v[s.out + o] + (s.bias < 0 ? Real(0) : weights[s.bias + o]);
            if constexpr (dual) moved = t[s.out + o];
            for (std::int64_t i = 0; i < s.in_size; ++i) {
              value += weights[s.weight + o * s.in_size + i] * v[s.in + i];
              if constexpr (dual) moved += weights[s.weight + o * s.in_size + i] * t[s.in + i];
            }
            break;
          case StepKind::leaky:
            value = in > Real(0) ? in : slope * in;
            moved = in > Real(0) ? in_moved : slope * in_moved;
            break;
          case StepKind::squared: {
            Real const factor = in > Real(0) ? Real(1) : slope, activated = factor * in;
            value = activated * activated;
            moved = 2 * activated * factor * in_moved;
            break;
          }
          case StepKind::softplus:
            value = in > Real(0) ? in + Kokkos::log1p(Kokkos::exp(-in)) : Kokkos::log1p(Kokkos::exp(in));
            moved = logistic(in) * in_moved;
            break;
          case StepKind::product:
            value = in * v[s.factor + o];
            if constexpr (dual) moved = in_moved * v[s.factor + o] + in * t[s.factor + o];
            break;
        }
        v[s.out + o] = value;
        if constexpr (dual) t[s.out + o] = moved;
      });
    }
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, 1), [&](std::int64_t const) { d[program.output] = 1; });
    for (int at = program.count - 1; at >= 0; --at) {
      NetworkStep const& s = program.steps[at];
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, s.in_size), [&](std::int64_t const i) {
        Real own = d[s.in + i], own_moved = 0;
        [[maybe_unused]] Real in_moved = 0;
        if constexpr (dual) {
          own_moved = e[s.in + i];
          in_moved  = t[s.in + i];
        }
        Real const in = v[s.in + i];
        if (s.kind == StepKind::linear) {
          for (std::int64_t o = 0; o < s.out_size; ++o) {
            own += weights[s.weight + o * s.in_size + i] * d[s.out + o];
            if constexpr (dual) own_moved += weights[s.weight + o * s.in_size + i] * e[s.out + o];
          }
        } else if (s.kind == StepKind::product) {
          Real const up = d[s.out + i], factor = v[s.factor + i];
          own += up * factor;
          d[s.factor + i] += up * in;
          if constexpr (dual) {
            own_moved += e[s.out + i] * factor + up * t[s.factor + i];
            e[s.factor + i] += e[s.out + i] * in + up * in_moved;
          }
        } else {
          Real first = 0, second = 0;  // derivative, and its own times the tangent
          if (s.kind == StepKind::leaky) {
            first = in > Real(0) ? Real(1) : slope;
          } else if (s.kind == StepKind::squared) {
            Real const factor = in > Real(0) ? Real(1) : slope;
            first             = 2 * factor * factor * in;
            second            = 2 * factor * factor * in_moved;
          } else {
            Real const l = logistic(in);
            first        = l;
            second       = l * (Real(1) - l) * in_moved;
          }
          own += d[s.out + i] * first;
          if constexpr (dual) own_moved += e[s.out + i] * first + d[s.out + i] * second;
        }
        d[s.in + i] = own;
        if constexpr (dual) e[s.in + i] = own_moved;
      });
    }
  }
};

/// softplus(beta W) / beta where weights are stored so; the others as they are.
template <class Member, class Real, class Parameters>
struct EffectiveWeights {
  NetworkProgram program;
  Parameters parameters;
  Real* weights;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t at) const {
    NetworkStep const& s = program.steps[at];
    if (s.kind != StepKind::linear) return;
    Real const beta = static_cast<Real>(program.beta);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, s.in_size * s.out_size), [&](std::int64_t const k) {
      Real const w = static_cast<Real>(parameters(s.weight + k)), z = beta * w;
      weights[s.weight + k] = !s.positive ? w : (z > Real(0) ? z + Kokkos::log1p(Kokkos::exp(-z)) : Kokkos::log1p(Kokkos::exp(z))) / beta;
    });
    if (s.bias >= 0)
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, s.out_size),
                           [&](std::int64_t const k) { weights[s.bias + k] = static_cast<Real>(parameters(s.bias + k)); });
  }
};

/// factor times the sum over samples of the parameters' gradients of y (or of its derivative along the tangents), added to what is there or written.
template <class Member, class Real, class Parameters, class Gradient>
struct ParameterGradients {
  NetworkProgram program;
  Parameters parameters;
  NetworkState<Real> state;
  std::int64_t samples;
  double factor;
  bool along_tangent, add;
  Gradient gradient;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    int at = 0;
    while (program.steps[at].kind != StepKind::linear || item >= program.steps[at].out_size) {
      if (program.steps[at].kind == StepKind::linear) item -= program.steps[at].out_size;
      ++at;
    }
    NetworkStep const& s     = program.steps[at];
    std::int64_t const nodes = program.nodes, o = item;
    auto const put = [&](std::int64_t place, double sum) {
      double const value = factor * sum + (add ? static_cast<double>(gradient(place)) : 0.0);
      gradient(place)    = static_cast<element_t<Gradient>>(value);
    };
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, s.in_size), [&](std::int64_t const i) {
      double const sum   = ordered_sum<double>(samples, [&](std::int64_t n) {
        std::int64_t const out = n * nodes + s.out + o, in = n * nodes + s.in + i;
        if (!along_tangent) return static_cast<double>(state.adjoint[out] * state.value[in]);
        return static_cast<double>(state.adjoint_tangent[out] * state.value[in] + state.adjoint[out] * state.tangent[in]);
      });
      double const w     = static_cast<double>(parameters(s.weight + o * s.in_size + i));
      double const chain = s.positive ? 1 / (1 + Kokkos::exp(-program.beta * w)) : 1.0;
      put(s.weight + o * s.in_size + i, chain * sum);
    });
    if (s.bias < 0) return;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, 1), [&](std::int64_t const) {
      put(s.bias + o, ordered_sum<double>(samples, [&](std::int64_t n) {
            std::int64_t const out = n * nodes + s.out + o;
            return static_cast<double>(along_tangent ? state.adjoint_tangent[out] : state.adjoint[out]);
          }));
    });
  }
};

/// Copies one node of every sample.
template <class Member, class Real, class To>
struct CopyNode {
  Real const* from;
  std::int64_t nodes, node, size;
  To to;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t sample) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, size), [&](std::int64_t const k) {
      if constexpr (To::rank() == 1)
        to(sample) = static_cast<element_t<To>>(from[sample * nodes + node + k]);
      else
        to(sample, k) = static_cast<element_t<To>>(from[sample * nodes + node + k]);
    });
  }
};

template <ExecutionSpace Exec, class Real, class Parameters>
void prepare_weights(Exec const& exec, std::string const& function, NetworkProgram const& program, Parameters const& parameters, Real* weights) {
  for_each_row(exec, function + "::weights", program.count, EffectiveWeights<TeamMember<Exec>, Real, Parameters>{program, parameters, weights});
}

template <ExecutionSpace Exec, class Real, class X, class Label, class Tangent>
void run_network(Exec const& exec, std::string const& function, NetworkProgram const& program, Real const* weights, X const& x, Label const& label,
                 Tangent const& tangent, NetworkState<Real> const& state) {
  for_each_row(exec, function + "::run", extent(x, 0), RunNetwork<TeamMember<Exec>, Real, X, Label, Tangent>{program, weights, x, label, tangent, state});
}

template <ExecutionSpace Exec, class Real, class Parameters, class Gradient>
void parameter_gradients(Exec const& exec, std::string const& function, NetworkProgram const& program, Parameters const& parameters,
                         NetworkState<Real> const& state, std::int64_t samples, double factor, bool along_tangent, bool add, Gradient const& gradient) {
  std::int64_t rows = 0;
  for (int at = 0; at < program.count; ++at) rows += program.steps[at].kind == StepKind::linear ? program.steps[at].out_size : 0;
  for_each_row(exec, function + "::gradients", rows,
               ParameterGradients<TeamMember<Exec>, Real, Parameters, Gradient>{program, parameters, state, samples, factor, along_tangent, add, gradient});
}

template <ExecutionSpace Exec, class Real, class To>
void copy_node(Exec const& exec, std::string const& function, NetworkProgram const& program, Real const* from, std::int64_t node, std::int64_t size,
               std::int64_t samples, To const& to) {
  for_each_row(exec, function + "::copy", samples, CopyNode<TeamMember<Exec>, Real, To>{from, program.nodes, node, size, to});
}

}  // namespace ocellus::transport::detail
