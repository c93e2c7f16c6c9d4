// SPDX-License-Identifier: Apache-2.0
#include "runner.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <ostream>
#include <set>
#include <sstream>

#include <ocellus/io/file_error.hpp>

namespace ocellus::conformance {

namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr double infinity = std::numeric_limits<double>::infinity();

[[noreturn]] void bad(std::string const& reason) { throw std::runtime_error(reason); }

/// The member of an object; refused when it is missing or of another type.
json const& member(json const& object, char const* name, json::value_t type) {
  auto const at = object.find(name);
  if (at == object.end()) bad(std::string("\"") + name + "\" is missing");
  if (at->type() != type) bad(std::string("\"") + name + "\" is " + at->type_name() + " and should not be");
  return *at;
}

void refuse_unknown_members(json const& object, std::set<std::string> const& known, std::string const& what) {
  for (auto const& [name, value] : object.items()) {
    if (known.count(name) == 0) bad(what + " has the unknown member \"" + name + "\"");
  }
}

Expectation read_expectation(fs::path const& folder, std::string const& name, json const& text) {
  if (!text.is_object()) bad("output \"" + name + "\" is not an object");
  refuse_unknown_members(text, {"file", "compare", "tolerance", "axis", "error", "kind"}, "output \"" + name + "\"");
  Expectation e;
  e.compare = member(text, "compare", json::value_t::string).get<std::string>();
  static std::set<std::string> const known{"close", "scaled", "exact", "set", "column_sign", "gram", "at_most", "raises"};
  if (known.count(e.compare) == 0) bad("output \"" + name + "\" has the unknown compare \"" + e.compare + "\"");
  if (e.compare == "raises") {
    e.error = member(text, "error", json::value_t::string).get<std::string>();
    e.kind  = text.value("kind", "invalid_argument");
    if (e.kind != "invalid_argument" && e.kind != "file") bad("kind \"" + e.kind + "\" is neither invalid_argument nor file");
    return e;
  }
  e.want = read_value(folder / member(text, "file", json::value_t::string).get<std::string>());
  if (text.contains("axis")) {
    if (!text["axis"].is_number_integer()) bad("axis of output \"" + name + "\" is not an integer");
    e.axis = text["axis"].get<std::int64_t>();
  }
  if (text.contains("tolerance")) {
    auto const& by_precision = member(text, "tolerance", json::value_t::object);
    for (auto const& [precision, numbers] : by_precision.items()) {
      if (!numbers.is_object()) bad("the tolerance for " + precision + " is not an object");
      refuse_unknown_members(numbers, {"rtol", "atol"}, "the tolerance for " + precision);
      e.tolerance[precision] = {numbers.value("rtol", 0.0), numbers.value("atol", 0.0)};
    }
  }
  return e;
}

/// Whether a JSON value is what an option of the type takes.
bool fits(OptionSpec const& spec, json const& value) {
  auto const all   = [&](auto const& test) { return value.is_array() && std::all_of(value.begin(), value.end(), test); };
  auto const whole = [](json const& v) {
    return v.is_number_integer() || (v.is_number_float() && v.get<double>() == std::floor(v.get<double>()) && std::abs(v.get<double>()) < 9e15);
  };
  if (spec.type == "number") return value.is_number();
  if (spec.type == "integer") return whole(value);
  if (spec.type == "flag") return value.is_boolean();
  if (spec.type == "choice") return value.is_string() && std::find(spec.choices.begin(), spec.choices.end(), value.get<std::string>()) != spec.choices.end();
  if (spec.type == "numbers") return all([](json const& v) { return v.is_number(); });
  return all(whole);
}

CallData prepare(Case const& c, Kernel const& kernel) {
  CallData data;
  for (auto const& [name, value] : c.options.items()) {
    auto const* spec = kernel.find_option(name);
    if (spec == nullptr) bad("option \"" + name + "\" is unknown");
    if (!fits(*spec, value)) bad("option \"" + name + "\" has the value " + value.dump() + ", not a " + spec->type);
  }
  for (auto const& spec : kernel.table.options) {
    auto const given = c.options.find(spec.name);
    if (given == c.options.end() && spec.fallback.is_null()) bad("option \"" + spec.name + "\" is missing and has no default");
    data.options[spec.name] = given == c.options.end() ? spec.fallback : *given;
  }
  for (auto const& [name, value] : c.inputs) {
    auto const spec = std::find_if(kernel.table.inputs.begin(), kernel.table.inputs.end(), [&](auto const& s) { return s.name == name; });
    if (spec == kernel.table.inputs.end()) bad("input \"" + name + "\" is unknown");
    if (value.is_set != (spec->type == "set")) bad("input \"" + name + "\" must be " + (spec->type == "set" ? "a .safetensors set" : "one array"));
    if (spec->type == "integer" && value.array.type == ElementType::real) bad("input \"" + name + "\" must hold integers, not " + value.array.stored_as);
    Value input = value;
    // Masks stored as integers are widened.
    if ((spec->type == "boolean" || spec->type == "mask") && input.array.type == ElementType::integer) {
      input.array.type = ElementType::boolean;
      for (auto const i : input.array.integers) input.array.reals.push_back(i != 0 ? 1.0 : 0.0);
      input.array.integers.clear();
    }
    if (spec->type == "boolean" && input.array.type != ElementType::boolean) bad("input \"" + name + "\" must be boolean, not " + value.array.stored_as);
    data.inputs[name] = std::move(input);
  }
  for (auto const& spec : kernel.table.inputs) {
    if (!spec.is_optional && c.inputs.count(spec.name) == 0) bad("input \"" + spec.name + "\" is missing");
  }
  for (auto const& [name, expectation] : c.outputs) {
    if (expectation.compare == "raises") continue;
    bool const known = std::any_of(kernel.table.outputs.begin(), kernel.table.outputs.end(), [&](auto const& s) { return matches(s.name, name); });
    if (!known) bad("output \"" + name + "\" is unknown");
    data.wanted[name] = true;
  }
  for (auto const& [name, value] : c.status.items()) {
    if (std::find(kernel.table.status.begin(), kernel.table.status.end(), name) == kernel.table.status.end()) bad("status \"" + name + "\" is unknown");
  }
  return data;
}

std::uint64_t mix(std::uint64_t digest, std::uint64_t value) {  // FNV-1a, a word at a time
  return (digest ^ value) * 0x100000001b3u;
}

std::uint64_t mix(std::uint64_t digest, Array const& array) {
  for (auto const extent : array.extents) digest = mix(digest, static_cast<std::uint64_t>(extent));
  for (auto const value : array.integers) digest = mix(digest, static_cast<std::uint64_t>(value));
  for (auto const value : array.reals) {
    std::uint64_t bits = 0x7ff8000000000000u;
    if (!std::isnan(value)) std::memcpy(&bits, &value, sizeof(bits));
    digest = mix(digest, bits);
  }
  return digest;
}

std::uint64_t digest_of(CallData const& data) {
  std::uint64_t digest = 0xcbf29ce484222325u;
  for (auto const& [name, value] : data.outputs) {
    digest = mix(digest, value.array);
    for (auto const& [part, array] : value.set) digest = mix(digest, array);
  }
  return digest;
}

Outcome judge(Case const& c, CallData const& data, std::string const& precision) {
  Outcome outcome{Verdict::passed, 0.0, ""};
  for (auto const& [name, expectation] : c.outputs) {
    auto const got = data.outputs.find(name);
    if (got == data.outputs.end()) return {Verdict::failed, infinity, "output \"" + name + "\" was not computed"};
    auto const comparison = compare(got->second, expectation, precision);
    outcome.worst         = std::max(outcome.worst, comparison.worst);
    if (!comparison.passed && outcome.verdict == Verdict::passed) outcome.verdict = Verdict::failed, outcome.reason = name + ": " + comparison.reason;
  }
  for (auto const& [name, want] : c.status.items()) {
    auto const got = data.status.find(name);
    if (got == data.status.end() || got->second != want) {
      return {Verdict::failed, infinity, "status " + name + " is " + (got == data.status.end() ? "missing" : got->second.dump()) + ", want " + want.dump()};
    }
  }
  return outcome;
}

Outcome worst_of(std::vector<Case> const& cases, Registry const& registry, RunSettings const& settings, std::string const& precision) {
  Outcome all{Verdict::passed, 0.0, ""};
  for (auto const& c : cases) {
    auto const one = run_case(c, registry, settings.backend, precision);
    if (one.verdict != Verdict::passed) return one;
    all.worst  = std::max(all.worst, one.worst);
    all.digest = mix(all.digest, one.digest);
  }
  return all;
}

std::string units(double worst) {
  if (!std::isfinite(worst)) return "inf";
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", worst);
  return text;
}

}  // namespace

