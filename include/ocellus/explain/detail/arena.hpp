// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <type_traits>

#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>

namespace ocellus::explain::detail {

/// Takes arrays from a workspace, or without one counts the bytes that it would take: the same lines serve a function and its workspace size.
template <ExecutionSpace Exec>
class Arena {
 public:
  explicit Arena(char const* function, WorkspaceFor<Exec>* workspace = nullptr) : function_(function), workspace_(workspace) {}

  template <class DataType, class... Extents>
  [[nodiscard]] UnmanagedTensor<DataType, typename Exec::memory_space> take(Extents... extents) {
    using View = UnmanagedTensor<DataType, typename Exec::memory_space>;
    if (workspace_ != nullptr) return workspace_->template take<DataType>(function_, extents...);
    bytes_ += workspace_bytes<typename View::value_type>((std::size_t{1} * ... * static_cast<std::size_t>(extents)));
    return View();
  }

  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  char const* function_;
  WorkspaceFor<Exec>* workspace_;
  std::size_t bytes_ = 0;
};

}  // namespace ocellus::explain::detail
