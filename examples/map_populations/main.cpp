// SPDX-License-Identifier: Apache-2.0

// Two populations in, a map between them out: which target points each source point becomes, how far apart the populations are, and whether that is chance.

#include <cstdio>

#include <CLI/CLI.hpp>

#include "mapping.hpp"
#include "populations.hpp"
#include "report.hpp"
#include "settings.hpp"
#include "support/program.hpp"
#include "support/svg.hpp"

namespace ocellus::examples {
namespace {

constexpr char const* introduction =
    "Maps one population of cells to another by entropic optimal transport.\n\n"
    "In: two tables (CSV) with a row a cell and a column a feature; columns that hold numbers in both are taken.\n"
    "Out: coupling.csv, mapped.csv, metrics.json, report.html.";

void run(Settings const& settings) {
  auto const populations = read_populations(settings);
  auto const mapping     = map_populations(populations, settings);
  write_outputs(populations, mapping, settings);
  std::printf("%zu points to %zu: divergence %s", mapping.x.extent(0), mapping.y.extent(0), number(mapping.divergence).c_str());
  if (settings.permutations > 0) std::printf(", p = %s", number(mapping.p_value).c_str());
  std::printf("; report: %s\n", (settings.out / "report.html").c_str());
}

}  // namespace
}  // namespace ocellus::examples

int main(int argc, char** argv) {
  using namespace ocellus::examples;
  Settings settings;
  CLI::App app{introduction, "map_populations"};
  app.get_formatter()->column_width(34);
  app.add_option("--source", settings.source, "The population to start from")->type_name("CSV")->required();
  app.add_option("--target", settings.target, "The population to arrive at")->type_name("CSV")->required();
  app.add_option("--out", settings.out, "Output folder")->type_name("DIR")->capture_default_str();
  app.add_option("--source-where", settings.source_where, "Rows of the source to take, as COLUMN=VALUE; default: all")->type_name("TEXT");
  app.add_option("--target-where", settings.target_where, "Rows of the target to take likewise")->type_name("TEXT");
  app.add_option("--features", settings.features, "Columns to take, separated by commas; default: all numbers that both tables have")
      ->delimiter(',')
      ->type_name("NAMES");
  app.add_option("--components", settings.components, "Principal components in which mass moves, at most")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--epsilon", settings.epsilon, "Strength of the entropy, as a share of the mean squared distance")
      ->check(CLI::Range(1e-4, 100.0))
      ->capture_default_str();
  app.add_option("--tolerance", settings.tolerance, "Error of the marginals at which to stop")->check(CLI::Range(1e-12, 0.1))->capture_default_str();
  app.add_option("--max-iterations", settings.max_iterations, "Iterations, at most")->check(CLI::Range(1, 10000000))->capture_default_str();
  app.add_option("--top", settings.top, "Targets written for each source point")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--permutations", settings.permutations, "Shuffles of the test; 0: no test")->check(CLI::Range(0, 100000))->capture_default_str();
  app.add_option("--permutation-rows", settings.permutation_rows, "Points of each population that enter the test, at most")
      ->check(CLI::Range(2, 100000))
      ->capture_default_str();
  app.add_option("--seed", settings.seed, "Seed of the test")->capture_default_str();
  app.add_option("--note", settings.note, "A sentence shown at the top of the report");
  return run_program(app, argc, argv, [&] { run(settings); });
}
