// SPDX-License-Identifier: Apache-2.0

#include <ocellus/linalg/matmul.hpp>

#include "reference/matmul.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

struct PortableRow {
  static constexpr bool team_tiles     = false;
  static constexpr bool register_tiles = false;
};
struct SmallTilesRow {
  static constexpr bool team_tiles     = false;
  static constexpr bool register_tiles = true;
  static constexpr int tile_rows = 3, tile_vectors = 1, chunk_rows = 5, depth = 7;
};

std::vector<double> scaled_by(std::vector<double> values, double factor) {
  for (double& value : values) value *= factor;
  return values;
}

template <class C>
class Matmul : public ::testing::Test {};
TYPED_TEST_SUITE(Matmul, Configurations);

TYPED_TEST(Matmul, agrees_with_the_reference_at_awkward_sizes_and_all_transposes) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  std::int64_t const sizes[][3] = {{0, 3, 4}, {3, 0, 4}, {3, 4, 0}, {1, 1, 1}, {7, 15, 5}, {8, 16, 255}, {9, 17, 256}, {5, 33, 257}, {97, 31, 13}, {95, 1, 2}};
  for (auto const& shape : sizes) {
    std::int64_t const rows = shape[0], columns = shape[1], inner = shape[2];
    for (int const transposes : {0, 1, 2, 3}) {
      SCOPED_TRACE(::testing::Message() << rows << " x " << columns << " x " << inner << ", transposes " << transposes);
      reference::Matmul<double> const oracle{
          .rows = rows, .columns = columns, .inner = inner, .transpose_a = (transposes & 1) != 0, .transpose_b = (transposes & 2) != 0};
      auto const left = random_values(static_cast<std::size_t>(rows * inner), 1), right = random_values(static_cast<std::size_t>(inner * columns), 2);
      TestArray<Scalar, 2, Layout, Exec> const a(oracle.transpose_a ? std::array{inner, rows} : std::array{rows, inner}, left);
      TestArray<Scalar, 2, Layout, Exec> const b(oracle.transpose_b ? std::array{columns, inner} : std::array{inner, columns}, right);
      TestArray<Scalar, 2, Layout, Exec> const output({rows, columns});
      linalg::matmul(exec, a.view(), b.view(), output.view(), {.transpose_a = oracle.transpose_a, .transpose_b = oracle.transpose_b});
      exec.fence();
      expect_within(output.values(), oracle(left, right), scaled_by(oracle.magnitudes(left, right), machine_epsilon<Scalar>()), static_cast<double>(inner));
      EXPECT_TRUE(output.guards_intact());
    }
  }
}

TYPED_TEST(Matmul, epilogue_is_alpha_bias_activation_scale_residual_in_that_order) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  constexpr std::int64_t rows = 11, columns = 19, inner = 23;
  reference::Matmul<double> oracle{.rows = rows, .columns = columns, .inner = inner, .transpose_a = false, .transpose_b = true, .alpha = -0.375};
  oracle.bias = random_values(columns, 3), oracle.scale = random_values(columns, 4), oracle.residual = random_values(rows * columns, 5);
  auto const left = random_values(rows * inner, 1), right = random_values(inner * columns, 2);
  TestArray<Scalar, 2, Layout, Exec> const a({rows, inner}, left), b({columns, inner}, right), residual({rows, columns}, oracle.residual);
  TestArray<Scalar, 1, Layout, Exec> const bias({columns}, oracle.bias), scale({columns}, oracle.scale);
  auto const unit = scaled_by(oracle.magnitudes(left, right), machine_epsilon<Scalar>());
  for (auto const activation : {linalg::Activation::none, linalg::Activation::relu, linalg::Activation::gelu}) {
    oracle.activation = static_cast<reference::Activated>(activation);
    linalg::MatmulOptions const options{.transpose_b = true, .alpha = -0.375, .activation = activation};
    TestArray<Scalar, 2, Layout, Exec> const output({rows, columns});
    linalg::matmul(exec, a.view(), b.view(), bias.view(), scale.view(), residual.view(), output.view(), options);
    exec.fence();
    expect_within(output.values(), oracle(left, right), unit, static_cast<double>(inner + 8));
    TestArray<Scalar, 2, Layout, Exec> const in_place({rows, columns}, oracle.residual);
    linalg::matmul(exec, a.view(), b.view(), bias.view(), scale.view(), in_place.view(), in_place.view(), options);
    exec.fence();
    expect_same_bits(in_place.values(), output.values());
    EXPECT_TRUE(output.guards_intact() && in_place.guards_intact());
  }
}

