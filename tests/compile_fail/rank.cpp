// SPDX-License-Identifier: Apache-2.0
// expect: (layer_norm.*ViewOfRank|ViewOfRank.*layer_norm)

#include <Kokkos_Core.hpp>

#include <ocellus/nn/layer_norm.hpp>

void call(Kokkos::Serial const& exec, Kokkos::View<float***, Kokkos::LayoutRight, Kokkos::HostSpace> const& input,
          Kokkos::View<float**, Kokkos::LayoutRight, Kokkos::HostSpace> const& output) {
  ocellus::nn::layer_norm(exec, input, ocellus::none, ocellus::none, output);
}
