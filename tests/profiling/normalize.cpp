// SPDX-License-Identifier: Apache-2.0

#include <ocellus/profiling/normalize.hpp>

#include "reference/normalize.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

using profiling::NormalizeMethod;
double const nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();

/// Profiles, keys and controls of the tests: skewed columns with an offset, ties and missing values.
struct Plate {
  std::int64_t rows, features;
  std::vector<double> profiles, keys, control;

  Plate(std::int64_t rows_, std::int64_t features_)
      : rows(rows_), features(features_), profiles(random_values(static_cast<std::size_t>(rows_ * features_), 1, 2.0, 3.0)) {
    for (std::int64_t i = 0; i < rows; ++i) keys.push_back(static_cast<double>(i * 7 % 3 * 11 - 5)), control.push_back(i % 4 != 1 ? 1.0 : 0.0);
    for (std::size_t i = 0; i < profiles.size(); i += 13) profiles[i] = nan;
    for (std::size_t i = 5; i < profiles.size(); i += 9) profiles[i] = 1.5;
  }

  /// What the oracle makes of it, and the unit of the error: the condition of (x - centre) / scale.
  void want(profiling::NormalizeOptions const& options, double eps, std::vector<double>& output, std::vector<double>& unit) const {
    output.clear(), unit.clear();
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t d = 0; d < features; ++d) {
        std::vector<double> column;
        for (std::int64_t j = 0; j < rows; ++j) {
          bool const used = control[static_cast<std::size_t>(j)] != 0 && keys[static_cast<std::size_t>(j)] == keys[static_cast<std::size_t>(i)];
          if (used) column.push_back(profiles[static_cast<std::size_t>(j * features + d)]);
        }
        double const x = profiles[static_cast<std::size_t>(i * features + d)];
        if (options.method == NormalizeMethod::inverse_normal) {
          output.push_back(reference::normal_score(column, x, options.quantiles));
          unit.push_back(eps * (1 + std::abs(output.back())) + 1e-15 / (1e-16 + std::exp(-0.5 * output.back() * output.back())));
          continue;
        }
        auto const s = options.method == NormalizeMethod::standardize ? reference::standardize(column)
                       : options.method == NormalizeMethod::robustize ? reference::robustize(column)
                                                                      : reference::mad_robustize(column, options.epsilon, options.guarded);
        output.push_back((x - s.centre) / s.scale);
        unit.push_back((machine_epsilon<double>() * (1 + std::abs(s.centre) / s.scale) + eps) * (1 + std::abs(output.back())));
      }
    }
  }
};

template <class C>
class Normalize : public ::testing::Test {};
TYPED_TEST_SUITE(Normalize, Configurations);

TYPED_TEST(Normalize, agrees_with_the_reference_in_the_same_bits_on_every_number_of_threads) {
  using Scalar                                = typename TypeParam::Scalar;
  using Layout                                = typename TypeParam::Layout;
  using Exec                                  = typename TypeParam::Exec;
  profiling::NormalizeOptions const options[] = {{.method = NormalizeMethod::standardize},
                                                 {.method = NormalizeMethod::robustize},
                                                 {.method = NormalizeMethod::mad_robustize, .epsilon = 0.25},
                                                 {.method = NormalizeMethod::mad_robustize, .guarded = true},
                                                 {.method = NormalizeMethod::inverse_normal},
                                                 {.method = NormalizeMethod::inverse_normal, .quantiles = 7}};
  for (auto const& shape : {std::array<std::int64_t, 2>{0, 3}, {3, 1}, {50, 0}, {41, 5}, {1031, 2}}) {
    Plate const plate(shape[0], shape[1]);
    for (auto const& option : options) {
      if (shape[0] > 1000 && option.method == NormalizeMethod::inverse_normal && option.quantiles > 7) continue;  // the oracle is slow
      SCOPED_TRACE(::testing::Message() << shape[0] << " x " << shape[1] << " method " << static_cast<int>(option.method));
      std::vector<double> want, unit, first;
      plate.want(option, machine_epsilon<Scalar>(), want, unit);
      with_thread_counts<Exec>([&](Exec const& exec) {
        TestArray<Scalar, 2, Layout, Exec> const profiles({shape[0], shape[1]}, plate.profiles), output({shape[0], shape[1]});
        TestArray<bool, 1, Layout, Exec> const control({shape[0]}, plate.control);
        TestArray<std::int64_t, 1, Layout, Exec> const group({shape[0]}, plate.keys);
        profiling::normalize(exec, profiles.view(), control.view(), group.view(), output.view(), option);
        auto const got = output.values();
        expect_within(got, want, unit, 8);
        EXPECT_TRUE(output.guards_intact());
        if (first.empty()) first = got;
        expect_same_bits(got, first);
      });
    }
  }
}