TYPED_TEST(Matmul, null_views_are_absent) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  using Line   = Kokkos::View<Scalar const*, typename Exec::memory_space>;
  using Matrix = Kokkos::View<Scalar const**, typename Exec::memory_space>;
  Exec const exec;
  TestArray<Scalar, 2, Kokkos::LayoutRight, Exec> const a({5, 6}, random_values(30, 1)), b({6, 7}, random_values(42, 2)), plain({5, 7}), output({5, 7});
  linalg::matmul(exec, a.view(), b.view(), plain.view());
  linalg::matmul(exec, a.view(), b.view(), Line(), Line(), Matrix(), output.view());
  exec.fence();
  expect_same_bits(output.values(), plain.values());
}

TYPED_TEST(Matmul, same_bits_whatever_the_batch_the_columns_the_threads_and_the_tuning_row) {
  using Scalar                = typename TypeParam::Scalar;
  using Layout                = typename TypeParam::Layout;
  using Exec                  = typename TypeParam::Exec;
  constexpr std::int64_t most = 64, width = 53, inner = 301;
  auto const left = random_values(most * inner, 1), right = random_values(inner * width, 2), offset = random_values(width, 3), factor = random_values(width, 4),
             rest = random_values(most * width, 5);
  TestArray<Scalar, 2, Layout, Exec> const b({width, inner}, right);
  TestArray<Scalar, 1, Layout, Exec> const bias({width}, offset), scale({width}, factor);
  for (auto const activation : {linalg::Activation::none, linalg::Activation::gelu}) {
    linalg::MatmulOptions const options{.transpose_b = true, .alpha = 0.3, .activation = activation};
    std::vector<double> whole;
    with_thread_counts<Exec>([&](Exec const& exec) {
      for (std::int64_t const rows : {std::int64_t{64}, std::int64_t{7}, std::int64_t{2}, std::int64_t{1}}) {
        TestArray<Scalar, 2, Layout, Exec> const a({rows, inner}, {left.begin(), left.begin() + rows * inner}), output({rows, width});
        TestArray<Scalar, 2, Layout, Exec> const residual({rows, width}, {rest.begin(), rest.begin() + rows * width});
        auto const check = [&]() {
          exec.fence();
          auto const got = output.values();
          if (whole.empty()) whole = got;
          expect_same_bits(got, {whole.begin(), whole.begin() + rows * width});
        };
        linalg::matmul(exec, a.view(), b.view(), bias.view(), scale.view(), residual.view(), output.view(), options);
        check();
        linalg::matmul<PortableRow>(exec, a.view(), b.view(), bias.view(), scale.view(), residual.view(), output.view(), options);
        check();
        linalg::matmul<SmallTilesRow>(exec, a.view(), b.view(), bias.view(), scale.view(), residual.view(), output.view(), options);
        check();
        auto const packed              = linalg::pack_matrix(exec, b.view(), {.transpose = true});
        linalg::MatmulOptions unpacked = options;
        unpacked.transpose_b           = false;
        linalg::matmul(exec, a.view(), packed, bias.view(), scale.view(), residual.view(), output.view(), unpacked);
        check();
      }
      Exec const& same = exec;
      for (std::int64_t const columns : {1, 31, 32}) {
        TestArray<Scalar, 2, Layout, Exec> const a({most, inner}, left), few({columns, inner}, {right.begin(), right.begin() + columns * inner}),
            output({most, columns}), all({most, width});
        linalg::matmul(same, a.view(), few.view(), output.view(), options);
        linalg::matmul(same, a.view(), b.view(), all.view(), options);
        same.fence();
        auto const got = output.values(), want = all.values();
        for (std::int64_t i = 0; i < most; ++i) {
          for (std::int64_t j = 0; j < columns; ++j) ASSERT_EQ(got[static_cast<std::size_t>(i * columns + j)], want[static_cast<std::size_t>(i * width + j)]);
        }
      }
    });
  }
}

TYPED_TEST(Matmul, nan_and_infinity_follow_the_data_flow) {
  using Scalar     = typename TypeParam::Scalar;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  Exec const exec;
  TestArray<Scalar, 2, typename TypeParam::Layout, Exec> const a({3, 2}, {1, 2, nan, 1, inf, 1}), b({2, 3}, {1, 0, -1, 1, nan, 1}), output({3, 3});
  linalg::matmul(exec, a.view(), b.view(), output.view());
  exec.fence();
  expect_within(output.values(), {3, nan, 1, nan, nan, nan, inf, nan, -inf}, 1.0, 0.0);
  linalg::matmul(exec, a.view(), b.view(), output.view(), {.activation = linalg::Activation::relu});
  exec.fence();
  expect_within(output.values(), {3, nan, 1, nan, nan, nan, inf, nan, 0}, 1.0, 0.0);
}

