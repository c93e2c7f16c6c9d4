// SPDX-License-Identifier: Apache-2.0
// expect: (calling a __host__ function.*on_the_host|reference to __host__ function 'on_the_host')

// A kernel that calls what is compiled for the host alone.
#include <ocellus/core.hpp>

int on_the_host(int i) { return 2 * i; }

template <class Member, class View>
struct Kernel {
  View view;
  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() { view(row) = on_the_host(static_cast<int>(row)); });
  }
};

void launch(Kokkos::DefaultExecutionSpace const& exec, Kokkos::View<int*> const& view) {
  using Member = ocellus::TeamMember<Kokkos::DefaultExecutionSpace>;
  ocellus::for_each_row(exec, "ocellus::device_test::host_call", 10, Kernel<Member, Kokkos::View<int*>>{view});
}
