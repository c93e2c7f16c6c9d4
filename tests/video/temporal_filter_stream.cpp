// SPDX-License-Identifier: Apache-2.0

#include <ocellus/video/temporal_filter_stream.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

using video::TemporalEdge;
using video::TemporalFilterOptions;
using video::TemporalMethod;

template <class C>
class TemporalFilterStream : public ::testing::Test {};
TYPED_TEST_SUITE(TemporalFilterStream, Configurations);

/// Every output of the stream, in order.
template <class Pixel, class Value, class Layout, class Exec>
std::vector<double> streamed(std::vector<double> const& clip, std::int64_t frames, std::int64_t height, std::int64_t width,
                             TemporalFilterOptions const& options) {
  Exec const exec;
  auto stream = video::make_temporal_filter_stream<Pixel, Value>(exec, std::array<std::int64_t, 2>{height, width}, options);
  std::vector<double> all;
  TestArray<Value, 2, Layout, Exec> const output({height, width});
  auto const take = [&] {
    exec.fence();
    auto const values = output.values();
    all.insert(all.end(), values.begin(), values.end());
  };
  auto const plane = static_cast<std::size_t>(height * width);
  for (std::int64_t t = 0; t < frames; ++t) {
    auto const begin = clip.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(t) * plane);
    TestArray<Pixel, 2, Layout, Exec> const frame({height, width}, {begin, begin + static_cast<std::ptrdiff_t>(plane)});
    if (video::temporal_filter_push(exec, stream, frame.view(), output.view())) take();
    exec.fence();
  }
  while (video::temporal_filter_finish(exec, stream, output.view())) take();
  EXPECT_TRUE(output.guards_intact());
  EXPECT_EQ(stream.outputs, frames);
  return all;
}

TYPED_TEST(TemporalFilterStream, gives_the_bits_of_the_whole_clip) {
  using Scalar              = typename TypeParam::Scalar;
  using Layout              = typename TypeParam::Layout;
  using Exec                = typename TypeParam::Exec;
  std::int64_t const height = 3, width = 37;
  for (std::int64_t const frames : {0, 1, 2, 3, 5, 6, 12}) {
    auto clip = random_values(static_cast<std::size_t>(frames * height * width), 1);
    for (std::size_t i = 0; i < clip.size(); i += 5) clip[i] = i % 2 == 0 ? 0.0 : -0.0;
    for (int method = 0; method <= static_cast<int>(TemporalMethod::bilateral); ++method) {
      for (std::int64_t const window : {3, 5, 11}) {
        for (auto const edge : {TemporalEdge::clamp, TemporalEdge::reflect}) {
          SCOPED_TRACE(::testing::Message() << frames << " frames, method " << method << ", window " << window << ", edge " << int(edge));
          TemporalFilterOptions const options{.method = static_cast<TemporalMethod>(method), .window = window, .edge = edge};
          TestArray<Scalar, 3, Layout, Exec> const input({frames, height, width}, clip), output({frames, height, width});
          Exec const exec;
          video::temporal_filter(exec, input.view(), output.view(), options);
          exec.fence();
          expect_same_bits(streamed<Scalar, Scalar, Layout, Exec>(clip, frames, height, width, options), output.values());
        }
      }
    }
  }
}

TYPED_TEST(TemporalFilterStream, behaves_and_says_when_an_output_is_there) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const frame({2, 3, 5}, random_values(30)), output({2, 3, 5});
  auto const f = frame.view(), o = output.view();
  for (auto const method : {TemporalMethod::median, TemporalMethod::exponential}) {
    auto stream = video::make_temporal_filter_stream<Scalar, Scalar>(exec, std::array<std::int64_t, 3>{2, 3, 5}, {.method = method});
    std::string given;
    for (int t = 0; t < 4; ++t) expect_good_manners(record([&] { given += video::temporal_filter_push(exec, stream, f, o) ? '1' : '0'; }));
    while (video::temporal_filter_finish(exec, stream, o)) given += 'f';
    EXPECT_EQ(given, method == TemporalMethod::median ? "0011ff" : "1111");
    exec.fence();
    EXPECT_EQ(refusal([&] { (void)video::temporal_filter_push(exec, stream, f, o); }),
              "ocellus::video::temporal_filter_push: the stream is finished: make a new one for another clip");
  }
  exec.fence();
  expect_same_bits(output.values(), frame.values());
}

TEST(TemporalFilterStream, takes_what_a_camera_gives_and_names_what_does_not_fit) {
  std::vector<double> const clip{7, 0, 300, 9, 65535, 4, 2, 8};
  TestArray<std::uint16_t, 3, Kokkos::LayoutRight, Kokkos::Serial> const input({4, 1, 2}, clip), output({4, 1, 2});
  video::temporal_filter(Kokkos::Serial(), input.view(), output.view());
  expect_same_bits((streamed<std::uint16_t, std::uint16_t, Kokkos::LayoutRight, Kokkos::Serial>(clip, 4, 1, 2, {})), output.values());
  TestArray<double, 3, Kokkos::LayoutRight, Kokkos::Serial> const decayed({4, 1, 2});
  video::temporal_filter(Kokkos::Serial(), input.view(), decayed.view(), {.method = TemporalMethod::exponential});
  expect_same_bits((streamed<std::uint16_t, double, Kokkos::LayoutRight, Kokkos::Serial>(clip, 4, 1, 2, {.method = TemporalMethod::exponential})),
                   decayed.values());

  Kokkos::Serial const exec;
  using Size  = std::array<std::int64_t, 2>;
  auto stream = video::make_temporal_filter_stream<float, float>(exec, Size{2, 3});
  HostTensor<float**> const good("good", 2, 3), wide("wide", 2, 4);
  EXPECT_EQ(refusal([&] { (void)video::temporal_filter_push(exec, stream, wide, good); }),
            "ocellus::video::temporal_filter_push: frame.extent(1) is 4 but the stream was made for 3");
  EXPECT_EQ(refusal([&] { (void)video::temporal_filter_finish(exec, stream, wide); }),
            "ocellus::video::temporal_filter_finish: output.extent(1) is 4 but the stream was made for 3");
  EXPECT_EQ(refusal([&] {
              (void)video::make_temporal_filter_stream<float, float>(exec, Size{2, 3}, {.window = 2});
            }),
            "ocellus::video::make_temporal_filter_stream: window is 2 but must be odd and at least 1");
  EXPECT_EQ(refusal([&] {
              (void)video::make_temporal_filter_stream<std::uint8_t, float>(exec, Size{2, 3});
            }),
            "ocellus::video::make_temporal_filter_stream: output must have the element type of frames, since the method picks an element of the window");
  EXPECT_EQ(refusal([&] {
              (void)video::make_temporal_filter_stream<float, float>(exec, Size{-1, 3});
            }),
            "ocellus::video::make_temporal_filter_stream: an extent is -1 but must not be negative");
}

}  // namespace
}  // namespace ocellus::test
