// SPDX-License-Identifier: Apache-2.0

// ocellus_conformance: runs conformance cases; docs/conformance.md.

#include <fstream>
#include <iostream>
#include <set>

#include <Kokkos_Core.hpp>

#include "runner.hpp"

namespace {

constexpr char const* usage =
    "ocellus_conformance [--backend NAME] [--precision float32|float64|float16|bfloat16|all] [--kernel GLOB] [--json FILE] [--digest] DIR...\n"
    "ocellus_conformance --list\n"
    "\n"
    "Runs every case.json below the folders and compares this library's results with those of other software.\n"
    "  --backend NAME    the execution space (default: openmp where it is built in, else the first)\n"
    "  --precision P     all is float32 and float64, the default\n"
    "  --kernel GLOB     only kernels that match, such as 'linalg.*'\n"
    "  --json FILE       writes a row a case as JSON\n"
    "  --digest          prints one number for all results: the same where every output has the same bits\n"
    "  --list            prints the kernels with their inputs, options and defaults as JSON\n";

int complain(std::string const& reason) {
  std::cerr << "ocellus_conformance: " << reason << "\n\n" << usage;
  return 2;
}

int run(int argc, char** argv) {
  using namespace ocellus::conformance;
  auto const& registry = Registry::global();
  std::set<std::string> backends;
  for (auto const& [name, kernel] : registry.kernels()) {
    for (auto const& [backend, bodies] : kernel.bodies) backends.insert(backend);
  }
  RunSettings settings;
  settings.backend    = backends.count("openmp") > 0 || backends.empty() ? "openmp" : *backends.begin();
  settings.precisions = {"float32", "float64"};
  std::string json_file;
  bool with_digest = false;
  std::vector<std::filesystem::path> folders;
  for (int i = 1; i < argc; ++i) {
    std::string const argument = argv[i];
    if (argument == "--help" || argument == "-h") {
      std::cout << usage;
      return 0;
    }
    if (argument == "--list") {
      std::cout << list_as_json(registry).dump(1) << "\n";
      return 0;
    }
    if (argument == "--digest") {
      with_digest = true;
      continue;
    }
    if (argument.rfind("--", 0) != 0) {
      folders.emplace_back(argument);
      continue;
    }
    if (argument != "--backend" && argument != "--precision" && argument != "--kernel" && argument != "--json") return complain("unknown option " + argument);
    if (i + 1 == argc) return complain(argument + " needs a value");
    std::string const value = argv[++i];
    if (argument == "--backend") {
      if (backends.count(value) == 0) {
        std::string known;
        for (auto const& backend : backends) known += " " + backend;
        return complain("no backend \"" + value + "\"; there are:" + known);
      }
      settings.backend = value;
    } else if (argument == "--precision") {
      if (value == "all")
        settings.precisions = {"float32", "float64"};
      else if (value == "float32" || value == "float64" || value == "float16" || value == "bfloat16")
        settings.precisions = {value};
      else
        return complain("no precision \"" + value + "\"");
    } else if (argument == "--kernel") {
      settings.kernels = value;
    } else {
      json_file = value;
    }
  }
  if (folders.empty()) return complain("no folder of cases is given");
  std::cout << "backend " << settings.backend << "\n";
  auto const rows   = run_folders(folders, registry, settings, std::cout);
  bool const passed = print_summary(rows, std::cout);
  if (with_digest) std::cout << "digest " << std::hex << digest(rows) << std::dec << "\n";
  if (!json_file.empty()) {
    std::ofstream file(json_file);
    file << rows_as_json(rows, settings).dump(1) << "\n";
    file.flush();
    if (!file) {
      std::cerr << "ocellus_conformance: cannot write " << json_file << "\n";
      return 2;
    }
  }
  return passed ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Kokkos::InitializationSettings settings;
  settings.set_disable_warnings(true);
  Kokkos::initialize(settings);
  int const status = run(argc, argv);
  Kokkos::finalize();
  return status;
}
