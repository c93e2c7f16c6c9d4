// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Fitted statistics as safetensors files, so that new plates take an old fit.
///
/// A fit is a struct for which `for_each_array(fit, visitor)` is found by its namespace and names its members: Views, lists of 64-bit integers, flags and
/// enumerators.

#include <cstdint>
#include <filesystem>
#include <string>
#include <type_traits>
#include <vector>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/io/file_error.hpp>
#include <ocellus/io/safetensors.hpp>

namespace ocellus::io {
namespace detail {

template <class Member>
inline constexpr bool is_list_v = std::is_same_v<std::remove_const_t<Member>, std::vector<std::int64_t>>;

/// Adds a member of a fit to a file.
struct SaveMember {
  Safetensors& content;

  template <class Member>
  void operator()(std::string const& name, Member const& member) const {
    if constexpr (Kokkos::is_view_v<Member>) {
      content.add(name, Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), member));
    } else if constexpr (is_list_v<Member>) {
      HostTensor<std::int64_t*> list(name, member.size());
      std::copy(member.begin(), member.end(), list.data());
      content.add(name, list);
    } else {
      static_assert(std::is_same_v<Member, bool> || std::is_enum_v<Member>,
                    "ocellus::io::save_fit: a member is neither a View, a list, a flag nor an enumerator");
      HostTensor<std::int64_t*> value(name, 1);
      value(0) = static_cast<std::int64_t>(member);
      content.add(name, value);
    }
  }
};

/// Takes a member of a fit from a file.
struct LoadMember {
  Safetensors const& content;
  std::filesystem::path const& path;

  template <class Member>
  void operator()(std::string const& name, Member& member) const {
    auto const* const tensor = content.find(name);
    if (tensor == nullptr) throw FileError(path, "", "holds no \"" + name + "\": it is no such fit");
    if constexpr (Kokkos::is_view_v<Member>) {
      using Scalar       = typename Member::non_const_value_type;
      constexpr int rank = static_cast<int>(Member::rank());
      if (static_cast<int>(tensor->extents.size()) != rank || tensor->type != Safetensors::type_of<Scalar>())
        throw FileError(path, "tensor \"" + name + "\"", "has another rank or type than the fit");
      Kokkos::LayoutRight layout;
      for (int axis = 0; axis < rank; ++axis) layout.dimension[axis] = static_cast<std::size_t>(tensor->extents[static_cast<std::size_t>(axis)]);
      member          = Member("ocellus::io::fit", layout);
      auto const host = Kokkos::create_mirror_view(member);
      for (std::size_t i = 0; i < host.size(); ++i) std::memcpy(host.data() + i, tensor->bytes.data() + i * sizeof(Scalar), sizeof(Scalar));
      Kokkos::deep_copy(member, host);
    } else {
      if (tensor->type != SafetensorsType::I64 || tensor->extents.size() != 1)
        throw FileError(path, "tensor \"" + name + "\"", "has another rank or type than the fit");
      auto const number = [&](std::size_t i) {
        std::int64_t value = 0;
        std::memcpy(&value, tensor->bytes.data() + i * sizeof value, sizeof value);
        return value;
      };
      if constexpr (is_list_v<Member>) {
        member.clear();
        for (std::size_t i = 0; i < tensor->size(); ++i) member.push_back(number(i));
      } else {
        if (tensor->size() != 1) throw FileError(path, "tensor \"" + name + "\"", "holds " + std::to_string(tensor->size()) + " numbers, not one");
        member = static_cast<Member>(number(0));
      }
    }
  }
};

}  // namespace detail

/// Writes a fit, whole or not at all. Waits for its arrays.
///
/// Errors: `FileError` when the file cannot be written.
template <class Fit>
void save_fit(std::filesystem::path const& path, Fit const& fit) {
  Safetensors content;
  for_each_array(fit, detail::SaveMember{content});
  write_safetensors(path, content);
}

/// Reads a fit of a given type: `auto fit = io::load_fit<profiling::TvnFit<Space>>(path)`. Its bits are those that were saved.
///
/// Errors: `FileError` when the file is bad or holds another fit.
template <class Fit>
[[nodiscard]] Fit load_fit(std::filesystem::path const& path) {
  auto const content = read_safetensors(path);
  Fit fit;
  for_each_array(fit, detail::LoadMember{content, path});
  return fit;
}

}  // namespace ocellus::io