TYPED_TEST(Matmul, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const a({9, 5}, random_values(45)), b({5, 7}, random_values(35)), output({9, 7});
  Exec const exec;
  auto const x = a.view(), y = b.view(), z = output.view();
  linalg::matmul(exec, x, y, z);
  expect_good_manners(record([&] { linalg::matmul(exec, x, y, z); }));
  exec.fence();
}

TYPED_TEST(Matmul, a_workspace_holds_b_and_changes_nothing) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  TestArray<Scalar, 2, typename TypeParam::Layout, Exec> const a({9, 5}, random_values(45)), b({5, 7}, random_values(35)), output({9, 7}), plain({9, 7});
  Exec const exec;
  linalg::MatmulOptions const options{.alpha = 0.5};
  auto const x = a.view(), y = b.view(), z = output.view();
  auto const bytes = linalg::matmul_workspace_size(exec, x, y, none, none, none, z, options);
  WorkspaceFor<Exec> workspace(exec, bytes), empty;
  linalg::matmul(exec, x, y, none, none, none, z, options, workspace);
  expect_good_manners(record([&] { linalg::matmul(exec, x, y, none, none, none, z, options, workspace); }));
  linalg::matmul(exec, x, y, plain.view(), options);
  exec.fence();
  expect_same_bits(output.values(), plain.values());
  EXPECT_TRUE(output.guards_intact());
  EXPECT_EQ(workspace.used(), 0u);
  EXPECT_EQ(refusal([&] { linalg::matmul(exec, x, y, none, none, none, z, options, empty); }),
            "ocellus::linalg::matmul: the workspace is too small: " + std::to_string(bytes) + " bytes are needed but it has 0");
  auto const packed = linalg::pack_matrix(exec, y);
  EXPECT_EQ(linalg::matmul_workspace_size(exec, x, packed, none, none, none, z, options), 0u);
  linalg::matmul(exec, x, packed, none, none, none, z, options, empty);
  exec.fence();
  expect_same_bits(output.values(), plain.values());
}

TEST(Matmul, sixteen_bit_storage_accumulates_in_float_and_types_may_differ) {
  auto const left = rounded<bfloat16>(random_values(4 * 333, 1)), right = rounded<float16>(random_values(333 * 5, 2));
  reference::Matmul<double> const oracle{.rows = 4, .columns = 5, .inner = 333};
  TestArray<bfloat16, 2, Kokkos::LayoutRight, Kokkos::Serial> const a({4, 333}, left), low({4, 5});
  TestArray<float16, 2, Kokkos::LayoutRight, Kokkos::Serial> const b({333, 5}, right);
  TestArray<float, 2, Kokkos::LayoutRight, Kokkos::Serial> const output({4, 5});
  linalg::matmul(Kokkos::Serial(), a.view(), b.view(), output.view());
  linalg::matmul(Kokkos::Serial(), a.view(), b.view(), low.view());
  expect_within(output.values(), oracle(left, right), scaled_by(oracle.magnitudes(left, right), machine_epsilon<float>()), 333);
  expect_same_bits(low.values(), rounded<bfloat16>(output.values()));
}

TEST(Matmul, a_batch_cut_in_two_along_k_is_one_chain) {
  auto const left = random_values(3 * 600, 1), right = random_values(600 * 4, 2);
  TestArray<float, 2, Kokkos::LayoutRight, Kokkos::Serial> const a({3, 600}, left), b({600, 4}, right), output({3, 4});
  linalg::matmul(Kokkos::Serial(), a.view(), b.view(), output.view());
  auto const got = output.values();
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 4; ++j) {
      float plain = 0, fused = 0;
      for (std::size_t k = 0; k < 600; ++k) {
        auto const x = static_cast<float>(left[i * 600 + k]), y = static_cast<float>(right[k * 4 + j]);
        float const volatile product = x * y;
        plain += product;
        fused = std::fma(x, y, fused);
      }
      EXPECT_TRUE(got[i * 4 + j] == static_cast<double>(plain) || got[i * 4 + j] == static_cast<double>(fused))
          << "a chain over ascending k, fused where the instruction set has it";
    }
  }
}

