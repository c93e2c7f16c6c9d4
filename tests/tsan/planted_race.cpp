// SPDX-License-Identifier: Apache-2.0

// Data races on purpose: the thread sanitizer must report them, or its silence about the kernels means nothing. planted_race plain: every access races; mixed: plain
// ones race with atomic ones; atomic: none does.

#include <iostream>
#include <string>

#include <ocellus/core.hpp>

namespace {

enum class Access { plain, mixed, atomic };

template <class View>
struct AddAll {
  View total;
  Access access;

  KOKKOS_FUNCTION void operator()(int i) const {
    if (access == Access::atomic)
      Kokkos::atomic_add(&total(0), i);
    else if (access == Access::mixed && i % 2 == 0)
      Kokkos::atomic_max(&total(0), std::int64_t{i});
    else
      total(0) += i;
  }
};

}  // namespace

int main(int argc, char** argv) {
  std::string const word = argc > 1 ? argv[1] : "plain";
  Access const access    = word == "atomic" ? Access::atomic : word == "mixed" ? Access::mixed : Access::plain;
  Kokkos::ScopeGuard const kokkos;
  using Exec = Kokkos::DefaultExecutionSpace;
  Kokkos::View<std::int64_t*, Exec> const total("ocellus::test::total", 1);
  Kokkos::parallel_for("ocellus::test::planted_race", Kokkos::RangePolicy<Exec>(0, 100000), AddAll<Kokkos::View<std::int64_t*, Exec>>{total, access});
  Kokkos::fence();
  std::cout << Exec::name() << " with " << Exec().concurrency() << " threads: " << total(0) << "\n";
  return 0;
}
