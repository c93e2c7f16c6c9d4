// SPDX-License-Identifier: Apache-2.0
// expect: nothing

// The same with a function that kernels may call: what host_call.cpp lacks is that alone.
#include <ocellus/core.hpp>

KOKKOS_FUNCTION int on_the_device(int i) { return 2 * i; }

template <class Member, class View>
struct Kernel {
  View view;
  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() { view(row) = on_the_device(static_cast<int>(row)); });
  }
};

void launch(Kokkos::DefaultExecutionSpace const& exec, Kokkos::View<int*> const& view) {
  using Member = ocellus::TeamMember<Kokkos::DefaultExecutionSpace>;
  ocellus::for_each_row(exec, "ocellus::device_test::host_call", 10, Kernel<Member, Kokkos::View<int*>>{view});
}
