// SPDX-License-Identifier: Apache-2.0
// expect: LayerNormOptions

#include <Kokkos_Core.hpp>

#include <ocellus/nn/layer_norm.hpp>

ocellus::nn::LayerNormOptions const options{.eps = 1e-6};
