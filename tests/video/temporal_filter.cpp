// SPDX-License-Identifier: Apache-2.0

#include <ocellus/video/temporal_filter.hpp>

#include "reference/temporal_filter.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

using video::TemporalEdge;
using video::TemporalFilterOptions;
using video::TemporalMethod;

struct ClipShape {
  std::int64_t frames, height, width;
  [[nodiscard]] std::int64_t pixels() const { return height * width; }
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(frames * height * width); }
  [[nodiscard]] std::array<std::int64_t, 3> extents() const { return {frames, height, width}; }
};

/// What the options say, from the oracle, and the unit of the error bound for each element.
struct Wanted {
  std::vector<double> values, units;
};

Wanted wanted(std::vector<double> const& clip, ClipShape const& s, TemporalFilterOptions const& o) {
  bool const reflect = o.edge == TemporalEdge::reflect;
  auto const apply   = [&](auto const& method) { return reference::temporal_filter(clip, s.frames, s.pixels(), o.window, reflect, method); };
  auto const largest = [](std::vector<double> const& window) {
    double most = 0;
    for (double const x : window) most = std::max(most, std::abs(x));
    return most;
  };
  if (o.method == TemporalMethod::median || o.method == TemporalMethod::percentile) {
    auto const rank = o.method == TemporalMethod::median
                          ? o.window / 2
                          : std::min<std::int64_t>(o.window - 1, static_cast<std::int64_t>(std::floor(static_cast<double>(o.window) * o.percentile / 100)));
    return {apply([&](auto const& w) { return reference::element_of_rank(w, rank); }), std::vector<double>(clip.size(), 0.0)};
  }
  if (o.method == TemporalMethod::exponential) {
    double most = 0;
    for (double const x : clip) most = std::max(most, std::abs(x));
    return {reference::exponential(clip, s.frames, s.pixels(), o.alpha), std::vector<double>(clip.size(), most * 4 / o.alpha)};
  }
  if (o.method == TemporalMethod::bilateral) {
    return {apply([&](auto const& w) { return reference::bilateral(w, o.sigma_time, o.sigma_value); }),
            apply([&](auto const& w) { return largest(w) * static_cast<double>(4 * o.window + 16); })};
  }
  std::vector<double> weights(o.window, 1.0 / static_cast<double>(o.window));
  if (o.method == TemporalMethod::savitzky_golay) weights = reference::savitzky_golay_weights(o.window, o.polynomial_order, o.derivative);
  if (o.method == TemporalMethod::weighted) {
    double sum = 0;
    for (std::int64_t i = 0; i < o.window; ++i) sum += weights[i] = reference::profile_weight(i, o.window, o.level, o.min_weight, o.max_weight);
    for (double& w : weights) w /= sum;
  }
  double most = 0;
  for (double const w : weights) most = std::max(most, std::abs(w));
  bool const fitted = o.method == TemporalMethod::savitzky_golay;
  return {apply([&](auto const& w) { return reference::weighted_sum(w, weights); }), apply([&](auto const& w) {
            double sum = 1e-30;
            for (std::size_t k = 0; k < w.size(); ++k) sum += std::abs((fitted ? most : weights[k]) * w[k]);
            return sum * static_cast<double>(o.window + (fitted ? 8 : 3));
          })};
}

/// The output for `clip`, as doubles; checks the guards.
template <class In, class Out, class Layout, class Exec, class Tuning = void>
std::vector<double> filtered(std::vector<double> const& clip, ClipShape const& s, TemporalFilterOptions const& options, Exec const& exec = Exec()) {
  TestArray<In, 3, Layout, Exec> const frames(s.extents(), clip);
  TestArray<Out, 3, Layout, Exec> const output(s.extents());
  video::temporal_filter<Tuning>(exec, frames.view(), output.view(), options);
  exec.fence();
  EXPECT_TRUE(output.guards_intact());
  return output.values();
}

struct Portable {
  static constexpr bool host_vectors          = false;
  static constexpr std::int64_t block_outputs = 4;
};
struct Streaming {
  static constexpr bool host_vectors            = true;
  static constexpr std::int64_t chunk_bytes     = 512;
  static constexpr std::int64_t streaming_bytes = 0;
  static constexpr std::int64_t block_outputs   = 3;
};