TYPED_TEST(Matmul, accumulating_the_second_part_of_k_equals_the_whole_bit_for_bit) {
  using Scalar                = typename TypeParam::Scalar;
  using Layout                = typename TypeParam::Layout;
  using Exec                  = typename TypeParam::Exec;
  constexpr std::int64_t rows = 9, columns = 35, inner = 300;
  auto const left = random_values(rows * inner, 1), right = random_values(inner * columns, 2);
  Exec const exec;
  TestArray<Scalar, 2, Layout, Exec> const a({inner, rows}, left), b({inner, columns}, right), whole({rows, columns}), parts({rows, columns});
  linalg::matmul(exec, a.view(), b.view(), whole.view(), {.transpose_a = true});
  for (std::int64_t const cut : {0, 1, 256, 299, 300}) {
    auto const part = [&](auto const& view, std::int64_t from, std::int64_t to) {
      return Kokkos::subview(view, Kokkos::make_pair(static_cast<std::size_t>(from), static_cast<std::size_t>(to)), Kokkos::ALL);
    };
    linalg::matmul(exec, part(a.view(), 0, cut), part(b.view(), 0, cut), parts.view(), {.transpose_a = true});
    linalg::matmul<PortableRow>(exec, part(a.view(), cut, inner), part(b.view(), cut, inner), parts.view(), {.transpose_a = true, .accumulate = true});
    exec.fence();
    expect_same_bits(parts.values(), whole.values());
    EXPECT_TRUE(parts.guards_intact());
    linalg::matmul<SmallTilesRow>(exec, part(a.view(), 0, cut), part(b.view(), 0, cut), parts.view(), {.transpose_a = true});
    linalg::matmul(exec, part(a.view(), cut, inner), part(b.view(), cut, inner), parts.view(), {.transpose_a = true, .accumulate = true});
    exec.fence();
    expect_same_bits(parts.values(), whole.values());
  }
  EXPECT_EQ(refusal([&] { linalg::matmul(exec, a.view(), b.view(), parts.view(), {.transpose_a = true, .alpha = 2, .accumulate = true}); }),
            "ocellus::linalg::matmul: accumulate goes with a plain product only: no alpha, bias, activation, scale or residual");
}

TEST(Matmul, names_what_does_not_fit) {
  HostTensor<float**> const a("a", 2, 3), b("b", 4, 5), right("right", 3, 5), output("output", 2, 5), wide("wide", 2, 6), tall("tall", 3, 5);
  HostTensor<float*> const line("line", 4);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { linalg::matmul(exec, a, b, output); }), "ocellus::linalg::matmul: b.extent(0) (inner) is 4 but a.extent(1) is 3");
  EXPECT_EQ(refusal([&] { linalg::matmul(exec, a, b, output, {.transpose_a = true, .transpose_b = true}); }),
            "ocellus::linalg::matmul: b.extent(1) (inner) is 5 but a.extent(0) is 2");
  EXPECT_EQ(refusal([&] { linalg::matmul(exec, a, right, wide); }), "ocellus::linalg::matmul: output.extent(1) is 6 but b.extent(1) is 5");
  EXPECT_EQ(refusal([&] { linalg::matmul(exec, a, right, tall); }), "ocellus::linalg::matmul: output.extent(0) is 3 but a.extent(0) is 2");
  EXPECT_EQ(refusal([&] { linalg::matmul(exec, a, right, line, none, none, output); }),
            "ocellus::linalg::matmul: bias.extent(0) is 4 but output.extent(1) is 5");
  EXPECT_EQ(refusal([&] { linalg::matmul(exec, a, right, none, line, none, output); }),
            "ocellus::linalg::matmul: scale.extent(0) is 4 but output.extent(1) is 5");
  EXPECT_EQ(refusal([&] { linalg::matmul(exec, a, right, none, none, wide, output); }),
            "ocellus::linalg::matmul: residual.extent(1) is 6 but output.extent(1) is 5");
  EXPECT_EQ(refusal([&] { linalg::matmul(exec, a, right, none, none, tall, output); }),
            "ocellus::linalg::matmul: residual.extent(0) is 3 but output.extent(0) is 2");
  auto const packed = linalg::pack_matrix(exec, right);
  EXPECT_EQ(refusal([&] { linalg::matmul(exec, a, packed, output, {.transpose_b = true}); }),
            "ocellus::linalg::matmul: transpose_b is set, but a packed b knows whether it was transposed");
}

TEST(Matmul, cost_counts_two_operations_a_term) { EXPECT_EQ(linalg::matmul_cost(2, 3, 4, 4).flops, 48.0); }

}  // namespace
}  // namespace ocellus::test
