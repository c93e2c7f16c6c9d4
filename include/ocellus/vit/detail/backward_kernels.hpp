// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/linalg/activation.hpp>
#include <ocellus/nn/gelu.hpp>

/// Elementwise pieces of backward passes, row by row.
namespace ocellus::vit::detail {

/// output = input .* scale (or as it is), or added to what is there.
template <class Member, class Input, class Scale, class Output>
struct ScaleRows {
  Input input;
  Scale scale;
  Output output;
  bool accumulate;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    using Real = accumulate_of_t<Input>;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(input, 1)), [&](std::int64_t const d) {
      Real value = static_cast<Real>(input(row, d));
      if constexpr (!std::is_same_v<Scale, None>) {
        if (is_present(scale)) value *= static_cast<Real>(scale(d));
      }
      if (accumulate) value += static_cast<Real>(output(row, d));
      output(row, d) = static_cast<element_t<Output>>(value);
    });
  }
};

template <ExecutionSpace Exec, class Input, class Scale, class Output>
void scale_rows(Exec const& exec, std::string const& label, Input const& input, Scale const& scale, Output const& output, bool accumulate = false) {
  for_each_row(exec, label, extent(input, 0), ScaleRows<TeamMember<Exec>, Input, Scale, Output>{input, scale, output, accumulate});
}

/// Zeros in a gradient, if it is there, of a weight that takes no part.
template <class Member, class Values>
struct ClearRow {
  Values values;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(values, 0)), [&](std::int64_t const i) { values(i) = static_cast<element_t<Values>>(0.0f); });
  }
};

template <ExecutionSpace Exec, class View>
void clear(Exec const& exec, std::string const& label, View const& view) {
  if (!is_present(view)) return;
  auto const line = as_line(view);
  for_each_row(exec, label, 1, ClearRow<TeamMember<Exec>, std::remove_const_t<decltype(line)>>{line});
}

/// values += bias; output = gelu(values).
template <class Member, class Values, class Bias, class Output>
struct AddBiasGeluRows {
  Values values;
  Bias bias;
  Output output;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    using Real = accumulate_of_t<Values>;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(values, 1)), [&](std::int64_t const d) {
      Real x = static_cast<Real>(values(row, d));
      if constexpr (!std::is_same_v<Bias, None>) {
        if (is_present(bias)) x += static_cast<Real>(bias(d));
        values(row, d) = static_cast<element_t<Values>>(x);
      }
      output(row, d) = static_cast<element_t<Output>>(linalg::gelu_exact(x));
    });
  }
};

/// gradient = gradient gelu'(values), in place.
template <class Member, class Values, class Gradients>
struct GeluGradientRows {
  Values values;
  Gradients gradients;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    using Real = accumulate_of_t<Values>;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(values, 1)), [&](std::int64_t const d) {
      Real const slope  = nn::gelu_derivative(static_cast<Real>(values(row, d)), nn::GeluApproximation::none);
      gradients(row, d) = static_cast<element_t<Gradients>>(static_cast<Real>(gradients(row, d)) * slope);
    });
  }
};

/// Sums over the images of the gradient of each token: what cls_token, reg_token and pos_embed get. A row of pos_embed that no token uses gets zero.
template <class Member, class Tokens, class Rows>
struct PositionGradients {
  Tokens tokens;  ///< (N, T, D)
  Rows cls_token, reg_token, pos_embed;
  std::int64_t classes, prefix;
  bool positions_of_patches_only, accumulate;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t t) const {
    using Real                  = accumulate_of_t<Tokens>;
    std::int64_t const count    = extent(tokens, 1);
    std::int64_t const position = positions_of_patches_only ? t - prefix : t;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(tokens, 2)), [&](std::int64_t const d) {
      // One chain over the images for each that wants it, from what is there.
      for (int target = 0; target < 2; ++target) {
        Rows const& to         = target == 1 ? pos_embed : t < classes ? cls_token : reg_token;
        std::int64_t const row = target == 1 ? position : t < classes ? t : t - classes;
        if (target == 0 ? t >= prefix : (position < 0 || position >= extent(pos_embed, 0))) continue;
        if (!is_present(to)) continue;
        Real sum = accumulate ? static_cast<Real>(to(row, d)) : Real(0);
        for (std::int64_t n = 0; t < count && n < extent(tokens, 0); ++n) sum += static_cast<Real>(tokens(n, t, d));
        to(row, d) = static_cast<element_t<Rows>>(sum);
      }
    });
  }
};

}  // namespace ocellus::vit::detail