/// Wider than a vector, than a run, than the clip; with tails.
std::vector<ClipShape> const shapes{{0, 2, 3}, {3, 0, 5}, {1, 1, 1}, {2, 1, 7}, {3, 5, 13}, {6, 3, 64}, {7, 1, 131}, {12, 2, 65}};
std::vector<TemporalMethod> const computing{TemporalMethod::mean, TemporalMethod::exponential, TemporalMethod::weighted, TemporalMethod::savitzky_golay,
                                            TemporalMethod::bilateral};

template <class C>
class TemporalFilter : public ::testing::Test {};
TYPED_TEST_SUITE(TemporalFilter, Configurations);

TYPED_TEST(TemporalFilter, picks_the_element_of_the_wanted_rank_exactly) {
  using Scalar = typename TypeParam::Scalar;
  for (auto const& s : shapes) {
    auto const clip = random_values(s.size(), 1);
    for (std::int64_t const window : {1, 3, 5, 7, 9, 11, 17}) {
      for (auto const edge : {TemporalEdge::reflect, TemporalEdge::clamp}) {
        for (double const percentile : {-1.0, 0.0, 10.0, 75.0, 100.0}) {
          SCOPED_TRACE(::testing::Message() << s.frames << " x " << s.height << " x " << s.width << ", window " << window << ", percentile " << percentile);
          TemporalFilterOptions options{.window = window, .edge = edge};
          if (percentile >= 0) options.method = TemporalMethod::percentile, options.percentile = percentile;
          expect_same_bits(filtered<Scalar, Scalar, typename TypeParam::Layout, typename TypeParam::Exec>(clip, s, options), wanted(clip, s, options).values);
        }
      }
    }
  }
}

TYPED_TEST(TemporalFilter, computes_within_the_stated_bounds) {
  using Scalar = typename TypeParam::Scalar;
  for (auto const& s : shapes) {
    auto const clip = random_values(s.size(), 2, 1.0, 2.0);
    for (auto const method : computing) {
      for (std::int64_t const window : {3, 5, 9, 21}) {
        for (auto const edge : {TemporalEdge::reflect, TemporalEdge::clamp}) {
          SCOPED_TRACE(::testing::Message() << s.frames << " x " << s.height << " x " << s.width << ", window " << window << ", method " << int(method));
          TemporalFilterOptions const options{
              .method = method, .window = window, .edge = edge, .alpha = 0.3, .level = 1.7, .min_weight = 0.2, .sigma_value = 0.7};
          auto const want = wanted(clip, s, options);
          expect_within(filtered<Scalar, Scalar, typename TypeParam::Layout, typename TypeParam::Exec>(clip, s, options), want.values, want.units,
                        machine_epsilon<Scalar>());
        }
      }
    }
  }
}

TYPED_TEST(TemporalFilter, same_bits_for_each_row_of_the_tuning_table_and_each_number_of_threads) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  ClipShape const s{9, 5, 128};
  auto clip = random_values(s.size(), 3, 1.0, 0.5);
  for (std::size_t i = 0; i < clip.size(); i += 7) clip[i] = i % 2 == 0 ? 0.0 : -0.0;
  for (int method = 0; method <= static_cast<int>(TemporalMethod::bilateral); ++method) {
    for (std::int64_t const window : {3, 5, 13}) {
      SCOPED_TRACE(::testing::Message() << "method " << method << ", window " << window);
      TemporalFilterOptions const options{.method = static_cast<TemporalMethod>(method), .window = window};
      auto const tuned = filtered<Scalar, Scalar, Layout, Exec>(clip, s, options);
      expect_same_bits((filtered<Scalar, Scalar, Layout, Exec, Portable>(clip, s, options)), tuned);
      expect_same_bits((filtered<Scalar, Scalar, Layout, Exec, Streaming>(clip, s, options)), tuned);
      with_thread_counts<Exec>([&](Exec const& exec) { expect_same_bits((filtered<Scalar, Scalar, Layout, Exec>(clip, s, options, exec)), tuned); });
      // A pixel's place does not matter.
      ClipShape const part{s.frames, 1, 5};
      std::vector<double> cut, want;
      for (std::int64_t t = 0; t < s.frames; ++t) {
        for (std::int64_t x = 0; x < 5; ++x)
          cut.push_back(clip[(t * s.height + 2) * s.width + 41 + x]), want.push_back(tuned[(t * s.height + 2) * s.width + 41 + x]);
      }
      expect_same_bits((filtered<Scalar, Scalar, Layout, Exec>(cut, part, options)), want);
    }
  }
}

