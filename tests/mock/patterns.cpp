// SPDX-License-Identifier: Apache-2.0

// What is right must work on the mock accelerator in every order: all patterns, policies and nested loops, scratch memory, copies, instances, Tools.

#include <cmath>

#include <ocellus/core/kokkos.hpp>

#include "support.hpp"
#include "support/manners.hpp"

namespace ocellus::mock {
namespace {

static_assert(!is_host_execution_v<Mock>, "what runs on the mock are the code paths for devices");
static_assert(!Kokkos::SpaceAccessibility<Kokkos::Serial, MockSpace>::accessible);
static_assert(!Kokkos::SpaceAccessibility<Mock, Kokkos::HostSpace>::accessible);

// ---- Flat patterns ----

void fill_squares(Numbers const& values) {
  Kokkos::parallel_for(
      "squares", Range(0, static_cast<int>(values.size())), KOKKOS_LAMBDA(int i) { values(i) = i * i; });
}

struct Tagged {
  struct Double {};
  Numbers values;
  KOKKOS_FUNCTION void operator()(Double, int i) const { values(i) *= 2; }
};

TEST(MockPatterns, for_over_a_range) {
  with_seeds([] {
    for (int const n : {0, 1, 2, 17, 1000}) {
      Numbers const values("values", n);
      fill_squares(values);
      Kokkos::parallel_for("double", Kokkos::RangePolicy<Mock, Tagged::Double>(0, n), Tagged{values});
      auto const host = to_host(values);
      for (int i = 0; i < n; ++i) EXPECT_EQ(host(i), 2.0 * i * i);
    }
  });
}

using Cube = Kokkos::View<double***, Mock>;
void fill_cube(Cube const& cube, int from) {
  Kokkos::parallel_for(
      "cube", Kokkos::MDRangePolicy<Mock, Kokkos::Rank<3>>({from, 0, 0}, {4, 3, 5}),
      KOKKOS_LAMBDA(int i, int j, int k) { cube(i, j, k) += 100 * i + 10 * j + k; });
}
double sum_of_cube(Cube const& cube) {
  double total = 0;
  Kokkos::parallel_reduce(
      "cube", Kokkos::MDRangePolicy<Mock, Kokkos::Rank<3>>({0, 0, 0}, {4, 3, 5}),
      KOKKOS_LAMBDA(int i, int j, int k, double& partial) { partial += cube(i, j, k); }, total);
  return total;
}

TEST(MockPatterns, for_and_reduce_over_several_axes) {
  with_seeds([] {
    Cube const cube("cube", 4, 3, 5);
    fill_cube(cube, 1);
    auto const host = to_host(cube);
    double want     = 0;
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < 3; ++j)
        for (int k = 0; k < 5; ++k) {
          double const one = i == 0 ? 0 : 100 * i + 10 * j + k;
          EXPECT_EQ(host(i, j, k), one);
          want += one;
        }
    EXPECT_EQ(sum_of_cube(cube), want);
  });
}

/// Several results in one struct, with a reducer of its own.
struct Summary {
  double sum    = 0;
  double most   = -1e300;
  int count     = 0;
  bool is_empty = true;
};
struct Summarise {
  using reducer          = Summarise;
  using value_type       = Summary;
  using result_view_type = Kokkos::View<Summary, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
  Summary* result;
  KOKKOS_FUNCTION void init(Summary& value) const { value = Summary(); }
  KOKKOS_FUNCTION void join(Summary& to, Summary const& from) const {
    if (from.is_empty) return;
    to.sum += from.sum;
    to.most = to.most > from.most ? to.most : from.most;
    to.count += from.count;
    to.is_empty = false;
  }
  KOKKOS_FUNCTION Summary& reference() const { return *result; }
  KOKKOS_FUNCTION result_view_type view() const { return result_view_type(result); }
  KOKKOS_FUNCTION bool references_scalar() const { return true; }
};

Summary summarise(Numbers const& values) {
  Summary summary;
  Kokkos::parallel_reduce(
      "summarise", Range(0, static_cast<int>(values.size())),
      KOKKOS_LAMBDA(int i, Summary& partial) {
        partial.sum += values(i);
        partial.most = partial.most > values(i) ? partial.most : values(i);
        ++partial.count;
        partial.is_empty = false;
      },
      Summarise{&summary});
  return summary;
}
void smallest_into_view(Numbers const& values, Kokkos::View<double, Mock> const& result) {
  Kokkos::parallel_reduce(
      "smallest", Range(0, static_cast<int>(values.size())), KOKKOS_LAMBDA(int i, double& least) { least = values(i) < least ? values(i) : least; },
      Kokkos::Min<double, MockSpace>(result));
}
double sum_over_teams(Numbers const& values, Teams const& policy) {
  int const n  = static_cast<int>(values.size());
  double total = 0;
  Kokkos::parallel_reduce(
      "teams", policy,
      KOKKOS_LAMBDA(Member const& member, double& partial) {
        double mine = 0;
        Kokkos::parallel_reduce(
            Kokkos::TeamVectorRange(member, n), [&](int i, double& p) { p += values(i); }, mine);
        Kokkos::single(Kokkos::PerTeam(member), [&]() { partial += mine; });
      },
      total);
  return total;
}

TEST(MockPatterns, reduce) {
  with_seeds([] {
    for (int const n : {0, 1, 17, 1000}) {
      Numbers const values("values", n);
      fill_squares(values);
      auto const summary = summarise(values);
      EXPECT_EQ(summary.count, n);
      EXPECT_EQ(summary.is_empty, n == 0);
      EXPECT_EQ(summary.sum, (n - 1.0) * n * (2.0 * n - 1.0) / 6.0);
      if (n > 0) {
        EXPECT_EQ(summary.most, (n - 1.0) * (n - 1.0));
      }
      EXPECT_EQ(sum_over_teams(values, Teams(5, 3, 2)), 5 * summary.sum);
      Kokkos::View<double, Mock> const least("least");
      smallest_into_view(values, least);
      EXPECT_EQ(to_host(least)(), n > 0 ? 0.0 : Kokkos::reduction_identity<double>::min());
    }
  });
}

double running_sum(Numbers const& values) {
  double total = 0;
  Kokkos::parallel_scan(
      "scan", Range(0, static_cast<int>(values.size())),
      KOKKOS_LAMBDA(int i, double& running, bool last_time) {
        running += i;
        if (last_time) values(i) = running;
      },
      total);
  return total;
}

TEST(MockPatterns, scan) {
  with_seeds([] {
    for (int const n : {0, 1, 5, 6, 1000}) {
      Numbers const values("values", n);
      EXPECT_EQ(running_sum(values), n * (n - 1) / 2);
      auto const host = to_host(values);
      for (int i = 0; i < n; ++i) EXPECT_EQ(host(i), i * (i + 1) / 2);
    }
  });
}

// ---- Teams ----

using Rows = Kokkos::View<double**, Kokkos::LayoutRight, Mock>;

/// A row a thread: its elements, their sum and largest, and their running sum in place, each by the lanes; then the team's totals.
struct NestedLoops {
  Rows rows, results;
  KOKKOS_FUNCTION void operator()(Member const& member) const {
    int const n = static_cast<int>(rows.extent(1)), per_team = static_cast<int>(rows.extent(0)) / member.league_size();
    int const first = member.league_rank() * per_team;
    Kokkos::parallel_for(Kokkos::TeamThreadRange(member, first, first + per_team), [&](int row) {
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, n), [&](int i) { rows(row, i) = row + i; });
      double sum = 0, most = 0, total = 0;
      Kokkos::parallel_reduce(
          Kokkos::ThreadVectorRange(member, n), [&](int i, double& p) { p += rows(row, i); }, sum);
      Kokkos::parallel_reduce(
          Kokkos::ThreadVectorRange(member, n), [&](int i, double& p) { p = p > rows(row, i) ? p : rows(row, i); }, Kokkos::Max<double>(most));
      Kokkos::parallel_scan(
          Kokkos::ThreadVectorRange(member, n),
          [&](int i, double& running, bool last_time) {
            running += i;
            if (last_time) rows(row, i) = running;
          },
          total);
      double told = -1;
      Kokkos::single(
          Kokkos::PerThread(member), [&](double& value) { value = row; }, told);
      Kokkos::single(Kokkos::PerThread(member), [&]() {
        results(row, 0) = sum;
        results(row, 1) = most;
        results(row, 2) = total;
        results(row, 3) = told;
      });
    });
    member.team_barrier();
    double team_sum = 0, threads = 1, first_sum = -1;
    Kokkos::parallel_reduce(
        Kokkos::TeamThreadRange(member, per_team), [&](int i, double& p) { p += results(first + i, 0); }, team_sum);
    member.team_reduce(Kokkos::Sum<double>(threads));
    int const before = member.team_scan(1);
    Kokkos::single(
        Kokkos::PerTeam(member), [&](double& value) { value = results(first, 0); }, first_sum);
    double counted = 0;
    Kokkos::parallel_scan(
        Kokkos::TeamThreadRange(member, 13), [&](int, double& running, bool) { running += 1; }, counted);
    double const fits = before == member.team_rank() && threads == member.team_size() && first_sum == results(first, 0) && counted == 13 ? team_sum : -1;
    Kokkos::parallel_for(Kokkos::TeamVectorRange(member, per_team), [&](int i) { results(first + i, 4) = fits; });
  }
};

