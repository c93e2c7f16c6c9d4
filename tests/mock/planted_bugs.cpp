// SPDX-License-Identifier: Apache-2.0

// Each mistake that the mock accelerator is there to find is made here on purpose. It must be noticed, and it must go unnoticed once the check is switched off:
// so it is this check that notices it.

#include <cmath>
#include <cstdlib>

#include "support.hpp"

namespace ocellus::mock {
namespace {

/// Runs the mistake in another process, with the seed 1: it must end that process with a message. Without the check it must do nothing of the kind.
#define EXPECT_NOTICED(mistake, message) EXPECT_DEATH((settings().seed = 1, mistake), message)
#define EXPECT_UNNOTICED(check, mistake) EXPECT_EXIT((settings().seed = 1, check, mistake, std::_Exit(0)), ::testing::ExitedWithCode(0), "")

// ---- Barriers ----

/// Each thread writes its rank and reads what its neighbour wrote. Returns how many read something else.
int neighbours_missed(bool with_barrier) {
  int const league = 20, size = 8;
  Numbers const wrong("wrong", league);
  using Shared = Kokkos::View<int*, Mock::scratch_memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
  Kokkos::parallel_for(
      "neighbours", Teams(league, size).set_scratch_size(0, Kokkos::PerTeam(static_cast<int>(Shared::shmem_size(size)))), KOKKOS_LAMBDA(Member const& member) {
        Shared const ranks(member.team_scratch(0), size);
        int const rank = member.team_rank();
        ranks(rank)    = rank;
        if (with_barrier) member.team_barrier();
        if (rank > 0 && ranks(rank - 1) != rank - 1) Kokkos::atomic_add(&wrong(member.league_rank()), 1.0);
      });
  return static_cast<int>(sum(wrong));
}

TEST(PlantedBugs, missing_barrier) {
  SettingsScope const scope;
  settings().seed = 0;
  EXPECT_EQ(neighbours_missed(false), 0) << "in the order of a loop nobody notices";
  for (std::uint64_t const seed : {1, 2, 3}) {
    settings().seed = seed;
    EXPECT_GT(neighbours_missed(false), 0);
    EXPECT_EQ(neighbours_missed(true), 0);
  }
}

void divergent_barrier() {
  Kokkos::parallel_for(
      "divergent", Teams(2, 4), KOKKOS_LAMBDA(Member const& member) {
        if (member.team_rank() < 2) member.team_barrier();
      });
  Kokkos::fence();
}
void divergent_vector_loop() {
  Kokkos::parallel_for(
      "divergent", Teams(1, 2, 4), KOKKOS_LAMBDA(Member const& member) {
        if (member.lane() == 1) return;
        Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, 9), [&](int) {});
      });
  Kokkos::fence();
}

TEST(PlantedBugsDeathTest, divergent_barrier) {
  EXPECT_NOTICED(divergent_barrier(), "barrier is not reached by all: of 4 threads x 1 lanes, 2 wait at a team barrier");
  EXPECT_UNNOTICED(settings().real_teams = false, divergent_barrier());
  EXPECT_NOTICED(divergent_vector_loop(), "of 2 threads x 4 lanes, 0 wait at a team barrier, 6 wait for the other lanes");
  EXPECT_UNNOTICED(settings().real_teams = false, divergent_vector_loop());
}

double times_counted(int lanes) {
  Numbers const count("count", 3);
  Kokkos::parallel_for(
      "count", Teams(3, 1, lanes), KOKKOS_LAMBDA(Member const& member) { count(member.league_rank()) += 1; });
  return sum(count) / 3;
}

TEST(PlantedBugs, every_lane_does_what_one_should) {
  EXPECT_EQ(times_counted(4), 4);
  EXPECT_EQ(times_counted(1), 1);
}

// ---- Order ----

double last_of_chain() {
  Numbers const chain("chain", 100);
  Kokkos::parallel_for(
      "chain", Range(1, 100), KOKKOS_LAMBDA(int i) { chain(i) = chain(i - 1) + 1; });
  return to_host(chain)(99);
}

