// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What a conformance kernel takes and gives, as data: one table a kernel drives parsing, the refusal of what it does not know, defaults and `--list`.

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "array.hpp"

namespace ocellus::conformance {

/// Thrown by an adapter for an option that comes later: the case counts as not implemented, neither passed nor failed.
struct NotImplemented : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct InputSpec {
  std::string name, type, shape;  ///< type: real, integer, boolean, mask (boolean or real), pixels (any, kept as stored), set
  bool is_optional = false;

  [[nodiscard]] InputSpec optional() const {
    InputSpec spec   = *this;
    spec.is_optional = true;
    return spec;
  }
};
[[nodiscard]] inline InputSpec real(std::string name, std::string shape) { return {std::move(name), "real", std::move(shape)}; }
[[nodiscard]] inline InputSpec integer(std::string name, std::string shape) { return {std::move(name), "integer", std::move(shape)}; }
[[nodiscard]] inline InputSpec boolean(std::string name, std::string shape) { return {std::move(name), "boolean", std::move(shape)}; }
[[nodiscard]] inline InputSpec mask(std::string name, std::string shape) { return {std::move(name), "mask", std::move(shape)}; }
[[nodiscard]] inline InputSpec pixels(std::string name, std::string shape) { return {std::move(name), "pixels", std::move(shape)}; }
[[nodiscard]] inline InputSpec set(std::string name) { return {std::move(name), "set", "safetensors"}; }

struct OptionSpec {
  std::string name, type;                      ///< type: number, integer, flag, choice, numbers, integers
  nlohmann::json fallback          = nullptr;  ///< the default; null: the case must give it
  std::vector<std::string> choices = {};       ///< of a choice, in the order of the enumerators
  bool runner_only                 = false;

  /// For an option that only sizes an output and is no member of the C++ options struct.
  [[nodiscard]] OptionSpec runner() const {
    OptionSpec spec  = *this;
    spec.runner_only = true;
    return spec;
  }
};
[[nodiscard]] inline OptionSpec number(std::string name, nlohmann::json fallback = nullptr) { return {std::move(name), "number", std::move(fallback)}; }
[[nodiscard]] inline OptionSpec integer_option(std::string name, nlohmann::json fallback = nullptr) {
  return {std::move(name), "integer", std::move(fallback)};
}
[[nodiscard]] inline OptionSpec flag(std::string name, bool fallback) { return {std::move(name), "flag", fallback}; }
[[nodiscard]] inline OptionSpec choice(std::string name, std::vector<std::string> choices, nlohmann::json fallback = nullptr) {
  return {std::move(name), "choice", std::move(fallback), std::move(choices)};
}
[[nodiscard]] inline OptionSpec numbers(std::string name, nlohmann::json fallback = nlohmann::json::array()) {
  return {std::move(name), "numbers", std::move(fallback)};
}
[[nodiscard]] inline OptionSpec integers(std::string name, nlohmann::json fallback = nlohmann::json::array()) {
  return {std::move(name), "integers", std::move(fallback)};
}

struct OutputSpec {
  std::string name, shape;
  bool is_derived = false;  ///< formed by the adapter from what the kernel returned
};
[[nodiscard]] inline OutputSpec output(std::string name, std::string shape) { return {std::move(name), std::move(shape), false}; }
[[nodiscard]] inline OutputSpec derived(std::string name, std::string shape) { return {std::move(name), std::move(shape), true}; }

/// A call in progress: checked inputs and options in, outputs and status out.
struct CallData {
  std::map<std::string, Value> inputs;            ///< those given
  std::map<std::string, nlohmann::json> options;  ///< every one of the table
  std::map<std::string, bool> wanted;             ///< outputs that the case compares
  std::map<std::string, Value> outputs;
  std::map<std::string, nlohmann::json> status;
};

struct KernelTable {
  std::vector<InputSpec> inputs   = {};
  std::vector<OptionSpec> options = {};
  std::vector<OutputSpec> outputs = {};
  std::vector<std::string> status = {};  ///< fields of the result struct
};

struct Kernel {
  using Body = std::function<void(struct Kernel const&, CallData&)>;

  std::string name;  ///< module.function
  KernelTable table;
  std::map<std::string, std::map<std::string, Body>> bodies;  ///< by backend, then by precision

  /// "nn.layer_norm" -> "ocellus::nn::layer_norm"
  [[nodiscard]] std::string function() const {
    auto const dot = name.find('.');
    return "ocellus::" + name.substr(0, dot) + "::" + name.substr(dot + 1);
  }
  [[nodiscard]] OptionSpec const* find_option(std::string const& option) const {
    for (auto const& spec : table.options) {
      if (spec.name == option) return &spec;
    }
    return nullptr;
  }
};

/// The kernels of this program by name.
class Registry {
 public:
  /// One more kernel, or further backends of one that is known.
  void add(Kernel const& kernel) {
    auto const [at, is_new] = kernels_.try_emplace(kernel.name, kernel);
    for (auto const& [backend, bodies] : kernel.bodies) at->second.bodies[backend] = bodies;
  }
  [[nodiscard]] Kernel const* find(std::string const& name) const {
    auto const at = kernels_.find(name);
    return at == kernels_.end() ? nullptr : &at->second;
  }
  [[nodiscard]] std::map<std::string, Kernel> const& kernels() const { return kernels_; }

  /// The one that adapters register with before main begins.
  static Registry& global() {
    static Registry registry;
    return registry;
  }

 private:
  std::map<std::string, Kernel> kernels_;
};

}  // namespace ocellus::conformance
