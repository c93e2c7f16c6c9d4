// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What the tests of the mock accelerator share.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "mock/device/mock.hpp"

namespace ocellus::mock {

using Range   = Kokkos::RangePolicy<Mock>;
using Teams   = Kokkos::TeamPolicy<Mock>;
using Member  = Teams::member_type;
using Numbers = Kokkos::View<double*, Mock>;

/// Restores what a test changes.
class SettingsScope {
 public:
  SettingsScope() : before_(settings()) {}
  ~SettingsScope() { settings() = before_; }
  SettingsScope(SettingsScope const&)            = delete;
  SettingsScope& operator=(SettingsScope const&) = delete;

 private:
  Settings before_;
};

/// Runs `body()` in the order of a loop and in three others.
template <class Body>
void with_seeds(Body const& body) {
  SettingsScope const scope;
  for (std::uint64_t const seed : {0, 1, 2, 3}) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    settings().seed = seed;
    body();
  }
}

template <class View>
auto to_host(View const& view) {
  return Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), view);
}

inline double sum(Numbers const& values) {
  auto const host = to_host(values);
  double total    = 0;
  for (std::size_t i = 0; i < host.size(); ++i) total += host(i);
  return total;
}

}  // namespace ocellus::mock
