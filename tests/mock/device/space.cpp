// SPDX-License-Identifier: Apache-2.0

#include "mock.hpp"

#include <ostream>

#define KOKKOS_IMPL_PUBLIC_INCLUDE
#include <impl/Kokkos_ExecSpaceManager.hpp>
#include <impl/Kokkos_SharedAlloc_timpl.hpp>
#undef KOKKOS_IMPL_PUBLIC_INCLUDE

KOKKOS_IMPL_HOST_INACCESSIBLE_SHARED_ALLOCATION_RECORD_EXPLICIT_INSTANTIATION(ocellus::mock::MockSpace);

namespace ocellus::mock {

namespace {
/// From now on Kokkos::fence() waits for the mock too.
[[maybe_unused]] int const registered = Kokkos::Impl::initialize_space_factory<Mock>("200_Mock");
}  // namespace

void* MockSpace::allocate(char const* label, std::size_t bytes, std::size_t reported) const {
  void* const data = mock::allocate(label, bytes);
  if (Kokkos::Profiling::profileLibraryLoaded())
    Kokkos::Profiling::allocateData(Kokkos::Profiling::make_space_handle(name()), label, data, reported > 0 ? reported : bytes);
  return data;
}

void MockSpace::deallocate(char const* label, void* data, std::size_t bytes, std::size_t reported) const {
  if (data != nullptr && Kokkos::Profiling::profileLibraryLoaded())
    Kokkos::Profiling::deallocateData(Kokkos::Profiling::make_space_handle(name()), label, data, reported > 0 ? reported : bytes);
  mock::deallocate(data);
}

void Mock::fence(std::string const& label) const {
  namespace Tools = Kokkos::Tools::Experimental;
  Tools::Impl::profile_fence_event<Mock>(label, Tools::Impl::DirectFenceIDHandle{impl_instance_id()}, [this] { queue_->run(); });
}

void Mock::impl_static_fence(std::string const& label) {
  namespace Tools = Kokkos::Tools::Experimental;
  Tools::Impl::profile_fence_event<Mock>(label, Tools::SpecialSynchronizationCases::GlobalDeviceSynchronization, [] { Queue::run_all(); });
}

void Mock::print_configuration(std::ostream& out, bool) const {
  out << "Mock accelerator: seed " << settings().seed << ", teams of at most " << settings().team_size_max << " threads x " << settings().vector_length_max
      << " lanes" << (settings().deferred ? ", deferred launches" : "") << "\n";
}

}  // namespace ocellus::mock
