// SPDX-License-Identifier: Apache-2.0

#include "progress.hpp"

#include <unistd.h>

#include <cmath>
#include <cstdio>

namespace ocellus::examples {

std::string duration(double seconds) {
  char text[64];
  auto const whole = static_cast<long>(std::lround(seconds));
  if (whole < 60)
    std::snprintf(text, sizeof text, "%ld s", whole);
  else if (whole < 3600)
    std::snprintf(text, sizeof text, "%ld min %02ld s", whole / 60, whole % 60);
  else
    std::snprintf(text, sizeof text, "%ld h %02ld min", whole / 3600, whole / 60 % 60);
  return text;
}

Progress::Progress(std::string stage, std::size_t total)
    : stage_(std::move(stage)), total_(total), terminal_(isatty(STDERR_FILENO) != 0), start_(Clock::now()), last_(start_ - std::chrono::hours(1)) {}

Progress::~Progress() {
  if (open_line_) std::fputc('\n', stderr);
}

void Progress::update(std::size_t done, std::size_t free_of_cost, std::string const& remark) {
  auto const now      = Clock::now();
  double const pause  = terminal_ ? 0.1 : 5.0;
  bool const finished = done >= total_;
  if (!finished && std::chrono::duration<double>(now - last_).count() < pause) return;
  last_              = now;
  double const spent = std::chrono::duration<double>(now - start_).count();
  std::string line   = stage_ + ": " + std::to_string(done) + " of " + std::to_string(total_);
  if (!remark.empty()) line += ", " + remark;
  if (finished)
    line += ", " + duration(spent);
  else if (done > free_of_cost)
    line += ", " + duration(spent / static_cast<double>(done - free_of_cost) * static_cast<double>(total_ - done)) + " left";
  if (terminal_) {
    std::fprintf(stderr, "\r\033[K%s", line.c_str());
    open_line_ = true;
    if (finished) {
      std::fputc('\n', stderr);
      open_line_ = false;
    }
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
  std::fflush(stderr);
}

}  // namespace ocellus::examples
