// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Scratch memory that the caller owns: a bump arena over one byte View, so that a kernel called again allocates nothing.
///
/// Every function that needs scratch has an overload that ends in `Workspace<MemorySpace>&`, and `<function>_workspace_size` beside it. A workspace serves
/// one execution-space instance: what a function takes it gives back when it returns, though its kernels may still run, and the order of the instance's
/// queue keeps the next function's kernels behind them. Pieces are aligned to 128 bytes.

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus {

inline constexpr std::size_t workspace_alignment = 128;

/// Bytes that `count` elements of T take in a workspace.
template <class T>
[[nodiscard]] constexpr std::size_t workspace_bytes(std::size_t count) {
  return (count * sizeof(T) + workspace_alignment - 1) / workspace_alignment * workspace_alignment;
}

template <MemorySpace Space>
class Workspace {
 public:
  using memory_space = Space;

  /// An empty workspace: right for a function whose workspace size is 0.
  Workspace() = default;

  /// Allocates `bytes` in the memory space of `exec`.
  template <ExecutionSpace Exec>
  Workspace(Exec const& exec, std::size_t bytes)
      : memory_(Kokkos::view_alloc(exec, std::string("ocellus::workspace"), Kokkos::WithoutInitializing), bytes == 0 ? 0 : bytes + workspace_alignment) {
    align();
  }

  /// Uses the caller's bytes.
  explicit Workspace(Kokkos::View<std::byte*, Space> const& memory) : memory_(memory) { align(); }

  [[nodiscard]] std::size_t capacity() const { return memory_.size() - start_; }
  [[nodiscard]] std::size_t used() const { return used_; }

  /// Gives back, at the end of the block it stands in, what was taken since.
  class Scope {
   public:
    explicit Scope(Workspace& workspace) : workspace_(workspace), mark_(workspace.used_) {}
    ~Scope() { workspace_.used_ = mark_; }
    Scope(Scope const&)            = delete;
    Scope& operator=(Scope const&) = delete;

   private:
    Workspace& workspace_;
    std::size_t mark_;
  };

  /// An uninitialised row-major array: `workspace.template take<float**>("ocellus::nn::linear", rows, columns)`.
  ///
  /// Errors: `std::invalid_argument` naming `function` and both byte counts when it does not fit.
  template <class DataType, class... Extents>
  [[nodiscard]] UnmanagedTensor<DataType, Space> take(std::string_view function, Extents... extents) {
    using Value             = std::remove_all_extents_t<std::remove_pointer_t<typename Kokkos::View<DataType, Space>::value_type>>;
    std::size_t const count = (std::size_t{1} * ... * static_cast<std::size_t>(extents));
    std::size_t const bytes = workspace_bytes<Value>(count);
    require(used_ + bytes <= capacity(), function, "the workspace is too small: ", used_ + bytes, " bytes are needed but it has ", capacity());
    auto* const address = reinterpret_cast<Value*>(memory_.data() + start_ + used_);
    used_ += bytes;
    return UnmanagedTensor<DataType, Space>(address, static_cast<std::size_t>(extents)...);
  }

 private:
  void align() {
    std::size_t const past = reinterpret_cast<std::uintptr_t>(memory_.data()) % workspace_alignment;
    start_                 = past == 0 ? 0 : workspace_alignment - past;
    if (start_ > memory_.size()) start_ = memory_.size();
  }

  Kokkos::View<std::byte*, Space> memory_;
  std::size_t start_ = 0;
  std::size_t used_  = 0;
};

/// The workspace that kernels of an execution space can use.
template <ExecutionSpace Exec>
using WorkspaceFor = Workspace<typename Exec::memory_space>;

}  // namespace ocellus
