// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Programs as their users meet them: run by a shell, judged by exit status and output.

#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace ocellus::test {

inline std::string text_of(std::filesystem::path const& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The exit status, or 128 + the signal.
[[nodiscard]] inline int exit_status(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

struct Outcome {
  int status;
  std::string output, errors;
};

/// Runs a command line; what it prints passes through files in `folder`.
[[nodiscard]] inline Outcome run_command(std::string const& command, std::filesystem::path const& folder) {
  auto const out = folder / "stdout", err = folder / "stderr";
  int const status = std::system((command + " >" + out.string() + " 2>" + err.string()).c_str());
  return {exit_status(status), text_of(out), text_of(err)};
}

}  // namespace ocellus::test