TYPED_TEST(TemporalFilter, spoils_only_the_windows_that_hold_a_nan) {
  using Scalar = typename TypeParam::Scalar;
  ClipShape const s{11, 3, 37};
  for (int method = 0; method <= static_cast<int>(TemporalMethod::bilateral); ++method) {
    for (std::int64_t const window : {1, 3, 5, 7, 9, 11}) {
      if (window == 1 && method > 1) continue;
      SCOPED_TRACE(::testing::Message() << "method " << method << ", window " << window);
      auto clip               = random_values(s.size(), 4);
      std::int64_t const hurt = 5, pixel = 40;
      clip[hurt * s.pixels() + pixel] = std::numeric_limits<double>::quiet_NaN();
      TemporalFilterOptions const options{.method = static_cast<TemporalMethod>(method), .window = window, .edge = TemporalEdge::clamp};
      auto const got = filtered<Scalar, Scalar, typename TypeParam::Layout, typename TypeParam::Exec>(clip, s, options);
      for (std::int64_t t = 0; t < s.frames; ++t) {
        for (std::int64_t p = 0; p < s.pixels(); ++p) {
          bool const reached = options.method == TemporalMethod::exponential ? t >= hurt : std::abs(t - hurt) <= window / 2;
          EXPECT_EQ(std::isnan(got[t * s.pixels() + p]), p == pixel && reached) << "frame " << t << ", pixel " << p;
        }
      }
    }
  }
}

TYPED_TEST(TemporalFilter, keeps_what_each_method_must_keep) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  ClipShape const s{13, 1, 3};
  std::vector<double> parabola;
  for (int t = 0; t < 13; ++t) {
    for (int p = 0; p < 3; ++p) parabola.push_back(p + 2.0 * t - 0.25 * t * t);
  }
  // A polynomial of the fit's order away from the ends, and its derivative per frame; a derivative above the order is 0.
  TemporalFilterOptions options{.method = TemporalMethod::savitzky_golay, .window = 7, .polynomial_order = 2};
  auto const fitted  = filtered<Scalar, Scalar, Layout, Exec>(parabola, s, options);
  options.derivative = 1;
  auto const slopes  = filtered<Scalar, Scalar, Layout, Exec>(parabola, s, options);
  options.derivative = 3;
  for (double const third : filtered<Scalar, Scalar, Layout, Exec>(parabola, s, options)) EXPECT_EQ(third, 0.0);
  for (int t = 3; t < 10; ++t) {
    for (int p = 0; p < 3; ++p) {
      EXPECT_NEAR(fitted[t * 3 + p], parabola[t * 3 + p], 200 * machine_epsilon<Scalar>());
      EXPECT_NEAR(slopes[t * 3 + p], 2.0 - 0.5 * t, 200 * machine_epsilon<Scalar>());
    }
  }
  // The centre frame does not enter the weighted mean of the defaults.
  auto changed = parabola;
  changed[6 * 3] += 1000;
  options          = {.method = TemporalMethod::weighted};
  auto const whole = filtered<Scalar, Scalar, Layout, Exec>(parabola, s, options), other = filtered<Scalar, Scalar, Layout, Exec>(changed, s, options);
  EXPECT_EQ(whole[6 * 3], other[6 * 3]);
  EXPECT_NE(whole[5 * 3], other[5 * 3]);
  // alpha 1 gives the clip itself.
  options = {.method = TemporalMethod::exponential, .alpha = 1};
  expect_within(filtered<Scalar, Scalar, Layout, Exec>(parabola, s, options), parabola, 13 * machine_epsilon<Scalar>(), 1.0);
}

TYPED_TEST(TemporalFilter, behaves) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const frames({6, 3, 9}, random_values(162)), output({6, 3, 9});
  Exec const exec;
  auto const f = frames.view(), o = output.view();
  for (auto const method : {TemporalMethod::median, TemporalMethod::mean, TemporalMethod::exponential, TemporalMethod::bilateral})
    expect_good_manners(record([&] { video::temporal_filter(exec, f, o, {.method = method}); }));
  exec.fence();
}