char const* to_string(Verdict verdict) { return verdict == Verdict::passed ? "passed" : verdict == Verdict::failed ? "FAILED" : "not implemented"; }

Case read_case(fs::path const& file) {
  try {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) bad("cannot be opened");
    json const text = json::parse(stream);
    if (!text.is_object()) bad("is not an object");
    refuse_unknown_members(text, {"format", "kernel", "options", "inputs", "outputs", "status", "origin", "note"}, "the case");
    if (member(text, "format", json::value_t::number_unsigned) != 1) bad("format is " + text["format"].dump() + ", not 1");
    Case c;
    c.kernel = member(text, "kernel", json::value_t::string).get<std::string>();
    if (text.contains("options")) c.options = member(text, "options", json::value_t::object);
    for (auto const& [name, path] : member(text, "inputs", json::value_t::object).items()) {
      if (!path.is_string()) bad("input \"" + name + "\" is not the name of a file");
      c.inputs[name] = read_value(file.parent_path() / path.get<std::string>());
    }
    for (auto const& [name, expectation] : member(text, "outputs", json::value_t::object).items())
      c.outputs[name] = read_expectation(file.parent_path(), name, expectation);
    if (text.contains("status")) c.status = member(text, "status", json::value_t::object);
    if (c.outputs.empty() && c.status.empty()) bad("neither outputs nor status: nothing is compared");
    for (auto const& [name, expectation] : c.outputs) {
      if (expectation.compare == "raises" && (c.outputs.size() > 1 || !c.status.empty())) bad("a call that raises has no other output and no status");
    }
    return c;
  } catch (std::exception const& error) {
    throw std::runtime_error(file.string() + ": " + error.what());
  }
}

