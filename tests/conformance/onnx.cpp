// SPDX-License-Identifier: Apache-2.0

// The node tests of the ONNX backend suite as cases: the mapping from operators and attributes to kernels and options.

#include <algorithm>
#include <fstream>
#include <functional>
#include <limits>

#include "runner.hpp"

namespace ocellus::conformance {

namespace {

using nlohmann::json;
using Extents = std::vector<std::int64_t>;

struct NotMapped : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A node test as read: tensors by the operator's names.
struct Node {
  json attributes;
  std::map<std::string, Array> inputs;
  Array output;

  [[nodiscard]] bool has(std::string const& name) const { return inputs.count(name) > 0; }
  [[nodiscard]] Array const& input(std::string const& name) const {
    auto const at = inputs.find(name);
    if (at == inputs.end()) throw std::runtime_error("the operator's input \"" + name + "\" is missing");
    return at->second;
  }
  template <class T>
  [[nodiscard]] T attribute(char const* name, T fallback) const {
    return attributes.value(name, fallback);
  }
};

Array reshaped(Array array, Extents extents) {
  if (count(extents) != array.size()) throw std::runtime_error("cannot see " + to_string(array.extents) + " as " + to_string(extents));
  array.extents = std::move(extents);
  return array;
}

/// An array of the given extents whose element at each index is element `from(index)` of `source`; -1 gives `fill`.
Array gathered(Array const& source, Extents extents, std::function<std::int64_t(Extents const&)> const& from, double fill = 0.0) {
  Array result;
  result.type             = source.type == ElementType::integer ? ElementType::real : source.type;
  result.stored_as        = source.stored_as;
  result.extents          = extents;
  std::size_t const total = count(extents);
  Extents at(extents.size(), 0);
  for (std::size_t i = 0; i < total; ++i) {
    std::int64_t const offset = from(at);
    result.reals.push_back(offset < 0 ? fill : source.real(static_cast<std::size_t>(offset)));
    for (std::size_t axis = extents.size(); axis-- > 0 && ++at[axis] == extents[axis];) at[axis] = 0;
  }
  return result;
}

Case case_of(std::string kernel, Array output) {
  Case c;
  c.kernel = std::move(kernel);
  Expectation e;
  e.compare              = "close";
  e.want.array           = std::move(output);
  e.tolerance["float32"] = e.tolerance["float64"] = {2e-5, 2e-6};
  c.outputs["output"]                             = std::move(e);
  return c;
}

/// Axes from `axis` on as one.
Extents flattened_from(Extents const& extents, std::int64_t axis) {
  auto const rank = static_cast<std::int64_t>(extents.size());
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) throw std::runtime_error("axis is out of range");
  Extents rows{1, 1};
  for (std::int64_t a = 0; a < rank; ++a) rows[a < axis ? 0 : 1] *= extents[static_cast<std::size_t>(a)];
  return rows;
}

std::vector<Case> norm(Node const& node, std::string const& kernel) {
  auto const rows              = flattened_from(node.input("X").extents, node.attribute<std::int64_t>("axis", -1));
  Case c                       = case_of(kernel, reshaped(node.output, rows));
  c.options["epsilon"]         = node.attribute("epsilon", 1e-5);
  c.inputs["input"].array      = reshaped(node.input("X"), rows);
  char const* const names[][2] = {{"W", "weight"}, {"Scale", "weight"}, {"scale", "weight"}, {"B", "bias"}, {"Bias", "bias"}};
  for (auto const& [from, to] : names) {
    if (node.has(from)) c.inputs[to].array = reshaped(node.input(from), {static_cast<std::int64_t>(node.input(from).size())});
  }
  return {c};
}

std::vector<Case> gelu(Node const& node) {
  Case c                   = case_of("nn.gelu", node.output);
  c.options["approximate"] = node.attribute<std::string>("approximate", "none");
  c.inputs["input"].array  = node.input(node.has("x") ? "x" : "X");
  return {c};
}

std::vector<Case> gemm(Node const& node) {
  Case c              = case_of("linalg.matmul", node.output);
  c.options           = {{"transpose_a", node.attribute<std::int64_t>("transA", 0) != 0},
                         {"transpose_b", node.attribute<std::int64_t>("transB", 0) != 0},
                         {"alpha", node.attribute("alpha", 1.0)}};
  auto const name     = [&](char const* lower, char const* upper) { return node.has(lower) ? lower : upper; };
  c.inputs["a"].array = node.input(name("a", "A"));
  c.inputs["b"].array = node.input(name("b", "B"));
  if (node.has("c") || node.has("C")) {
    Array addend      = node.input(name("c", "C"));
    double const beta = node.attribute("beta", 1.0);
    for (double& value : addend.reals) value *= beta;
    std::int64_t const rows = node.output.extents[0], columns = node.output.extents[1];
    if (addend.size() == 1)
      c.inputs["bias"].array = gathered(addend, {columns}, [](Extents const&) { return 0; });
    else if (addend.extents == Extents{rows, columns})
      c.inputs["residual"].array = addend;
    else if (addend.extents == Extents{rows, 1})
      c.inputs["residual"].array = gathered(addend, {rows, columns}, [](Extents const& at) { return at[0]; });
    else
      c.inputs["bias"].array = reshaped(addend, {columns});
  }
  return {c};
}

std::vector<Case> matmul(Node const& node) {
  Array a = node.input(node.has("a") ? "a" : "A"), b = node.input(node.has("b") ? "b" : "B");
  if (a.extents.size() == 1) a.extents = {1, a.extents[0]};
  if (b.extents.size() == 1) b.extents = {b.extents[0], 1};
  std::size_t const rank = std::max(a.extents.size(), b.extents.size());
  while (a.extents.size() < rank) a.extents.insert(a.extents.begin(), 1);
  while (b.extents.size() < rank) b.extents.insert(b.extents.begin(), 1);
  Extents batch;
  std::int64_t batches = 1;
  for (std::size_t axis = 0; axis + 2 < rank; ++axis) {
    batch.push_back(a.extents[axis] == 1 ? b.extents[axis] : a.extents[axis]);
    batches *= batch.back();
  }
  auto const broadcast = [&](Array const& array) {
    std::int64_t const rows = array.extents[rank - 2], columns = array.extents[rank - 1];
    return gathered(array, {batches, rows, columns}, [&, rows, columns](Extents const& at) {
      std::int64_t rest = at[0], offset = 0, stride = 1;
      for (std::size_t axis = batch.size(); axis-- > 0;) {
        if (array.extents[axis] != 1) offset += rest % batch[axis] * stride;
        stride *= array.extents[axis];
        rest /= batch[axis];
      }
      return (offset * rows + at[1]) * columns + at[2];
    });
  };
  Case c              = case_of("linalg.batched_matmul", reshaped(node.output, {batches, a.extents[rank - 2], b.extents[rank - 1]}));
  c.inputs["a"].array = broadcast(a);
  c.inputs["b"].array = broadcast(b);
  return {c};
}

std::vector<Case> softmax(Node const& node) {
  auto const& x     = node.input(node.has("x") ? "x" : "input");
  auto const rank   = static_cast<std::int64_t>(x.extents.size());
  std::int64_t axis = node.attribute<std::int64_t>("axis", -1);
  if (axis < 0) axis += rank;
  std::int64_t outer = 1, inner = 1;
  for (std::int64_t a = 0; a < rank; ++a) (a < axis ? outer : a > axis ? inner : outer) *= a == axis ? 1 : x.extents[static_cast<std::size_t>(a)];
  std::int64_t const length = x.extents[static_cast<std::size_t>(axis)];
  auto const last           = [&](Array const& array) {
    return gathered(array, {outer, inner, length}, [&](Extents const& at) { return (at[0] * length + at[2]) * inner + at[1]; });
  };
  Case c                  = case_of("linalg.softmax", last(node.output));
  c.inputs["input"].array = last(x);
  return {c};
}

/// (B, N, H D) as (B, H, N, D).
Array split_heads(Array const& array, std::int64_t heads) {
  if (array.extents.size() == 4) return array;
  if (heads <= 0 || array.extents.size() != 3 || array.extents[2] % heads != 0)
    throw std::runtime_error("the number of heads does not fit " + to_string(array.extents));
  std::int64_t const length = array.extents[1], size = array.extents[2] / heads;
  return gathered(array, {array.extents[0], heads, length, size}, [&](Extents const& at) { return ((at[0] * length + at[2]) * heads + at[1]) * size + at[3]; });
}

/// Keys or values with those of the past in front.
Array prepended(Array const& past, Array const& now) {
  std::int64_t const heads = now.extents[1], old = past.extents[2], fresh = now.extents[2], size = now.extents[3];
  Array both = past;
  both.reals.insert(both.reals.end(), now.reals.begin(), now.reals.end());
  auto const shift = static_cast<std::int64_t>(past.size());
  return gathered(both, {now.extents[0], heads, old + fresh, size}, [&](Extents const& at) {
    std::int64_t const head = at[0] * heads + at[1];
    return at[2] < old ? (head * old + at[2]) * size + at[3] : shift + (head * fresh + at[2] - old) * size + at[3];
  });
}

/// Each head as often as several query heads share it.
Array repeated(Array const& array, std::int64_t heads) {
  if (array.extents[1] == heads) return array;
  std::int64_t const group = heads / array.extents[1], size = array.extents[2] * array.extents[3];
  return gathered(array, {array.extents[0], heads, array.extents[2], array.extents[3]},
                  [&](Extents const& at) { return (at[0] * array.extents[1] + at[1] / group) * size + at[2] * array.extents[3] + at[3]; });
}

/// One item of a batch.
Array item(Array const& array, std::int64_t b) {
  if (array.extents[0] == 1) return array;
  Extents extents         = array.extents;
  extents[0]              = 1;
  std::int64_t const size = static_cast<std::int64_t>(count(extents));
  Extents const line{size};
  return reshaped(gathered(array, line, [&](Extents const& at) { return b * size + at[0]; }), extents);
}

std::vector<Case> attention(Node const& node) {
  if (node.attribute("softcap", 0.0) != 0.0) throw NotMapped("softcap");
  if (node.attribute<std::int64_t>("left_window_size", -1) >= 0 || node.attribute<std::int64_t>("right_window_size", -1) >= 0)
    throw NotMapped("sliding windows");
  auto const query_heads = node.attribute<std::int64_t>("q_num_heads", 0), key_heads = node.attribute<std::int64_t>("kv_num_heads", 0);
  Array const query = split_heads(node.input("Q"), query_heads);
  Array key = split_heads(node.input("K"), key_heads), value = split_heads(node.input("V"), key_heads);
  std::int64_t past = 0;
  if (node.has("past_key")) {
    past  = node.input("past_key").extents[2];
    key   = prepended(node.input("past_key"), key);
    value = prepended(node.input("past_value"), value);
  }
  std::int64_t const batches = query.extents[0], heads = query.extents[1], queries = query.extents[2], keys = key.extents[2];
  key                     = repeated(key, heads);
  value                   = repeated(value, heads);
  Case c                  = case_of("nn.multi_head_attention", split_heads(node.output, heads));
  c.options               = {{"scale", node.attribute("scale", 0.0)}, {"causal", node.attribute<std::int64_t>("is_causal", 0) != 0}, {"causal_offset", past}};
  c.inputs["query"].array = query;
  c.inputs["key"].array   = key;
  c.inputs["value"].array = value;
  if (node.has("attn_mask")) {
    Array mask = node.input("attn_mask");
    while (mask.extents.size() < 4) mask.extents.insert(mask.extents.begin(), 1);
    Extents const from   = mask.extents;
    std::int64_t const m = from[3];
    if (m < keys && m != 1) {
      double const fill = mask.type == ElementType::boolean ? 0.0 : -std::numeric_limits<double>::infinity();
      mask              = gathered(
                       mask, {from[0], from[1], from[2], keys},
                       [&](Extents const& at) { return at[3] < m ? ((at[0] * from[1] + at[1]) * from[2] + at[2]) * m + at[3] : -1; }, fill);
    }
    c.inputs["mask"].array = mask;
  }
  if (!node.has("nonpad_kv_seqlen")) return {c};
  Array const& lengths = node.input("nonpad_kv_seqlen");
  Array key_mask;
  key_mask.type    = ElementType::boolean;
  key_mask.extents = {batches, keys};
  for (std::int64_t b = 0; b < batches; ++b) {
    for (std::int64_t j = 0; j < keys; ++j) key_mask.reals.push_back(j < lengths.integer(static_cast<std::size_t>(b)) ? 1.0 : 0.0);
  }
  c.inputs["key_mask"].array = key_mask;
  std::vector<Case> items;
  for (std::int64_t b = 0; b < batches; ++b) {
    Case one = c;
    for (auto& [name, input] : one.inputs) input.array = item(input.array, b);
    one.outputs["output"].want.array = item(c.outputs["output"].want.array, b);
    one.options["causal_offset"]     = lengths.integer(static_cast<std::size_t>(b)) - queries;
    items.push_back(one);
  }
  return items;
}

/// Kernel, and how a node becomes cases; an operator that is absent has no kernel.
struct Mapping {
  char const* kernel;
  std::vector<Case> (*cases)(Node const&);
};
std::map<std::string, Mapping> const& mappings() {
  static std::map<std::string, Mapping> const table{
      {"Attention", {"nn.multi_head_attention", attention}},
      {"LayerNormalization", {"nn.layer_norm", [](Node const& n) { return norm(n, "nn.layer_norm"); }}},
      {"RMSNormalization", {"nn.rms_norm", [](Node const& n) { return norm(n, "nn.rms_norm"); }}},
      {"Gelu", {"nn.gelu", gelu}},
      {"Gemm", {"linalg.matmul", gemm}},
      {"MatMul", {"linalg.batched_matmul", matmul}},
      {"Softmax", {"linalg.softmax", softmax}},
      {"GroupNormalization", {"nn.group_norm", nullptr}},
      {"GridSample", {"nn.grid_sample", nullptr}},
      {"Resize", {"nn.resize", nullptr}},
  };
  return table;
}

/// The operator's own names for its inputs, by place: a graph may call them otherwise.
Node read_node(std::filesystem::path const& folder, json const& test) {
  static std::map<std::string, std::vector<std::string>> const names{{"Attention", {"Q", "K", "V", "attn_mask", "past_key", "past_value", "nonpad_kv_seqlen"}},
                                                                     {"LayerNormalization", {"X", "W", "B"}},
                                                                     {"RMSNormalization", {"X", "W"}},
                                                                     {"Gelu", {"x"}},
                                                                     {"Gemm", {"a", "b", "c"}},
                                                                     {"MatMul", {"a", "b"}},
                                                                     {"Softmax", {"x"}}};
  Node node;
  node.attributes             = test.at("attributes");
  auto const& operator_inputs = names.at(test.at("op").get<std::string>());
  auto const& graph_inputs    = test.at("graph_inputs");
  auto const& node_inputs     = test.at("node_inputs");
  for (std::size_t i = 0; i < node_inputs.size(); ++i) {
    std::string const name = node_inputs[i];
    if (name.empty()) continue;
    auto const at = std::find(graph_inputs.begin(), graph_inputs.end(), node_inputs[i]);
    if (at == graph_inputs.end() || i >= operator_inputs.size()) throw std::runtime_error("input \"" + name + "\" is no input of the graph");
    auto const key                  = "input_" + std::to_string(at - graph_inputs.begin());
    node.inputs[operator_inputs[i]] = read_value(folder / test.at("tensors").at(key).at("file").get<std::string>()).array;
  }
  node.output = read_value(folder / test.at("tensors").at("output_0").at("file").get<std::string>()).array;
  return node;
}

}  // namespace

std::vector<OnnxTest> read_onnx_tests(std::filesystem::path const& index) {
  json tests;
  try {
    std::ifstream stream(index, std::ios::binary);
    tests = json::parse(stream);
    if (!tests.is_array()) throw std::runtime_error("is not a list of tests");
  } catch (std::exception const& error) {
    throw std::runtime_error(index.string() + ": " + error.what());
  }
  std::vector<OnnxTest> result;
  for (auto const& test : tests) {
    OnnxTest one;
    try {
      one.name          = test.at("test").get<std::string>();
      auto const op     = test.at("op").get<std::string>();
      auto const mapped = mappings().find(op);
      one.kernel        = mapped == mappings().end() ? "onnx." + op : mapped->second.kernel;
      if (mapped == mappings().end() || mapped->second.cases == nullptr)
        one.not_mapped = "no mapping of the operator " + op;
      else
        one.cases = mapped->second.cases(read_node(index.parent_path(), test));
    } catch (NotMapped const& what) {
      one.not_mapped = what.what();
    } catch (std::exception const& error) {
      one.broken = error.what();
    }
    result.push_back(std::move(one));
  }
  return result;
}

}  // namespace ocellus::conformance
