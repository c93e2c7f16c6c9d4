// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace ocellus::examples {

/// One line on stderr that says how far a long stage is and how long it will take. On a terminal it rewrites itself; elsewhere it prints at most one line a
/// few seconds, so that logs stay short.
class Progress {
 public:
  Progress(std::string stage, std::size_t total);
  ~Progress();
  Progress(Progress const&)            = delete;
  Progress& operator=(Progress const&) = delete;

  /// `done` of the total are done; `free_of_cost` of them took no time (kept from an earlier run) and do not count for the estimate.
  void update(std::size_t done, std::size_t free_of_cost, std::string const& remark = "");

 private:
  using Clock = std::chrono::steady_clock;

  std::string stage_;
  std::size_t total_;
  bool terminal_;
  bool open_line_ = false;
  Clock::time_point start_;
  Clock::time_point last_;
};

/// "3 s", "2 min 10 s", "1 h 05 min".
std::string duration(double seconds);

}  // namespace ocellus::examples
