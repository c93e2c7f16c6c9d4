// SPDX-License-Identifier: Apache-2.0

// ocellus_device_check [MODULE...]: every function on the default execution space against the same function on the host. Exits 0 when all agree.

#include <algorithm>
#include <exception>
#include <iostream>

#include "check.hpp"

namespace ocellus::device_test {
namespace {

/// Largest difference in tolerances; infinity where shapes, NaN or infinities differ. Where the tolerance is 0 any difference counts as infinite.
double worst_ratio(Result const& host, Result const& device) {
  double const infinity = std::numeric_limits<double>::infinity();
  if (host.values.size() != device.values.size() || host.name != device.name) return infinity;
  double worst = 0;
  for (std::size_t i = 0; i < host.values.size(); ++i) {
    double const want = host.values[i], got = device.values[i];
    if (want == got || (std::isnan(want) && std::isnan(got))) continue;
    double const difference = std::abs(want - got);
    if (!(difference <= std::numeric_limits<double>::max()) || host.tolerance == 0) return infinity;
    worst = std::max(worst, difference / host.tolerance);
  }
  return worst;
}

/// Whether anything but NaN was kept: two sides that compute nothing agree too.
bool has_numbers(Result const& result) {
  return std::any_of(result.values.begin(), result.values.end(), [](double v) { return !std::isnan(v); });
}

int compare(Check const& check) {
  std::string const heading = check.module + " " + check.precision;
  std::vector<Result> host, device;
  try {
    host   = check.on_host();
    device = check.on_device();
  } catch (std::exception const& error) {
    std::cout << "FAIL " << heading << ": " << error.what() << std::endl;
    return 1;
  }
  int failed = host.size() == device.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(host.size(), device.size()); ++i) {
    double const ratio = worst_ratio(host[i], device[i]);
    bool const passed  = ratio <= 1 && has_numbers(host[i]);
    std::cout << (passed ? "pass " : "FAIL ") << check.precision << " " << host[i].name << ": " << ratio << " of the tolerance " << host[i].tolerance
              << std::endl;
    if (passed) continue;
    ++failed;
    int shown = 0;
    for (std::size_t k = 0; k < std::min(host[i].values.size(), device[i].values.size()) && shown < 5; ++k) {
      double const want = host[i].values[k], got = device[i].values[k];
      if (want == got || (std::isnan(want) && std::isnan(got)) || std::abs(want - got) <= host[i].tolerance) continue;
      std::cout << "     element " << k << ": host " << want << ", device " << got << std::endl;
      ++shown;
    }
  }
  return failed;
}

int run(int argc, char** argv) {
  std::cout.precision(4);
  std::cout << "host " << Host::name() << ", device " << Device::name() << std::endl;
  int failed = 0, ran = 0;
  for (auto const& check : checks()) {
    bool const wanted = argc < 2 || std::any_of(argv + 1, argv + argc, [&](char const* name) { return check.module == name; });
    if (!wanted) continue;
    ++ran;
    failed += compare(check);
  }
  std::cout << ran << " checks, " << failed << " results differ" << std::endl;
  return failed == 0 && ran > 0 ? 0 : 1;
}

}  // namespace
}  // namespace ocellus::device_test

int main(int argc, char** argv) {
  Kokkos::ScopeGuard const kokkos;
  return ocellus::device_test::run(argc, argv);
}
