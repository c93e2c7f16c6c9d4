// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/sinkhorn_batched.hpp>

#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

template <class C>
class SinkhornBatched : public ::testing::Test {};
TYPED_TEST_SUITE(SinkhornBatched, TransportConfigurations);

TYPED_TEST(SinkhornBatched, each_problem_has_the_bits_of_its_own_call) {
  using Exec                             = Exec_<TypeParam>;
  std::vector<std::int64_t> const from_x = {0, 1, 8, 41, 57, 60}, from_y = {0, 3, 4, 33, 50, 117};
  std::int64_t const n = from_x.back(), m = from_y.back(), width = 3, problems = 5;
  auto const x = random_values(static_cast<std::size_t>(n * width), 1), y = random_values(static_cast<std::size_t>(m * width), 2, 1.0, 0.5);
  std::vector<double> a, b, offsets_x(from_x.begin(), from_x.end()), offsets_y(from_y.begin(), from_y.end());
  for (std::size_t k = 0; k < 5; ++k) {
    for (double const mass : masses(from_x[k + 1] - from_x[k], static_cast<std::uint32_t>(k), 1.0 + static_cast<double>(k), k == 3 ? 5 : 0)) a.push_back(mass);
    for (double const mass : masses(from_y[k + 1] - from_y[k], static_cast<std::uint32_t>(k + 9), 1.0 + static_cast<double>(k))) b.push_back(mass);
  }
  Array<TypeParam, 2> const p({n, width}, x), q({m, width}, y);
  Indices<TypeParam, 1> const ox({problems + 1}, offsets_x), oy({problems + 1}, offsets_y);
  Array<TypeParam, 1> const mass_a({n}, a), mass_b({m}, b);
  transport::SinkhornPointCloudOptions const options{.epsilon = 0.3, .tolerance = 1e-5, .max_iterations = 100};
  std::vector<double> want_f, want_g, want_spent, want_cost;
  for (std::size_t k = 0; k < 5; ++k) {
    auto const slice = [&](std::vector<double> const& all, std::vector<std::int64_t> const& from, std::int64_t each) {
      return std::vector<double>(all.begin() + from[k] * each, all.begin() + from[k + 1] * each);
    };
    std::int64_t const rows = from_x[k + 1] - from_x[k], columns = from_y[k + 1] - from_y[k];
    Array<TypeParam, 2> const own_x({rows, width}, slice(x, from_x, width)), own_y({columns, width}, slice(y, from_y, width));
    Array<TypeParam, 1> const own_a({rows}, slice(a, from_x, 1)), own_b({columns}, slice(b, from_y, 1)), f({rows}), g({columns});
    auto const result = transport::sinkhorn_point_cloud(Exec(), own_x.view(), own_y.view(), own_a.view(), own_b.view(), f.view(), g.view(), options);
    for (double const value : f.values()) want_f.push_back(value);
    for (double const value : g.values()) want_g.push_back(value);
    want_spent.push_back(static_cast<double>(static_cast<typename TypeParam::Scalar>(result.transport_cost)));
    want_cost.push_back(static_cast<double>(static_cast<typename TypeParam::Scalar>(result.regularised_cost)));
  }
  with_thread_counts<Exec>([&](Exec const& exec) {
    Array<TypeParam, 1> const f({n}), g({m}), spent({problems}), cost({problems});
    TestArray<bool, 1, typename TypeParam::Layout, Exec> const converged({problems});
    auto const result = transport::sinkhorn_batched(exec, p.view(), q.view(), ox.view(), oy.view(), mass_a.view(), mass_b.view(), f.view(), g.view(),
                                                    spent.view(), cost.view(), converged.view(), {.epsilon = 0.3, .tolerance = 1e-5, .max_iterations = 100});
    expect_same_bits(f.values(), want_f);
    expect_same_bits(g.values(), want_g);
    expect_same_bits(spent.values(), want_spent);
    expect_same_bits(cost.values(), want_cost);
    double count = 0;
    for (double const one : converged.values()) count += one;
    EXPECT_EQ(static_cast<double>(result.converged_count), count);
    EXPECT_EQ(result.converged, result.converged_count == problems);
  });
}

TEST(SinkhornBatched, names_what_does_not_fit) {
  HostTensor<double**> const x("x", 3, 2), y("y", 4, 2);
  HostTensor<double*> const f("f", 3), g("g", 4), cost("cost", 2);
  HostTensor<std::int64_t*> const ox("ox", 3), oy("oy", 3);
  Kokkos::Serial const exec;
  auto const refused = [&](std::vector<std::int64_t> const& from_x, std::vector<std::int64_t> const& from_y) {
    for (std::size_t k = 0; k < 3; ++k) {
      ox(k) = from_x[k];
      oy(k) = from_y[k];
    }
    return refusal([&] { transport::sinkhorn_batched(exec, x, y, ox, oy, none, none, f, g, cost, cost, none, {.epsilon = 1.0}); });
  };
  std::string const name = "ocellus::transport::sinkhorn_batched: ";
  EXPECT_EQ(refused({0, 3, 3}, {0, 2, 4}), name + "problem 1 is empty: x_offsets(2) is 3 after 3");
  EXPECT_EQ(refused({1, 2, 3}, {0, 2, 4}), name + "x_offsets(0) is 1, not 0");
  EXPECT_EQ(refused({0, 2, 3}, {0, 2, 5}), name + "the last of y_offsets is 5 but y.extent(0) is 4");
}

}  // namespace
}  // namespace ocellus::test