/// Teams that build on what the team before them wrote.
double last_of_team_chain() {
  Numbers const chain("chain", 100);
  Kokkos::parallel_for(
      "chain", Teams(99, 1), KOKKOS_LAMBDA(Member const& member) { chain(member.league_rank() + 1) = chain(member.league_rank()) + 1; });
  return to_host(chain)(99);
}

TEST(PlantedBugs, dependence_on_the_order_of_iterations) {
  SettingsScope const scope;
  settings().seed = 0;
  EXPECT_EQ(last_of_chain(), 99);
  EXPECT_EQ(last_of_team_chain(), 99);
  for (std::uint64_t const seed : {1, 2, 3}) {
    settings().seed = seed;
    EXPECT_NE(last_of_chain(), 99);
    EXPECT_NE(last_of_team_chain(), 99);
  }
}

// ---- Memory ----

void read_through_pointer() {
  Numbers const values("numbers", 10);
  volatile double const* const pointer = values.data();
  (void)pointer[3];
}
void write_through_pointer() {
  Numbers const values("numbers", 10);
  volatile double* const pointer = values.data();
  pointer[3]                     = 1;
}
void read_view() {
  Numbers const values("numbers", 10);
  [[maybe_unused]] double volatile const x = values(3);
}

TEST(PlantedBugsDeathTest, host_access_to_device_memory) {
  EXPECT_NOTICED(read_through_pointer(), "the host touched device memory outside kernels and copies: allocation \"numbers\"");
  EXPECT_UNNOTICED(settings().closes_memory = false, read_through_pointer());
  EXPECT_NOTICED(write_through_pointer(), "the host touched device memory outside kernels and copies: allocation \"numbers\"");
  EXPECT_UNNOTICED(settings().closes_memory = false, write_through_pointer());
  EXPECT_NOTICED(read_view(), "host code accesses a View in device memory, \"numbers\"");
  EXPECT_UNNOTICED((settings().closes_memory = false, settings().traps_host_views = false), read_view());
}

void read_host_view_in_kernel() {
  Numbers const values("numbers", 10);
  Kokkos::View<double*, Kokkos::HostSpace> const host("host", 10);
  Kokkos::parallel_for(
      "copy", Range(0, 10), KOKKOS_LAMBDA(int i) { values(i) = host(i); });
  Kokkos::fence();
}

TEST(PlantedBugsDeathTest, kernel_reads_a_host_view) {
  EXPECT_NOTICED(read_host_view_in_kernel(), "a kernel accesses a View in host memory");
  EXPECT_UNNOTICED(settings().traps_host_views = false, read_host_view_in_kernel());
}

double sum_of_nothing_written() { return sum(Numbers(Kokkos::view_alloc("fresh", Kokkos::WithoutInitializing), 10)); }

double sum_of_fresh_scratch() {
  Numbers const result("result", 4);
  using Shared = Kokkos::View<double*, Mock::scratch_memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
  Kokkos::parallel_for(
      "scratch", Teams(4, 1).set_scratch_size(1, Kokkos::PerThread(128)), KOKKOS_LAMBDA(Member const& member) {
        Shared const shared(member.thread_scratch(1), 8);
        result(member.league_rank()) = shared(5);
        shared(5)                    = 1;  // the next team must not find it
      });
  return sum(result);
}

TEST(PlantedBugs, uninitialised_read) {
  EXPECT_TRUE(std::isnan(sum_of_nothing_written()));
  EXPECT_TRUE(std::isnan(sum_of_fresh_scratch()));
  SettingsScope const scope;
  settings().poisons = false;
  EXPECT_EQ(sum_of_nothing_written(), 0.0);
  EXPECT_EQ(sum_of_fresh_scratch(), 0.0);
}

