// SPDX-License-Identifier: Apache-2.0

// Compiled once for each instruction set that the machine can run: matrix products are right there, and have one result whatever the batch, the threads, the
// tuning row and packing.

#include <ocellus/linalg/batched_matmul.hpp>
#include <ocellus/linalg/matmul.hpp>

#include "reference/matmul.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"

namespace ocellus::test {
namespace {

using Exec = ParallelExec;

struct PortableRow {
  static constexpr bool team_tiles     = false;
  static constexpr bool register_tiles = false;
};
struct OtherTilesRow {
  static constexpr bool team_tiles     = false;
  static constexpr bool register_tiles = true;
  static constexpr int tile_rows = 5, tile_vectors = 1, chunk_rows = 20, depth = 34;
};

template <class LeftType, class RightType, class OutputType>
struct Types {
  using A      = LeftType;
  using B      = RightType;
  using Output = OutputType;
};

template <class T>
class InstructionSets : public ::testing::Test {};
using Cases = ::testing::Types<Types<float, float, float>, Types<double, double, double>, Types<bfloat16, bfloat16, float>, Types<float, bfloat16, bfloat16>,
                               Types<float16, float16, float16>>;
TYPED_TEST_SUITE(InstructionSets, Cases);

template <class T, int Rank>
using Array = TestArray<T, Rank, Kokkos::LayoutRight, Exec>;

TYPED_TEST(InstructionSets, products_are_right_and_have_the_same_bits) {
  using A                     = typename TypeParam::A;
  using B                     = typename TypeParam::B;
  using Output                = typename TypeParam::Output;
  using Real                  = std::common_type_t<accumulate_t<A>, accumulate_t<B>>;
  constexpr std::int64_t most = 64, width = 75, inner = 1001;  // odd, and longer than the default row's blocks
  auto const left = rounded<A>(random_values(most * inner, 1)), right = rounded<B>(random_values(inner * width, 2));
  auto const bias = random_values(width, 3), scale = random_values(width, 4), rest = rounded<Output>(random_values(most * width, 5));
  reference::Matmul<double> oracle{.rows = most, .columns = width, .inner = inner, .transpose_a = false, .transpose_b = true, .alpha = 0.3};
  oracle.bias = bias, oracle.scale = scale, oracle.residual = rest, oracle.activation = static_cast<reference::Activated>(linalg::Activation::gelu);
  linalg::MatmulOptions const options{.transpose_b = true, .alpha = 0.3, .activation = linalg::Activation::gelu};
  linalg::MatmulOptions packed_options = options;
  packed_options.transpose_b           = false;
  Array<B, 2> const b({width, inner}, right);
  Array<float, 1> const biases({width}, bias), scales({width}, scale);
  std::vector<double> whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    auto const packed = linalg::pack_matrix(exec, b.view(), {.transpose = true});
    for (std::int64_t const rows : {std::int64_t{64}, std::int64_t{7}, std::int64_t{2}, std::int64_t{1}}) {
      Array<A, 2> const a({rows, inner}, {left.begin(), left.begin() + rows * inner});
      Array<Output, 2> const residual({rows, width}, {rest.begin(), rest.begin() + rows * width}), output({rows, width});
      WorkspaceFor<Exec> workspace(
          exec, linalg::matmul_workspace_size(exec, a.view(), b.view(), biases.view(), scales.view(), residual.view(), output.view(), options));
      auto const check = [&]() {
        exec.fence();
        auto const got = output.values();
        if (whole.empty()) {
          whole     = got;
          auto unit = oracle.magnitudes(left, right);
          for (std::size_t i = 0; i < unit.size(); ++i) unit[i] = unit[i] * machine_epsilon<Real>() + std::abs(got[i]) * machine_epsilon<Output>() / inner;
          expect_within(got, oracle(left, right), unit, static_cast<double>(inner + 8));
        }
        expect_same_bits(got, {whole.begin(), whole.begin() + rows * width});
        EXPECT_TRUE(output.guards_intact());
      };
      auto const x = a.view();
      auto const y = b.view();
      auto const r = residual.view();
      auto const z = output.view();
      linalg::matmul(exec, x, y, biases.view(), scales.view(), r, z, options);
      check();
      linalg::matmul<PortableRow>(exec, x, y, biases.view(), scales.view(), r, z, options);
      check();
      linalg::matmul<OtherTilesRow>(exec, x, y, biases.view(), scales.view(), r, z, options);
      check();
      linalg::matmul(exec, x, packed, biases.view(), scales.view(), r, z, packed_options);
      check();
      linalg::matmul<OtherTilesRow>(exec, x, packed, biases.view(), scales.view(), r, z, packed_options);
      check();
      linalg::matmul<PortableRow>(exec, x, packed, biases.view(), scales.view(), r, z, packed_options);
      check();
      linalg::matmul(exec, x, y, biases.view(), scales.view(), r, z, options, workspace);
      check();
    }
  });
}

TYPED_TEST(InstructionSets, blocks_of_every_size_have_the_bits_of_single_elements) {
  using A      = typename TypeParam::A;
  using B      = typename TypeParam::B;
  using Output = typename TypeParam::Output;
  Exec const exec;
  for (auto const& shape : {std::array<std::int64_t, 3>{197, 197, 64}, {197, 64, 197}, {29, 33, 1}, {113, 16, 5}, {15, 17, 770}, {1, 96, 40}, {13, 1, 3}}) {
    std::int64_t const rows = shape[0], columns = shape[1], inner = shape[2];
    SCOPED_TRACE(::testing::Message() << rows << " x " << columns << " x " << inner);
    for (int const transposes : {0, 1, 2, 3}) {
      bool const ta = (transposes & 1) != 0, tb = (transposes & 2) != 0;
      Array<A, 3> const a({2, ta ? inner : rows, ta ? rows : inner}, random_values(static_cast<std::size_t>(2 * rows * inner), 1));
      Array<B, 3> const b({2, tb ? columns : inner, tb ? inner : columns}, random_values(static_cast<std::size_t>(2 * inner * columns), 2));
      Array<Output, 3> const fast({2, rows, columns}), plain({2, rows, columns});
      linalg::batched_matmul(exec, a.view(), b.view(), fast.view(), {.transpose_a = ta, .transpose_b = tb, .alpha = 0.125});
      linalg::batched_matmul<PortableRow>(exec, a.view(), b.view(), plain.view(), {.transpose_a = ta, .transpose_b = tb, .alpha = 0.125});
      exec.fence();
      expect_same_bits(fast.values(), plain.values());
      EXPECT_TRUE(fast.guards_intact());
    }
  }
}

}  // namespace
}  // namespace ocellus::test
