// SPDX-License-Identifier: Apache-2.0

#include <ocellus/core/host_copy.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"

namespace ocellus::test {
namespace {

template <class C>
class HostCopy : public ::testing::Test {};
TYPED_TEST_SUITE(HostCopy, Configurations);

TYPED_TEST(HostCopy, goes_there_and_back_whatever_the_layout) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const rows : {0, 1, 7, 9}) {
      for (std::int64_t const columns : {0, 1, 13}) {
        auto const x = random_values(static_cast<std::size_t>(rows * columns));
        TestArray<Scalar, 2, Layout, Exec> const from({rows, columns}, x), to({rows, columns});
        auto const host = copy_to_host(exec, "ocellus::test", from.view());
        for (std::int64_t i = 0; i < rows; ++i)
          for (std::int64_t j = 0; j < columns; ++j) EXPECT_EQ(host(i, j), static_cast<Scalar>(x[static_cast<std::size_t>(i * columns + j)]));
        copy_from_host(exec, "ocellus::test", host, to.view());
        EXPECT_EQ(to.values(), from.values());
        EXPECT_TRUE(to.guards_intact());
      }
      auto const line = random_values(static_cast<std::size_t>(rows));
      TestArray<Scalar, 1, Layout, Exec> const from({rows}, line), to({rows});
      auto const host = copy_to_host(exec, "ocellus::test", from.view());
      copy_from_host(exec, "ocellus::test", host, to.view());
      EXPECT_EQ(to.values(), from.values());
      EXPECT_TRUE(to.guards_intact());
    }
  });
}

TYPED_TEST(HostCopy, labels_what_it_does_and_takes_what_stands_apart) {
  using Exec = typename TypeParam::Exec;
  Exec const exec;
  TestArray<double, 2, Kokkos::LayoutRight, Exec> const array({5, 6}, random_values(30));
  auto const column = Kokkos::subview(array.view(), Kokkos::ALL, 2);
  HostTensor<double*> host;
  expect_labels(record([&] {
    host = copy_to_host(exec, "ocellus::test", column);
    copy_from_host(exec, "ocellus::test", host, column);
  }));
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(host(i), array.values()[6 * i + 2]);
}

}  // namespace
}  // namespace ocellus::test
