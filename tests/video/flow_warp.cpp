// SPDX-License-Identifier: Apache-2.0

#include <ocellus/video/flow_warp.hpp>

#include "reference/flow_warp.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

using video::WarpEdge;
using video::WarpMode;

struct Images {
  std::int64_t count, channels, height, width;
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(count * channels * height * width); }
  [[nodiscard]] std::size_t flow_size() const { return static_cast<std::size_t>(count * 2 * height * width); }
  [[nodiscard]] std::array<std::int64_t, 4> extents() const { return {count, channels, height, width}; }
  [[nodiscard]] std::array<std::int64_t, 4> flow_extents() const { return {count, 2, height, width}; }
};

/// Displacements whose positions stand well away from pixel centres and half ways, so that neither rounding nor a small step changes the corners.
std::vector<double> displacements(Images const& s) {
  auto flow = random_values(s.flow_size(), 7, 4.0);
  for (double& f : flow) f = std::floor(f) + (static_cast<std::int64_t>(std::floor(f * 64)) % 2 == 0 ? 0.3125 : 0.6875);
  return flow;
}

std::vector<double> warped(std::vector<double> const& x, std::vector<double> const& flow, Images const& s, WarpEdge edge, bool nearest = false) {
  return reference::flow_warp(x, flow, s.count, s.channels, s.height, s.width, static_cast<reference::Outside>(edge), nearest);
}

template <class C>
class FlowWarp : public ::testing::Test {};
TYPED_TEST_SUITE(FlowWarp, Configurations);

TYPED_TEST(FlowWarp, agrees_with_the_reference_at_awkward_sizes) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (Images const& s :
       {Images{0, 1, 2, 2}, Images{1, 0, 2, 2}, Images{1, 1, 1, 1}, Images{2, 3, 1, 5}, Images{1, 2, 7, 1}, Images{2, 1, 9, 11}, Images{1, 3, 5, 43}}) {
    for (auto const edge : {WarpEdge::zeros, WarpEdge::border, WarpEdge::reflection}) {
      for (bool const nearest : {false, true}) {
        SCOPED_TRACE(::testing::Message() << s.count << " x " << s.channels << " x " << s.height << " x " << s.width << ", edge " << int(edge));
        auto const x = random_values(s.size(), 1), flow = displacements(s);
        TestArray<Scalar, 4, Layout, Exec> const input(s.extents(), x), field(s.flow_extents(), flow), output(s.extents());
        std::vector<double> first;
        with_thread_counts<Exec>([&](Exec const& exec) {
          video::flow_warp(exec, input.view(), field.view(), output.view(), {.mode = nearest ? WarpMode::nearest : WarpMode::bilinear, .edge = edge});
          exec.fence();
          if (first.empty()) first = output.values();
          expect_same_bits(output.values(), first);
        });
        expect_within(output.values(), warped(x, flow, s, edge, nearest), 4 * machine_epsilon<Scalar>(), 6);
        EXPECT_TRUE(output.guards_intact());
      }
    }
  }
}

TYPED_TEST(FlowWarp, gives_the_gradients_that_central_differences_give) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const edge : {WarpEdge::zeros, WarpEdge::border, WarpEdge::reflection}) {
    SCOPED_TRACE(int(edge));
    Images const s{2, 2, 4, 5};
    auto const x = random_values(s.size(), 1), flow = displacements(s), w = random_values(s.size(), 2);
    TestArray<Scalar, 4, Layout, Exec> const input(s.extents(), x), field(s.flow_extents(), flow), gradient(s.extents(), w), by_x(s.extents()),
        by_flow(s.flow_extents());
    std::vector<double> first;
    with_thread_counts<Exec>([&](Exec const& exec) {
      video::flow_warp_backward(exec, input.view(), field.view(), gradient.view(), by_x.view(), by_flow.view(), {.edge = edge});
      exec.fence();
      if (first.empty()) first = by_x.values();
      expect_same_bits(by_x.values(), first);
    });
    auto const loss = [&](std::vector<double> const& a, std::vector<double> const& b) {
      auto const y = warped(a, b, s, edge);
      double sum   = 0;
      for (std::size_t i = 0; i < y.size(); ++i) sum += w[i] * y[i];
      return sum;
    };
    auto const differences = [&](std::vector<double> values, auto const& at) {
      std::vector<double> result;
      for (double& v : values) {
        double const kept = v, step = 1.0 / 1024;
        v               = kept + step;
        double const up = at(values);
        v               = kept - step;
        result.push_back((up - at(values)) / (2 * step));
        v = kept;
      }
      return result;
    };
    expect_within(by_x.values(), differences(x, [&](auto const& a) { return loss(a, flow); }), 1e-10 + 40 * machine_epsilon<Scalar>(), 4);
    expect_within(by_flow.values(), differences(flow, [&](auto const& b) { return loss(x, b); }), 1e-10 + 40 * machine_epsilon<Scalar>(), 4);
    EXPECT_TRUE(by_x.guards_intact());
    EXPECT_TRUE(by_flow.guards_intact());
    // Accumulated, they double.
    auto twice = by_x.values(), twice_flow = by_flow.values();
    Exec const exec;
    video::flow_warp_backward(exec, input.view(), field.view(), gradient.view(), by_x.view(), by_flow.view(), {.edge = edge, .accumulate = true});
    exec.fence();
    for (double& v : twice) v *= 2;
    for (double& v : twice_flow) v *= 2;
    expect_within(by_x.values(), twice, 100 * machine_epsilon<Scalar>(), 1);
    expect_within(by_flow.values(), twice_flow, 100 * machine_epsilon<Scalar>(), 1);
  }
}

