// SPDX-License-Identifier: Apache-2.0
#include "array.hpp"

#include <cstdlib>

#include <ocellus/core.hpp>
#include <ocellus/io/csv.hpp>
#include <ocellus/io/npy.hpp>
#include <ocellus/io/safetensors.hpp>

namespace ocellus::conformance {

std::string to_string(std::vector<std::int64_t> const& extents) {
  std::string text = "(";
  for (std::size_t axis = 0; axis < extents.size(); ++axis) text += (axis > 0 ? ", " : "") + std::to_string(extents[axis]);
  return text + ")";
}

std::size_t count(std::vector<std::int64_t> const& extents) {
  std::size_t product = 1;
  for (auto const e : extents) product *= static_cast<std::size_t>(e);
  return product;
}

Array make_array(std::vector<std::int64_t> extents, std::vector<double> values) {
  Array array;
  array.extents = std::move(extents);
  array.reals   = std::move(values);
  return array;
}

namespace {

char const* name_of(io::NpyType type) {
  static constexpr char const* names[] = {"float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool"};
  return names[static_cast<int>(type)];
}

Array from_npy(io::NpyArray const& stored) {
  Array array;
  array.extents   = stored.extents;
  array.stored_as = name_of(stored.type);
  bool const real = stored.type <= io::NpyType::float16;
  array.type      = real ? ElementType::real : stored.type == io::NpyType::boolean ? ElementType::boolean : ElementType::integer;
  for (std::size_t i = 0; i < stored.size(); ++i) {
    if (array.type == ElementType::integer)
      array.integers.push_back(stored.at<std::int64_t>(i));
    else
      array.reals.push_back(stored.at<double>(i));
  }
  return array;
}

Array from_tensor(io::SafetensorsTensor const& tensor) {
  using Type = io::SafetensorsType;
  Array array;
  array.extents      = tensor.extents;
  bool const integer = tensor.type >= Type::I64 && tensor.type <= Type::U8;
  array.type         = integer ? ElementType::integer : tensor.type == Type::BOOL ? ElementType::boolean : ElementType::real;
  array.stored_as    = io::detail::safetensors_type(tensor.type).name;
  for (std::size_t i = 0; i < tensor.size(); ++i) {
    if (integer)
      array.integers.push_back(static_cast<std::int64_t>(tensor.at(i)));
    else
      array.reals.push_back(tensor.at(i));
  }
  return array;
}

/// A table of numbers with one line of names.
Array from_csv(std::filesystem::path const& path) {
  auto const table = io::read_csv(path);
  Array array;
  array.stored_as = "csv";
  array.extents   = {static_cast<std::int64_t>(table.rows.size()), static_cast<std::int64_t>(table.header.size())};
  for (auto const& row : table.rows) {
    for (auto const& cell : row) {
      char* end          = nullptr;
      double const value = std::strtod(cell.c_str(), &end);
      if (cell.empty() || *end != '\0') throw io::FileError(path, "", "\"" + cell.substr(0, 40) + "\" is not a number");
      array.reals.push_back(value);
    }
  }
  return array;
}

}  // namespace

Value read_value(std::filesystem::path const& path) {
  Value value;
  auto const suffix = path.extension().string();
  if (suffix == ".npy") {
    value.array = from_npy(io::read_npy(path));
  } else if (suffix == ".safetensors") {
    value.is_set = true;
    for (auto const& tensor : io::read_safetensors(path).tensors) value.set[tensor.name] = from_tensor(tensor);
  } else if (suffix == ".csv") {
    value.array = from_csv(path);
  } else {
    throw io::FileError(path, "", "is neither .npy, .safetensors nor .csv");
  }
  return value;
}

}  // namespace ocellus::conformance