TYPED_TEST(Normalize, a_fit_gives_new_rows_of_its_groups_the_same_bits_and_unknown_groups_nan) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  Plate const plate(64, 3);
  TestArray<Scalar, 2, Layout, Exec> const profiles({64, 3}, plate.profiles), output({64, 3});
  TestArray<std::int64_t, 1, Layout, Exec> const group({64}, plate.keys);
  for (auto const method : {NormalizeMethod::standardize, NormalizeMethod::inverse_normal}) {
    auto const fit = profiling::fit_normalize(exec, profiles.view(), none, group.view(), {.method = method});
    profiling::apply_normalize(exec, fit, profiles.view(), group.view(), output.view());
    auto const whole = output.values();
    for (std::int64_t const rows : {1, 2, 7}) {
      TestArray<Scalar, 2, Layout, Exec> const few({rows, 3}, {plate.profiles.begin(), plate.profiles.begin() + rows * 3});
      TestArray<std::int64_t, 1, Layout, Exec> const keys({rows}, {plate.keys.begin(), plate.keys.begin() + rows});
      profiling::apply_normalize(exec, fit, few.view(), keys.view(), few.view());  // in place
      expect_same_bits(few.values(), {whole.begin(), whole.begin() + rows * 3});
      EXPECT_TRUE(few.guards_intact());
    }
    TestArray<Scalar, 2, Layout, Exec> const one({1, 3}, {1, 2, 3});
    TestArray<std::int64_t, 1, Layout, Exec> const unknown({1}, {777});
    profiling::apply_normalize(exec, fit, one.view(), unknown.view(), one.view());
    expect_within(one.values(), {nan, nan, nan}, 1.0, 0.0);
  }
}

TYPED_TEST(Normalize, degenerate_columns_have_stated_results) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  // A constant column, one with a single control that is known, one without any.
  TestArray<Scalar, 2, Layout, Exec> const profiles({4, 3}, {0.1, 2, nan, 0.1, nan, nan, 0.1, nan, nan, 1.1, 5, 4}), output({4, 3});
  TestArray<bool, 1, Layout, Exec> const control({4}, {1, 1, 1, 0});
  double const step = static_cast<double>(static_cast<Scalar>(1.1)) - static_cast<double>(static_cast<Scalar>(0.1));
  for (auto const method : {NormalizeMethod::standardize, NormalizeMethod::robustize, NormalizeMethod::mad_robustize}) {
    profiling::normalize(exec, profiles.view(), control.view(), none, output.view(), {.method = method, .guarded = true});
    expect_within(output.values(), {0, 0, nan, 0, nan, nan, 0, nan, nan, step, 3, nan}, machine_epsilon<Scalar>(), 2);
  }
  profiling::normalize(exec, profiles.view(), control.view(), none, output.view(), {.method = NormalizeMethod::mad_robustize, .epsilon = 0.0});
  expect_within(output.values(), {nan, nan, nan, nan, nan, nan, nan, nan, nan, inf, inf, nan}, 1.0, 0.0);
  profiling::normalize(exec, profiles.view(), control.view(), none, output.view(), {.method = NormalizeMethod::inverse_normal});
  constexpr double limit = 5.199337582605575;
  expect_within(output.values(), {-limit, -limit, nan, -limit, nan, nan, -limit, nan, nan, limit, limit, nan}, machine_epsilon<Scalar>(), 4);
}

TEST(Normalize, inverse_normal_is_accurate_far_into_both_tails) {
  for (double p = 1e-300; p < 0.5; p *= 3.7) {
    double const want = reference::inverse_normal(p);
    EXPECT_NEAR(profiling::detail::inverse_normal(p), want, 1e-14 * std::abs(want) + 1e-15) << p;
    if (p > 1e-15) {
      EXPECT_NEAR(profiling::detail::inverse_normal(1 - p), reference::inverse_normal(1 - p), 1e-14 * std::abs(want) + 1e-15) << 1 - p;
    }
  }
  EXPECT_EQ(profiling::detail::inverse_normal(0.5), 0.0);
}

TEST(Normalize, behaves_and_names_what_does_not_fit) {
  Kokkos::Serial const exec;
  HostTensor<float**> const profiles("profiles", 4, 3), wide("wide", 4, 2);
  HostTensor<bool*> const control("control", 3);
  HostTensor<std::int64_t*> const group("group", 5);
  expect_labels(record([&] { profiling::normalize(exec, profiles, none, none, profiles); }));
  auto const fit = profiling::fit_normalize(exec, profiles, none, none);
  EXPECT_EQ(refusal([&] { (void)profiling::fit_normalize(exec, profiles, control, none); }),
            "ocellus::profiling::normalize: control.extent(0) is 3 but profiles.extent(0) is 4");
  EXPECT_EQ(refusal([&] { (void)profiling::fit_normalize(exec, profiles, none, group); }),
            "ocellus::profiling::normalize: group.extent(0) is 5 but profiles.extent(0) is 4");
  EXPECT_EQ(refusal([&] { (void)profiling::fit_normalize(exec, profiles, none, none, {.epsilon = -1.0}); }),
            "ocellus::profiling::normalize: epsilon is -1 but must not be negative");
  EXPECT_EQ(refusal([&] { (void)profiling::fit_normalize(exec, profiles, none, none, {.quantiles = 0}); }),
            "ocellus::profiling::normalize: quantiles is 0 but must be positive");
  EXPECT_EQ(refusal([&] { profiling::apply_normalize(exec, fit, profiles, none, wide); }),
            "ocellus::profiling::normalize: output.extent(1) is 2 but profiles.extent(1) is 3");
  EXPECT_EQ(refusal([&] { profiling::apply_normalize(exec, fit, wide, none, wide); }),
            "ocellus::profiling::normalize: profiles.extent(1) is 2 but the fit's number of features is 3");
}

}  // namespace
}  // namespace ocellus::test
