// SPDX-License-Identifier: Apache-2.0

#include <ocellus/core/for_each_row.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"

namespace ocellus::test {
namespace {

/// Adds to each element of its row, so that a row visited twice shows.
template <class View, class Exec>
struct AddRowNumber {
  View view;

  KOKKOS_FUNCTION void operator()(TeamMember<Exec> const& member, std::int64_t row) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(view, 1)), [&](std::int64_t const i) { view(row, i) += static_cast<double>(100 * row + i); });
  }
};

/// Fills its scratch, then sums it: scratch of different rows must not overlap.
template <class View, class Exec>
struct SumOfScratch {
  View sums;
  std::int64_t count;

  KOKKOS_FUNCTION void operator()(TeamMember<Exec> const& member, std::int64_t row) const {
    auto* const scratch =
        static_cast<double*>(member.thread_scratch(1).get_shmem(static_cast<std::int64_t>(count * static_cast<std::int64_t>(sizeof(double)))));
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      for (std::int64_t i = 0; i < count; ++i) scratch[i] = static_cast<double>(row);
      double sum = 0;
      for (std::int64_t i = 0; i < count; ++i) sum += scratch[i];
      sums(row) = sum;
    });
  }
};

template <class C>
class ForEachRow : public ::testing::Test {};
TYPED_TEST_SUITE(ForEachRow, RowMajorConfigurations);

TYPED_TEST(ForEachRow, visits_every_row_once_whatever_the_number_of_threads) {
  using Exec = typename TypeParam::Exec;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const rows : {0, 1, 7, 8, 9, 1031}) {
      TestArray<double, 2, Kokkos::LayoutRight, Exec> const array({rows, 3}, std::vector<double>(static_cast<std::size_t>(rows * 3), 0.5));
      auto const view = array.view();
      for_each_row(exec, "ocellus::test", rows, AddRowNumber<decltype(array.view()), Exec>{view});
      exec.fence();
      auto const values = array.values();
      for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], 0.5 + 100.0 * static_cast<double>(i / 3) + static_cast<double>(i % 3));
      EXPECT_TRUE(array.guards_intact());
    }
  });
}

TYPED_TEST(ForEachRow, gives_each_thread_scratch_of_its_own) {
  using Exec = typename TypeParam::Exec;
  with_thread_counts<Exec>([&](Exec const& exec) {
    TestArray<double, 1, Kokkos::LayoutRight, Exec> const sums({97});
    for_each_row(exec, "ocellus::test", 97, SumOfScratch<decltype(sums.view()), Exec>{sums.view(), 500}, 500 * sizeof(double) + 8);
    exec.fence();
    auto const values = sums.values();
    for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], 500.0 * static_cast<double>(i));
  });
}

TYPED_TEST(ForEachRow, launches_one_labelled_kernel_and_none_for_no_rows) {
  using Exec = typename TypeParam::Exec;
  TestArray<double, 2, Kokkos::LayoutRight, Exec> const array({4, 3});
  Exec const exec;
  AddRowNumber<decltype(array.view()), Exec> const add{array.view()};
  for_each_row(exec, "ocellus::test", 4, add);  // Kokkos sets up its own scratch at an instance's first team kernel
  auto const events = record([&] { for_each_row(exec, "ocellus::test", 4, add); });
  expect_good_manners(events);
  EXPECT_EQ(events.kernels, std::vector<std::string>{"ocellus::test"});
  EXPECT_TRUE(record([&] { for_each_row(exec, "ocellus::test", 0, add); }).kernels.empty());
  exec.fence();
}

}  // namespace
}  // namespace ocellus::test
