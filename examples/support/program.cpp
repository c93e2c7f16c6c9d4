// SPDX-License-Identifier: Apache-2.0

#include "program.hpp"

#include <cstdio>
#include <exception>
#include <filesystem>

#include <CLI/CLI.hpp>

#include <Kokkos_Core.hpp>

#include <ocellus/io/file_error.hpp>

#include "user_error.hpp"

namespace ocellus::examples {

int run_program(CLI::App& app, int argc, char** argv, std::function<void()> const& run) {
  std::string const name    = app.get_name();
  auto const is_wrong_input = [&](std::exception const& error) {
    std::fprintf(stderr, "%s: %s\n", name.c_str(), error.what());
    return 2;
  };
  try {
    app.parse(argc, argv);
  } catch (CLI::CallForHelp const& help) {
    return app.exit(help);
  } catch (CLI::ParseError const& error) {
    std::fprintf(stderr, "%s: %s (--help explains the options)\n", name.c_str(), error.what());
    return 2;
  }

  Kokkos::ScopeGuard const kokkos(Kokkos::InitializationSettings().set_disable_warnings(true));
  try {
    run();
    return 0;
  } catch (UserError const& error) {
    return is_wrong_input(error);
  } catch (io::FileError const& error) {
    return is_wrong_input(error);
  } catch (std::filesystem::filesystem_error const& error) {
    return is_wrong_input(error);
  } catch (std::exception const& error) {
    std::fprintf(stderr, "%s: unexpected error: %s\n", name.c_str(), error.what());
    return 1;
  }
}

}  // namespace ocellus::examples
