// SPDX-License-Identifier: Apache-2.0

/// What Kokkos itself does without ordering, and means to: under dynamic schedules a thread reads the range that another takes work from, and takes by a
/// compare-and-swap. The name is that of the function that races, so nothing in a kernel is hidden.
extern "C" char const* __tsan_default_suppressions() { return "race_top:Kokkos::Impl::HostThreadTeamData::get_work_stealing\n"; }
