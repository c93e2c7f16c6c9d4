// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/time_embedding.hpp>

#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

template <class C>
class TimeEmbedding : public ::testing::Test {};
TYPED_TEST_SUITE(TimeEmbedding, TransportConfigurations);

TYPED_TEST(TimeEmbedding, agrees_with_the_formula_for_even_and_odd_dimensions) {
  std::vector<double> const times = {0, 0.25, 0.5, 0.8125, 1};
  for (std::int64_t const dimension : {4, 5, 8, 33}) {
    std::int64_t const half = dimension / 2;
    std::vector<double> want;
    for (double const t : times) {
      std::vector<double> row(static_cast<std::size_t>(dimension), 0.0);
      for (std::int64_t k = 0; k < half; ++k) {
        double const angle                      = 100 * t * std::exp(-static_cast<double>(k) * std::log(500.0) / static_cast<double>(half - 1));
        row[static_cast<std::size_t>(k)]        = std::sin(angle);
        row[static_cast<std::size_t>(half + k)] = std::cos(angle);
      }
      want.insert(want.end(), row.begin(), row.end());
    }
    Array<TypeParam, 1> const input({5}, times);
    Array<TypeParam, 2> const output({5, dimension});
    auto const i = input.view();
    auto const o = output.view();
    Exec_<TypeParam> const exec;
    expect_good_manners(record([&] { transport::time_embedding(exec, i, o, {.scale = 100, .max_positions = 500}); }));
    exec.fence();
    expect_near(output.values(), want, machine_epsilon<typename TypeParam::Scalar>() + 1e-13);
    EXPECT_TRUE(output.guards_intact());
  }
}

TEST(TimeEmbedding, names_what_does_not_fit) {
  HostTensor<double*> const times("times", 3);
  EXPECT_EQ(refusal([&] { transport::time_embedding(Kokkos::Serial(), times, HostTensor<double**>("e", 3, 3)); }),
            "ocellus::transport::time_embedding: embedding.extent(1) (dimension) is 3, not at least 4");
}

}  // namespace
}  // namespace ocellus::test