/// Whole numbers of [0, most], with ties.
std::vector<double> whole_numbers(std::size_t count, double most) {
  auto values = random_values(count, 5, most / 4, most / 2);
  for (double& v : values) v = std::round(std::clamp(v, 0.0, most));
  return values;
}

template <class Pixel, class Layout, class Exec>
void check_integers() {
  double const most = std::numeric_limits<Pixel>::max();
  for (auto const& s : shapes) {
    auto const clip = whole_numbers(s.size(), most);
    for (std::int64_t const window : {1, 3, 5, 7, 9, 13}) {
      SCOPED_TRACE(::testing::Message() << s.frames << " x " << s.height << " x " << s.width << ", window " << window);
      TemporalFilterOptions options{.window = window};
      expect_same_bits((filtered<Pixel, Pixel, Layout, Exec>(clip, s, options)), wanted(clip, s, options).values);
      options = {.method = TemporalMethod::percentile, .window = window, .edge = TemporalEdge::clamp, .percentile = 30};
      expect_same_bits((filtered<Pixel, Pixel, Layout, Exec>(clip, s, options)), wanted(clip, s, options).values);
      if (window == 5) {
        for (auto const method : computing) {
          options         = {.method = method, .sigma_value = most / 10};
          auto const want = wanted(clip, s, options);
          expect_within(filtered<Pixel, float, Layout, Exec>(clip, s, options), want.values, want.units, machine_epsilon<float>());
        }
      }
    }
  }
}

TEST(TemporalFilter, takes_integers_as_they_are_and_neither_rounds_nor_scales) {
  check_integers<std::uint8_t, Kokkos::LayoutRight, ParallelExec>();
  check_integers<std::uint16_t, Kokkos::LayoutRight, ParallelExec>();
  check_integers<std::uint16_t, Kokkos::LayoutStride, ParallelExec>();
  ClipShape const s{4, 3, 21};
  auto const clip = whole_numbers(s.size(), 65535);
  TemporalFilterOptions const options{.method = TemporalMethod::mean, .window = 3};
  auto const want = wanted(clip, s, options);
  expect_within(filtered<std::uint16_t, double, Kokkos::LayoutRight, Kokkos::Serial>(clip, s, options), want.values, want.units, machine_epsilon<double>());
}

template <class Half>
void check_halves() {
  ClipShape const s{6, 3, 77};
  auto clip = rounded<Half>(random_values(s.size(), 6, 100.0));
  clip[5]   = std::numeric_limits<double>::infinity();
  clip[9]   = -std::numeric_limits<double>::infinity();
  clip[20]  = std::numeric_limits<double>::quiet_NaN();
  for (std::int64_t const window : {1, 5, 11}) {
    TemporalFilterOptions const options{.window = window};
    auto const got = filtered<Half, Half, Kokkos::LayoutRight, ParallelExec>(clip, s, options), want = wanted(clip, s, options).values;
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(std::isnan(want[i]) ? std::isnan(got[i]) : got[i] == want[i]) << i << ": " << got[i];
  }
  TemporalFilterOptions const mean{.method = TemporalMethod::mean};
  auto const clean = rounded<Half>(random_values(s.size(), 7));
  auto want        = wanted(clean, s, mean);
  for (std::size_t i = 0; i < clean.size(); ++i) want.units[i] = machine_epsilon<float>() * want.units[i] + machine_epsilon<Half>() * std::abs(want.values[i]);
  expect_within(filtered<Half, Half, Kokkos::LayoutRight, ParallelExec>(clean, s, mean), want.values, want.units, 1.0);
}

TEST(TemporalFilter, takes_sixteen_bit_storage_and_computes_in_float) {
  check_halves<float16>();
  check_halves<bfloat16>();
}