TEST(MockTeams, nested_loops_of_every_team_size) {
  with_seeds([] {
    for (int const size : {1, 2, 3, 7, 64}) {
      for (int const lanes : {1, 2, 4}) {
        int const teams = 3, per_team = 5, n = 11;
        Rows const rows("rows", teams * per_team, n), results("results", teams * per_team, 5);
        Kokkos::parallel_for("nested", Teams(teams, size, lanes), NestedLoops{rows, results});
        auto const got = to_host(results), elements = to_host(rows);
        for (int row = 0; row < teams * per_team; ++row) {
          int const first = row / per_team * per_team;
          EXPECT_EQ(got(row, 0), n * row + n * (n - 1) / 2);
          EXPECT_EQ(got(row, 1), row + n - 1);
          EXPECT_EQ(got(row, 2), n * (n - 1) / 2);
          EXPECT_EQ(got(row, 3), row);
          EXPECT_EQ(got(row, 4), per_team * (n * (n - 1) / 2) + n * (per_team * first + per_team * (per_team - 1) / 2));
          for (int i = 0; i < n; ++i) EXPECT_EQ(elements(row, i), i * (i + 1) / 2);
        }
      }
    }
  });
}

/// Threads hand values on through the team's scratch of level 0 and keep some in their own of level 1.
struct Scratches {
  Numbers results;
  KOKKOS_FUNCTION void operator()(Member const& member) const {
    using Shared = Kokkos::View<double*, Mock::scratch_memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
    Shared const team(member.team_scratch(0), member.team_size()), own(member.thread_scratch(1), 3);
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      for (int i = 0; i < 3; ++i) own(i) = member.team_rank() + i;
    });
    Kokkos::single(Kokkos::PerThread(member), [&]() { team(member.team_rank()) = own(0) + own(1) + own(2); });
    member.team_barrier();
    double total = 0;
    for (int rank = 0; rank < member.team_size(); ++rank) total += team(rank);
    Kokkos::single(Kokkos::PerTeam(member), [&]() { results(member.league_rank()) = total; });
  }
};

