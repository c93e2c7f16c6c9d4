// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What a call did, as Kokkos Tools saw it: kernels, fences, allocations and their labels.

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ocellus::test {

struct Events {
  std::vector<std::string> kernels;
  std::vector<std::string> fences;
  std::vector<std::string> allocations;
  std::vector<std::string> copies;
};

/// Everything since the last `begin_recording`. Recording is off outside begin and end.
void begin_recording();
Events end_recording();

/// Runs `call` and returns what it did.
template <class Call>
Events record(Call const& call) {
  begin_recording();
  call();
  return end_recording();
}

inline void expect_labels(Events const& events) {
  for (auto const& label : events.kernels) EXPECT_EQ(label.rfind("ocellus::", 0), 0u) << "kernel label " << label;
  for (auto const& label : events.allocations) EXPECT_EQ(label.rfind("ocellus::", 0), 0u) << "allocation label " << label;
}

/// The promise of an asynchronous function: labelled kernels, no fence, no allocation, no copy through the host.
inline void expect_good_manners(Events const& events) {
  expect_labels(events);
  EXPECT_FALSE(events.kernels.empty()) << "nothing was launched, so nothing was shown";
  for (auto const& label : events.fences) ADD_FAILURE() << "fence: " << label;
  for (auto const& label : events.allocations) ADD_FAILURE() << "allocation: " << label;
}

}  // namespace ocellus::test
