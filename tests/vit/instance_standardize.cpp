// SPDX-License-Identifier: Apache-2.0

#include <ocellus/vit/instance_standardize.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

std::vector<double> standardised(std::vector<double> const& image, std::size_t pixels, double divisor, double epsilon) {
  std::vector<double> output(image.size());
  for (std::size_t first = 0; first < image.size(); first += pixels) {
    double mean = 0, variance = 0;
    for (std::size_t i = 0; i < pixels; ++i) mean += image[first + i] / divisor / static_cast<double>(pixels);
    for (std::size_t i = 0; i < pixels; ++i)
      variance += (image[first + i] / divisor - mean) * (image[first + i] / divisor - mean) / static_cast<double>(pixels);
    for (std::size_t i = 0; i < pixels; ++i) output[first + i] = (image[first + i] / divisor - mean) / std::sqrt(variance + epsilon);
  }
  return output;
}

template <class C>
class InstanceStandardize : public ::testing::Test {};
TYPED_TEST_SUITE(InstanceStandardize, Configurations);

TYPED_TEST(InstanceStandardize, agrees_with_plain_loops_for_integer_and_real_images) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  std::vector<double> bytes(2 * 3 * 5 * 7), words(bytes.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<double>(i * 37 % 251), words[i] = static_cast<double>(i * 7919 % 65521);
  auto const reals = random_values(bytes.size(), 1, 100.0, 50.0);
  TestArray<std::uint8_t, 4, Layout, Exec> const byte_image({2, 3, 5, 7}, bytes);
  TestArray<std::uint16_t, 4, Layout, Exec> const word_image({2, 3, 5, 7}, words);
  TestArray<Scalar, 4, Layout, Exec> const real_image({2, 3, 5, 7}, reals), output({2, 3, 5, 7});
  Exec const exec;
  auto const check = [&](auto const& image, std::vector<double> const& x, vit::InstanceStandardizeOptions const& options) {
    vit::instance_standardize(exec, image.view(), output.view(), options);
    exec.fence();
    auto const want = standardised(x, 35, options.divisor, options.epsilon);
    std::vector<double> unit(want.size());
    for (std::size_t i = 0; i < unit.size(); ++i) unit[i] = machine_epsilon<Scalar>() * (1 + std::abs(want[i]));
    expect_within(output.values(), want, unit, 8);  // the reference itself rounds, which counts in double
    EXPECT_TRUE(output.guards_intact());
  };
  check(byte_image, bytes, {});
  check(word_image, words, {.divisor = 65535.0, .epsilon = 1e-8});
  check(real_image, reals, {.divisor = 2.0, .epsilon = 0.5});
}

TYPED_TEST(InstanceStandardize, gives_zeros_for_a_constant_channel_and_keeps_a_nan_to_its_own) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  TestArray<Scalar, 4, Layout, Exec> const image({1, 3, 1, 2}, {77, 77, nan, 1, 0, 2}), output({1, 3, 1, 2});
  Exec const exec;
  vit::instance_standardize(exec, image.view(), output.view(), {.divisor = 1.0, .epsilon = 0.0});
  exec.fence();
  expect_within(output.values(), {0, 0, nan, nan, -1, 1}, machine_epsilon<Scalar>(), 4);
}

TYPED_TEST(InstanceStandardize, same_bits_whatever_the_batch_and_the_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const x = random_values(64 * 35);
  std::vector<double> whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const images : {std::int64_t{64}, std::int64_t{7}, std::int64_t{2}, std::int64_t{1}}) {
      TestArray<Scalar, 4, Layout, Exec> const image({images, 1, 5, 7}, {x.begin(), x.begin() + images * 35}), output({images, 1, 5, 7});
      vit::instance_standardize(exec, image.view(), output.view());
      exec.fence();
      auto const got = output.values();
      if (whole.empty()) whole = got;
      expect_same_bits(got, {whole.begin(), whole.begin() + images * 35});
    }
  });
}

TYPED_TEST(InstanceStandardize, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<std::uint8_t, 4, Kokkos::LayoutRight, Exec> const image({1, 2, 3, 4}, std::vector<double>(24, 3));
  TestArray<float, 4, Kokkos::LayoutRight, Exec> const output({1, 2, 3, 4});
  Exec const exec;
  auto const i = image.view();
  auto const o = output.view();
  expect_good_manners(record([&] { vit::instance_standardize(exec, i, o); }));
  exec.fence();
}

TEST(InstanceStandardize, names_what_does_not_fit) {
  HostTensor<float****> const image("image", 1, 2, 3, 4), output("output", 1, 2, 3, 5);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { vit::instance_standardize(exec, image, output); }),
            "ocellus::vit::instance_standardize: output.extent(3) is 5 but image.extent(3) is 4");
  EXPECT_EQ(refusal([&] { vit::instance_standardize(exec, image, image, {.divisor = 0.0}); }), "ocellus::vit::instance_standardize: divisor is 0");
  EXPECT_EQ(refusal([&] { vit::instance_standardize(exec, image, image, {.epsilon = -1.0}); }),
            "ocellus::vit::instance_standardize: epsilon is -1 but must not be negative");
}

}  // namespace
}  // namespace ocellus::test
