// SPDX-License-Identifier: Apache-2.0
// expect: (layer_norm.*AccessibleFrom|AccessibleFrom.*layer_norm)

#include <cstddef>

#include <Kokkos_Core.hpp>

#include <ocellus/nn/layer_norm.hpp>

// Stands for the memory of a device.
struct Elsewhere {
  using memory_space    = Elsewhere;
  using execution_space = Kokkos::Serial;
  using device_type     = Kokkos::Device<execution_space, memory_space>;
  using size_type       = std::size_t;
};

void call(Kokkos::Serial const& exec, Kokkos::View<float**, Kokkos::LayoutRight, Elsewhere> const& input,
          Kokkos::View<float**, Kokkos::LayoutRight, Kokkos::HostSpace> const& output) {
  ocellus::nn::layer_norm(exec, input, ocellus::none, ocellus::none, output);
}
