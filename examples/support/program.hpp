// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace ocellus::examples {

/// What every program's `main` does: reads the command line, starts Kokkos, runs, and says in one sentence what went wrong.
///
/// Returns the exit status: 0, 2 for wrong input (options, UserError, files), 1 for anything else that is thrown.
int run_program(CLI::App& app, int argc, char** argv, std::function<void()> const& run);

}  // namespace ocellus::examples