Outcome run_case(Case const& c, Registry const& registry, std::string const& backend, std::string const& precision) {
  Kernel const* const kernel = registry.find(c.kernel);
  if (kernel == nullptr) return {Verdict::not_implemented, 0.0, "unknown kernel"};
  Expectation const* refusal = nullptr;
  for (auto const& [name, expectation] : c.outputs) {
    if (expectation.compare == "raises") refusal = &expectation;
  }
  auto const refused = [&](std::string const& kind, std::string const& message) {
    if (refusal == nullptr) return Outcome{Verdict::failed, infinity, "threw: " + message};
    auto const comparison = compare_refusal(message, kind, kernel->function(), *refusal);
    return Outcome{comparison.passed ? Verdict::passed : Verdict::failed, comparison.worst, comparison.reason};
  };
  try {
    CallData data = prepare(c, *kernel);
    auto const on = kernel->bodies.find(backend);
    if (on == kernel->bodies.end()) return {Verdict::not_implemented, 0.0, "no backend " + backend};
    auto const body = on->second.find(precision);
    if (body == on->second.end()) return {Verdict::not_implemented, 0.0, "no precision " + precision};
    try {
      body->second(*kernel, data);
    } catch (std::invalid_argument const& error) {
      return refused("invalid_argument", error.what());
    } catch (io::FileError const& error) {
      return refused("file", error.what());
    }
    if (refusal != nullptr) return {Verdict::failed, infinity, "nothing was thrown; wanted a message with: " + refusal->error};
    Outcome outcome = judge(c, data, precision);
    outcome.digest  = digest_of(data);
    return outcome;
  } catch (NotImplemented const& what) {
    return {Verdict::not_implemented, 0.0, what.what()};
  } catch (std::exception const& error) {
    return {Verdict::failed, infinity, error.what()};
  } catch (...) {
    return {Verdict::failed, infinity, "threw something that is no std::exception"};
  }
}

