// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Names and places of a model's parameters in one flat View.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <ocellus/core/preconditions.hpp>

namespace ocellus {

struct ParameterFlags {
  bool decay     = true;  ///< weight decay applies (not to biases, norms and tokens)
  bool trainable = true;
};

struct ParameterEntry {
  std::string name;
  std::vector<std::int64_t> extents;
  std::size_t offset = 0;  ///< of the first element in the flat View
  ParameterFlags flags;

  [[nodiscard]] std::size_t size() const {
    std::size_t product = 1;
    for (auto const e : extents) product *= static_cast<std::size_t>(e);
    return product;
  }
};

/// A list of named tensors, row-major, one behind the other; each starts at a multiple of 16 elements.
class ParameterTable {
 public:
  static constexpr std::size_t alignment = 16;

  /// Appends a tensor and returns its number.
  ///
  /// Errors: `std::invalid_argument` when the name is taken or an extent is not positive.
  std::size_t add(std::string name, std::vector<std::int64_t> extents, ParameterFlags flags = {}) {
    require(index_.count(name) == 0, "ocellus::ParameterTable::add", "there is already a parameter \"", name, "\"");
    for (auto const e : extents) require(e > 0, "ocellus::ParameterTable::add", "an extent of \"", name, "\" is ", e);
    ParameterEntry entry{std::move(name), std::move(extents), size_, flags};
    size_ = (size_ + entry.size() + alignment - 1) / alignment * alignment;
    index_.emplace(entry.name, entries_.size());
    entries_.push_back(std::move(entry));
    return entries_.size() - 1;
  }

  /// Elements of the flat View.
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::vector<ParameterEntry> const& entries() const { return entries_; }

  /// The entry of that name, or null.
  [[nodiscard]] ParameterEntry const* find(std::string const& name) const {
    auto const found = index_.find(name);
    return found == index_.end() ? nullptr : &entries_[found->second];
  }

 private:
  std::vector<ParameterEntry> entries_;
  std::map<std::string, std::size_t> index_;
  std::size_t size_ = 0;
};

}  // namespace ocellus