TEST(TemporalFilter, filters_channels_apart_and_windows_of_any_size) {
  std::int64_t const frames = 5, channels = 3, height = 2, width = 19;
  auto const clip = random_values(static_cast<std::size_t>(frames * channels * height * width), 8);
  TestArray<float, 4, Kokkos::LayoutRight, ParallelExec> const input({frames, channels, height, width}, clip), output({frames, channels, height, width});
  ParallelExec const exec;
  ClipShape const s{frames, channels * height, width};
  for (std::int64_t const window : {3, 701}) {  // the latter is wider than the host kernel holds
    video::temporal_filter(exec, input.view(), output.view(), {.window = window});
    exec.fence();
    expect_same_bits(output.values(), wanted(clip, s, {.window = window}).values);
  }
  TemporalFilterOptions const mean{.method = TemporalMethod::mean, .window = 701};
  video::temporal_filter(exec, input.view(), output.view(), mean);
  exec.fence();
  auto const want = wanted(clip, s, mean);
  expect_within(output.values(), want.values, want.units, machine_epsilon<float>());
}

TEST(TemporalFilter, names_what_does_not_fit) {
  HostTensor<float***> const frames("frames", 4, 3, 2), output("output", 4, 3, 2), longer("longer", 5, 3, 2);
  HostTensor<std::uint8_t***> const bytes("bytes", 4, 3, 2), picked("picked", 4, 3, 2);
  Kokkos::Serial const exec;
  auto const refused     = [&](TemporalFilterOptions const& options) { return refusal([&] { video::temporal_filter(exec, frames, output, options); }); };
  std::string const name = "ocellus::video::temporal_filter: ";
  EXPECT_EQ(refusal([&] { video::temporal_filter(exec, frames, longer); }), name + "output.extent(0) is 5 but frames.extent(0) is 4");
  EXPECT_EQ(refusal([&] { video::temporal_filter(exec, bytes, output); }),
            name + "output must have the element type of frames, since the method picks an element of the window");
  EXPECT_EQ(refusal([&] { video::temporal_filter(exec, bytes, picked, {.method = TemporalMethod::mean}); }),
            name + "output must hold real numbers, since the method computes new values");
  EXPECT_EQ(refused({.window = 4}), name + "window is 4 but must be odd and at least 1");
  EXPECT_EQ(refused({.window = -1}), name + "window is -1 but must be odd and at least 1");
  EXPECT_EQ(refused({.method = TemporalMethod::weighted, .window = 1}), name + "window is 1 but the method weighted needs at least 3 frames");
  EXPECT_EQ(refused({.method = TemporalMethod::weighted, .level = 0}), name + "level is 0 but must be above 0");
  EXPECT_EQ(refused({.method = TemporalMethod::exponential, .alpha = 0}), name + "alpha is 0 but must be above 0 and at most 1");
  EXPECT_EQ(refused({.method = TemporalMethod::exponential, .alpha = std::nan("")}), name + "alpha is nan but must be above 0 and at most 1");
  EXPECT_EQ(refused({.method = TemporalMethod::savitzky_golay, .polynomial_order = 5}),
            name + "polynomial_order is 5 but must not be negative and must be below window, which is 5");
  EXPECT_EQ(refused({.method = TemporalMethod::savitzky_golay, .window = 65, .polynomial_order = 32}), name + "polynomial_order is 32 but must be below 32");
  EXPECT_EQ(refused({.method = TemporalMethod::savitzky_golay, .derivative = -1}), name + "derivative is -1 but must not be negative");
  EXPECT_EQ(refused({.method = TemporalMethod::percentile, .percentile = 101}), name + "percentile is 101 but must be between 0 and 100");
  EXPECT_EQ(refused({.method = TemporalMethod::bilateral, .sigma_time = 0}), name + "sigma_time is 0 but must be above 0");
  EXPECT_EQ(refused({.method = TemporalMethod::bilateral, .sigma_value = -1}), name + "sigma_value is -1 but must be above 0");
  EXPECT_EQ(refused({.method = TemporalMethod::exponential, .window = 4}), "nothing thrown");
}

TEST(TemporalFilter, counts_its_work) {
  auto const median = video::temporal_filter_cost(100, {}, 2, 2), mean = video::temporal_filter_cost(100, {.method = TemporalMethod::mean}, 2, 4);
  EXPECT_EQ(median.bytes(), 400);
  EXPECT_EQ(mean.bytes(), 600);
  EXPECT_EQ(mean.flops, 600);
  EXPECT_GT(median.flops, mean.flops);
}

}  // namespace
}  // namespace ocellus::test