TYPED_TEST(FlowWarp, copies_under_a_flow_of_zero_and_behaves) {
  using Scalar        = typename TypeParam::Scalar;
  using Exec          = typename TypeParam::Exec;
  double const nan    = std::nan("");
  auto const infinity = std::numeric_limits<double>::infinity();
  TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const x({1, 1, 1, 4}, {1, nan, 3, 4}), zero({1, 2, 1, 4}, std::vector<double>(8, 0.0)), output({1, 1, 1, 4}),
      gradient({1, 1, 1, 4}), wild({1, 2, 1, 4}, {nan, infinity, -infinity, 1e30, 0, 0, 0, 0});
  Exec const exec;
  auto const a = x.view(), f = zero.view(), o = output.view(), g = gradient.view();
  expect_good_manners(record([&] { video::flow_warp(exec, a, f, o); }));
  exec.fence();
  expect_within(output.values(), {1, nan, 3, 4}, 1.0, 0.0);
  expect_good_manners(record([&] { video::flow_warp_backward(exec, a, f, o, g, none); }));
  exec.fence();
  video::flow_warp(exec, a, wild.view(), o);
  exec.fence();
  expect_within(output.values(), {nan, 0, 0, 0}, 1.0, 0.0);
  video::flow_warp(exec, a, wild.view(), o, {.edge = WarpEdge::border});
  exec.fence();
  expect_within(output.values(), {nan, 4, 1, 4}, 1.0, 0.0);
  video::flow_warp(exec, a, wild.view(), o, {.edge = WarpEdge::reflection});
  exec.fence();
  EXPECT_TRUE(std::isnan(output.values()[1]));
  EXPECT_FALSE(std::isinf(output.values()[3]));
}

TYPED_TEST(FlowWarp, reads_no_pixel_without_weight_and_gives_nan_of_nan) {
  using Scalar          = typename TypeParam::Scalar;
  using Layout          = typename TypeParam::Layout;
  using Exec            = typename TypeParam::Exec;
  double const infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  constexpr std::int64_t width = 21;
  std::vector<double> x(3 * width, 1.0), flow(2 * 3 * width, 0.0);
  for (std::size_t j = 0; j < width; ++j) x[width + j] = static_cast<double>(j);
  x[4] = x[2 * width + 4] = x[width + 5] = nan;
  flow[width + 0] = -1.5, flow[width + 1] = infinity, flow[width + 2] = -infinity, flow[width + 3] = 1e300, flow[width + 6] = 0.5;
  flow[3 * width + width + 8] = nan, flow[width + 9] = nan, flow[width + 20] = 0.25;
  for (auto const edge : {WarpEdge::zeros, WarpEdge::border}) {
    for (auto const mode : {WarpMode::bilinear, WarpMode::nearest}) {
      TestArray<Scalar, 4, Layout, Exec> const input({1, 1, 3, width}, x), field({1, 2, 3, width}, flow), output({1, 1, 3, width});
      video::flow_warp(Exec(), input.view(), field.view(), output.view(), {.mode = mode, .edge = edge});
      auto const got   = output.values();
      bool const zeros = edge == WarpEdge::zeros, nearest = mode == WarpMode::nearest;
      double const last = width - 1;
      std::vector<double> want(x.begin() + width, x.begin() + 2 * width);
      want[0] = 0, want[1] = zeros ? 0 : last, want[2] = 0, want[3] = zeros ? 0 : last, want[6] = nearest ? 6 : 6.5, want[8] = want[9] = nan;
      want[20] = zeros && !nearest ? 0.75 * last : last;
      expect_within({got.begin() + width, got.begin() + 2 * width}, want, machine_epsilon<Scalar>(), 64);
      EXPECT_TRUE(std::isnan(got[4]) && got[3] == 1);
    }
  }
}

TEST(FlowWarp, names_what_does_not_fit) {
  HostTensor<float****> const x("x", 1, 1, 2, 3), flow("flow", 1, 2, 2, 3), three("three", 1, 3, 2, 3), wide("wide", 1, 2, 2, 4);
  Kokkos::Serial const exec;
  std::string const name = "ocellus::video::flow_warp: ", backward = "ocellus::video::flow_warp_backward: ";
  EXPECT_EQ(refusal([&] { video::flow_warp(exec, x, three, x); }), name + "flow.extent(1) is 3 but must be 2: displacements in columns and in rows");
  EXPECT_EQ(refusal([&] { video::flow_warp(exec, x, wide, x); }), name + "flow.extent(3) is 4 but x.extent(3) is 3");
  EXPECT_EQ(refusal([&] { video::flow_warp(exec, x, flow, three); }), name + "output.extent(1) is 3 but x.extent(1) is 1");
  EXPECT_EQ(refusal([&] { video::flow_warp_backward(exec, x, flow, x, none, flow, {.mode = WarpMode::nearest}); }),
            backward + "mode is nearest, which has no derivative");
  EXPECT_EQ(refusal([&] { video::flow_warp_backward(exec, x, flow, x, three, none); }), backward + "x_gradient.extent(1) is 3 but x.extent(1) is 1");
  EXPECT_EQ(video::flow_warp_cost(10, 3, 4).bytes_written, 120);
}

}  // namespace
}  // namespace ocellus::test
