// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The mock's memory space and execution space, as Kokkos wants to see them.

#include <Kokkos_Core.hpp>

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>

#include "machine.hpp"

namespace ocellus::mock {

class Mock;

/// Memory that only kernels of `Mock` and copies reach.
class MockSpace {
 public:
  using memory_space    = MockSpace;
  using execution_space = Mock;
  using size_type       = std::size_t;
  using device_type     = Kokkos::Device<Mock, MockSpace>;

  static constexpr char const* name() { return "Mock"; }

  // `reported`: the bytes that Tools hear of, without Kokkos' own record; 0 stands for all.
  [[nodiscard]] void* allocate(std::size_t bytes) const { return allocate("[unlabeled]", bytes); }
  [[nodiscard]] void* allocate(char const* label, std::size_t bytes, std::size_t reported = 0) const;
  template <class Exec>
  [[nodiscard]] void* allocate(Exec const&, std::size_t bytes) const {
    return allocate(bytes);
  }
  template <class Exec>
  [[nodiscard]] void* allocate(Exec const&, char const* label, std::size_t bytes, std::size_t reported = 0) const {
    return allocate(label, bytes, reported);
  }
  void deallocate(void* data, std::size_t bytes) const { deallocate("[unlabeled]", data, bytes); }
  void deallocate(char const* label, void* data, std::size_t bytes, std::size_t reported = 0) const;
};

/// The accelerator. Instances that are default-constructed share one queue; `new_instance` has its own.
class Mock {
 public:
  using execution_space      = Mock;
  using memory_space         = MockSpace;
  using device_type          = Kokkos::Device<Mock, MockSpace>;
  using size_type            = std::size_t;
  using array_layout         = Kokkos::LayoutLeft;  // as on GPUs
  using scratch_memory_space = Kokkos::ScratchMemorySpace<Mock>;

  Mock() : queue_(Queue::standard()) {}
  [[nodiscard]] static Mock new_instance() { return Mock(std::make_shared<Queue>()); }

  static constexpr char const* name() { return "Mock"; }
  void fence(std::string const& label = "Mock::fence: Unnamed Instance Fence") const;
  [[nodiscard]] int concurrency() const { return 16 * settings().team_size_max; }
  void print_configuration(std::ostream& out, bool verbose = false) const;

  [[nodiscard]] Queue& queue() const { return *queue_; }

  static void impl_initialize(Kokkos::InitializationSettings const&) {}
  static void impl_finalize() { Queue::run_all(); }
  static void impl_static_fence(std::string const& label);
  [[nodiscard]] static bool impl_is_initialized() { return true; }
  [[nodiscard]] std::uint32_t impl_instance_id() const noexcept { return queue_->id(); }

  friend bool operator==(Mock const& a, Mock const& b) { return a.queue_ == b.queue_; }
  friend bool operator!=(Mock const& a, Mock const& b) { return !(a == b); }

 private:
  explicit Mock(std::shared_ptr<Queue> queue) : queue_(std::move(queue)) {}
  std::shared_ptr<Queue> queue_;
};

}  // namespace ocellus::mock