bool matches(std::string_view glob, std::string_view text) {
  std::size_t g = 0, t = 0, star = std::string_view::npos, from = 0;
  while (t < text.size()) {
    if (g < glob.size() && (glob[g] == '?' || glob[g] == text[t]) && glob[g] != '*')
      ++g, ++t;
    else if (g < glob.size() && glob[g] == '*')
      star = g++, from = t;
    else if (star != std::string_view::npos)
      g = star + 1, t = ++from;
    else
      return false;
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

std::vector<Row> run_folders(std::vector<fs::path> const& folders, Registry const& registry, RunSettings const& settings, std::ostream& out) {
  std::vector<Row> rows;
  auto const add = [&](Row row) {
    out << row.kernel << "  " << row.name << "  " << row.precision << "  " << units(row.outcome.worst) << "  " << to_string(row.outcome.verdict);
    if (!row.outcome.reason.empty()) out << "  (" << row.outcome.reason << ")";
    out << "\n";
    rows.push_back(std::move(row));
  };
  auto const fail = [&](std::string const& kernel, std::string const& name, std::string const& reason) {
    add({kernel, name, "-", {Verdict::failed, infinity, reason}});
  };
  for (auto const& folder : folders) {
    std::error_code ignored;
    std::vector<fs::path> files;
    if (fs::is_directory(folder, ignored)) {
      for (auto const& entry : fs::recursive_directory_iterator(folder, ignored)) {
        if (entry.path().filename() == "case.json" || entry.path().filename() == "index.json") files.push_back(entry.path());
      }
    }
    std::sort(files.begin(), files.end());
    if (files.empty())
      fail("-", folder.string(),
           fs::is_directory(folder, ignored) ? folder.string() + ": no case.json below this folder" : folder.string() + ": is not a folder");
    for (auto const& file : files) {
      auto const name = file.parent_path().lexically_relative(folder).generic_string();
      try {
        if (file.filename() == "index.json") {
          for (auto const& test : read_onnx_tests(file)) {
            if (!matches(settings.kernels, test.kernel)) continue;
            if (!test.broken.empty()) {
              fail(test.kernel, test.name, file.string() + ": " + test.broken);
              continue;
            }
            for (auto const& precision : settings.precisions) {
              add({test.kernel, test.name, precision,
                   test.cases.empty() ? Outcome{Verdict::not_implemented, 0.0, test.not_mapped} : worst_of(test.cases, registry, settings, precision)});
            }
          }
          continue;
        }
        Case const c = read_case(file);
        if (!matches(settings.kernels, c.kernel)) continue;
        for (auto const& precision : settings.precisions) add({c.kernel, name, precision, run_case(c, registry, settings.backend, precision)});
      } catch (std::exception const& error) {
        fail("-", name, error.what());
      }
    }
  }
  return rows;
}

bool print_summary(std::vector<Row> const& rows, std::ostream& out) {
  std::map<std::string, std::map<Verdict, int>> by_kernel;
  std::map<Verdict, int> total;
  for (auto const& row : rows) {
    ++by_kernel[row.kernel][row.outcome.verdict];
    ++total[row.outcome.verdict];
  }
  auto const line = [&](std::map<Verdict, int>& n) {
    out << n[Verdict::passed] << " passed, " << n[Verdict::failed] << " failed, " << n[Verdict::not_implemented] << " not implemented\n";
  };
  out << "\n";
  for (auto& [kernel, n] : by_kernel) {
    out << kernel << ": ";
    line(n);
  }
  line(total);
  return total[Verdict::failed] == 0;
}

std::uint64_t digest(std::vector<Row> const& rows) {
  std::uint64_t all = 0xcbf29ce484222325u;
  for (auto const& row : rows) all = mix(all, row.outcome.digest);
  return all;
}

json rows_as_json(std::vector<Row> const& rows, RunSettings const& settings) {
  json list = json::array();
  for (auto const& row : rows) {
    json const worst          = std::isfinite(row.outcome.worst) ? json(row.outcome.worst) : json(nullptr);
    char const* const verdict = row.outcome.verdict == Verdict::failed ? "failed" : to_string(row.outcome.verdict);
    list.push_back({{"kernel", row.kernel},
                    {"case", row.name},
                    {"backend", settings.backend},
                    {"precision", row.precision},
                    {"worst", worst},
                    {"verdict", verdict},
                    {"reason", row.outcome.reason}});
  }
  return list;
}

json list_as_json(Registry const& registry) {
  json kernels = json::array();
  for (auto const& [name, kernel] : registry.kernels()) {
    json inputs = json::array(), options = json::array(), outputs = json::array(), backends = json::object();
    for (auto const& s : kernel.table.inputs) inputs.push_back({{"name", s.name}, {"type", s.type}, {"shape", s.shape}, {"optional", s.is_optional}});
    for (auto const& s : kernel.table.options) {
      json option{{"name", s.name}, {"type", s.type}, {"default", s.fallback}, {"runner", s.runner_only}};
      if (!s.choices.empty()) option["choices"] = s.choices;
      options.push_back(option);
    }
    for (auto const& s : kernel.table.outputs) outputs.push_back({{"name", s.name}, {"shape", s.shape}, {"derived", s.is_derived}});
    for (auto const& [backend, bodies] : kernel.bodies) {
      for (auto const& [precision, body] : bodies) backends[backend].push_back(precision);
    }
    kernels.push_back(
        {{"kernel", name}, {"inputs", inputs}, {"options", options}, {"outputs", outputs}, {"status", kernel.table.status}, {"backends", backends}});
  }
  return kernels;
}

}  // namespace ocellus::conformance