TEST(MockTeams, scratch_at_both_levels) {
  with_seeds([] {
    int const size = 6;
    Numbers const results("results", 9);
    Teams policy(9, size, 2);
    policy.set_scratch_size(0, Kokkos::PerTeam(size * 8 + 8)).set_scratch_size(1, Kokkos::PerThread(3 * 8 + 8));
    Kokkos::parallel_for("scratch", policy, Scratches{results});
    EXPECT_EQ(sum(results), 9 * (3 * 15 + 3 * size));
  });
}

TEST(MockTeams, the_automatic_size_changes_with_the_seed) {
  SettingsScope const scope;
  std::vector<int> sizes;
  for (std::uint64_t const seed : {1, 2, 3}) {
    settings().seed = seed;
    sizes.push_back(Teams(1, Kokkos::AUTO).team_size());
  }
  EXPECT_EQ(sizes, (std::vector<int>{1, 7, 2}));
}

// ---- Copies, instances, Tools ----

TEST(MockMemory, copies_both_ways_and_slices) {
  Kokkos::View<double**, Kokkos::LayoutRight, Kokkos::HostSpace> host("host", 4, 5);
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 5; ++j) host(i, j) = 10 * i + j;
  Rows const device("device", 4, 5), twin("twin", 4, 5);
  Kokkos::deep_copy(device, host);
  Kokkos::deep_copy(Mock(), twin, device);
  auto const row    = Kokkos::subview(twin, 2, Kokkos::ALL);
  auto const column = Kokkos::subview(twin, Kokkos::ALL, 3);
  EXPECT_EQ(to_host(row)(4), 24);
  Numbers const copy("copy", 4);
  Kokkos::deep_copy(Mock(), copy, column);
  EXPECT_EQ(to_host(copy)(1), 13);
  Kokkos::deep_copy(Mock(), column, 7.0);
  EXPECT_EQ(to_host(twin)(3, 3), 7);
  EXPECT_EQ(to_host(twin)(3, 2), 32);
}

void add_one(Mock const& exec, Numbers const& values) {
  Kokkos::parallel_for(
      "ocellus::test::add_one", Range(exec, 0, static_cast<int>(values.size())), KOKKOS_LAMBDA(int i) { values(i) += 1; });
}

TEST(MockInstances, keep_their_own_order) {
  Mock const a = Mock::new_instance(), b = Mock::new_instance();
  EXPECT_TRUE(a == a && a != b && a != Mock() && Mock() == Mock());
  Numbers const x("x", 3), y("y", 3);
  Kokkos::View<double*, Kokkos::HostSpace> const host_x("x", 3), host_y("y", 3);
  for (int i = 0; i < 3; ++i) {
    add_one(a, x);
    add_one(b, y);
  }
  Kokkos::deep_copy(a, host_x, x);
  Kokkos::deep_copy(b, host_y, y);
  a.fence();
  EXPECT_EQ(host_x(0), 3);
  EXPECT_EQ(host_y(0), 0) << "nobody waited for the other instance";
  Kokkos::fence();
  EXPECT_EQ(host_y(0), 3) << "Kokkos::fence waits for all";
}

TEST(MockTools, report_kernels_fences_and_allocations) {
  Numbers const values("values", 3);
  Kokkos::fence();
  auto const events = test::record([&] {
    Mock const exec;
    add_one(exec, values);
    exec.fence("wait");
    Numbers const another(Kokkos::view_alloc(exec, "another", Kokkos::WithoutInitializing), 5);
  });
  EXPECT_EQ(events.kernels, std::vector<std::string>{"ocellus::test::add_one"});
  EXPECT_EQ(events.allocations, std::vector<std::string>{"another"});
  ASSERT_FALSE(events.fences.empty());
  EXPECT_EQ(events.fences.front(), "wait");
}

}  // namespace
}  // namespace ocellus::mock