/// Writes element `index` of an array of 10 without asking the View.
void write_element(int index) {
  Numbers const values("numbers", 10);
  double* const data = values.data();
  Kokkos::parallel_for(
      "write", Range(0, 1), KOKKOS_LAMBDA(int) { data[index] = 1; });
  Kokkos::fence();
}
void write_element_of_view(int index) {
  Numbers const values("numbers", 10);
  Kokkos::parallel_for(
      "write", Range(0, 1), KOKKOS_LAMBDA(int) { values(index) = 1; });
  Kokkos::fence();
}
void write_past_scratch() {
  Kokkos::parallel_for(
      "write", Teams(1, 1).set_scratch_size(0, Kokkos::PerTeam(80)), KOKKOS_LAMBDA(Member const& member) {
        auto* const data = static_cast<double*>(member.team_scratch(0).get_shmem(80));
        data[10]         = 1;
      });
  Kokkos::fence();
}

TEST(PlantedBugsDeathTest, write_past_the_end) {
  write_element(9);
  EXPECT_NOTICED(write_element(10), "wrote outside an allocation: next to \"numbers\"");
  EXPECT_UNNOTICED(settings().guards = false, write_element(10));
  EXPECT_NOTICED(write_element(300), "touched memory outside an allocation: near \"numbers\"");
  EXPECT_NOTICED(write_element_of_view(10), "out of bounds access label=.\"numbers\". with indices .10.");
  EXPECT_NOTICED(write_past_scratch(), "wrote past the end of its scratch memory of level 0, 80 bytes");
  EXPECT_UNNOTICED(settings().guards = false, write_past_scratch());
}

// ---- Time ----

void free_before_the_kernel_ran() {
  Mock const exec = Mock::new_instance();
  {
    Numbers const values(Kokkos::view_alloc(exec, "numbers", Kokkos::WithoutInitializing), 10);
    Kokkos::parallel_for(
        "write", Range(exec, 0, 10), KOKKOS_LAMBDA(int i) { values(i) = i; });
  }
  exec.fence();
}

TEST(PlantedBugsDeathTest, view_freed_before_its_kernel_ran) {
  EXPECT_NOTICED(free_before_the_kernel_ran(), "touched freed memory: allocation \"numbers\"");
  EXPECT_UNNOTICED(settings().keeps_freed = false, free_before_the_kernel_ran());
  EXPECT_UNNOTICED(settings().deferred = false, free_before_the_kernel_ran());
}

/// The host reads a copy that it did not wait for, or waited for on another instance.
double copied_without_waiting(bool wait_for_the_wrong_one) {
  Mock const exec = Mock::new_instance();
  Numbers const values(Kokkos::view_alloc(exec, "numbers"), 10);
  Kokkos::View<double*, Kokkos::HostSpace> const host("host", 10);
  Kokkos::deep_copy(exec, values, 7.0);
  Kokkos::deep_copy(exec, host, values);
  if (wait_for_the_wrong_one) Mock().fence();
  double const seen = host(3);
  exec.fence();
  EXPECT_EQ(host(3), 7.0);
  return seen;
}

TEST(PlantedBugs, missing_fence) {
  EXPECT_EQ(copied_without_waiting(false), 0.0);
  EXPECT_EQ(copied_without_waiting(true), 0.0);
  SettingsScope const scope;
  settings().deferred = false;
  EXPECT_EQ(copied_without_waiting(false), 7.0);
}

// ---- Teams ----

void team_of(int size, int lanes) {
  Kokkos::parallel_for("team", Teams(2, size, lanes), KOKKOS_LAMBDA(Member const&){});
  Kokkos::fence();
}

TEST(PlantedBugsDeathTest, team_size_that_the_device_does_not_offer) {
  int const most = Teams(1, 1).team_size_max(0, Kokkos::ParallelForTag());
  team_of(most, 1);
  EXPECT_NOTICED(team_of(most + 1, 1), "team size 65 is asked for, but team_size_max is 64");
  EXPECT_UNNOTICED(settings().checks_team_size = false, team_of(most + 1, 1));
  EXPECT_NOTICED(team_of(1, 32), "vector length 32 is asked for");
  EXPECT_UNNOTICED(settings().checks_team_size = false, team_of(1, 32));
}

}  // namespace
}  // namespace ocellus::mock
