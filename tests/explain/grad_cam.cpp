// SPDX-License-Identifier: Apache-2.0

#include <ocellus/explain/grad_cam.hpp>

#include "reference/grad_cam.hpp"
#include "reference/upsample_map.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

constexpr char const* methods[] = {"grad_cam", "hires_cam", "layer_cam", "element_wise", "xgrad_cam", "grad_cam_plus_plus", "eigen_cam"};

std::vector<double> slice(std::vector<double> const& values, std::int64_t image, std::int64_t size) {
  return {values.begin() + image * size, values.begin() + (image + 1) * size};
}

/// The maps of all images, rescaled or not.
std::vector<double> wanted(std::string const& method, bool projects, bool rescales, std::vector<double> const& a, std::vector<double> const& g,
                           std::int64_t batch, std::int64_t channels, std::int64_t pixels) {
  std::vector<double> maps;
  for (std::int64_t b = 0; b < batch; ++b) {
    auto map = reference::grad_cam(method, projects, slice(a, b, channels * pixels), slice(g, b, channels * pixels), channels, pixels);
    if (rescales) map = reference::min_max(map);
    maps.insert(maps.end(), map.begin(), map.end());
  }
  return maps;
}

template <class C>
class GradCam : public ::testing::Test {};
TYPED_TEST_SUITE(GradCam, Configurations);

TYPED_TEST(GradCam, agrees_with_the_reference_for_every_method_at_awkward_sizes) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& s : {std::array<std::int64_t, 4>{1, 1, 1, 1}, {2, 5, 4, 7}, {1, 3, 9, 17}, {0, 2, 3, 3}, {2, 0, 3, 2}, {1, 19, 2, 3}}) {
    std::int64_t const pixels = s[2] * s[3];
    auto const a              = rounded<Scalar>(random_values(static_cast<std::size_t>(s[0] * s[1] * pixels), 1, 1.0, 0.5));
    auto const g              = rounded<Scalar>(random_values(a.size(), 2));
    TestArray<Scalar, 4, Layout, Exec> const activations(s, a), gradients(s, g);
    for (int method = 0; method < 7; ++method) {
      for (bool const rescales : {false, true}) {
        SCOPED_TRACE(::testing::Message() << methods[method] << ", " << s[0] << " x " << s[1] << " x " << s[2] << " x " << s[3]);
        TestArray<Scalar, 3, Layout, Exec> const map({s[0], s[2], s[3]});
        explain::GradCamOptions const options{.method  = static_cast<explain::CamMethod>(method),
                                              .rescale = rescales ? explain::CamRescale::min_max : explain::CamRescale::none};
        explain::grad_cam(Exec(), activations.view(), gradients.view(), map.view(), options);
        // Projections of random terms have a gap of more than a hundredth, and power iteration ends short of the last bits.
        auto const want   = wanted(methods[method], false, rescales, a, g, s[0], s[1], pixels);
        double const unit = machine_epsilon<Scalar>() + (method == 6 ? 1e-9 : 0.0);
        expect_within(map.values(), want, unit * (1 + (want.empty() ? 0.0 : *std::max_element(want.begin(), want.end()))), 16 * static_cast<double>(s[1] + 16));
        EXPECT_TRUE(map.guards_intact());
      }
    }
  }
}

TYPED_TEST(GradCam, projects_terms_of_stacks_and_takes_activations_alone) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const a = rounded<Scalar>(random_values(2 * 4 * 60, 3)), g = rounded<Scalar>(random_values(2 * 4 * 60, 4));
  TestArray<Scalar, 5, Layout, Exec> const activations({2, 4, 3, 4, 5}, a), gradients({2, 4, 3, 4, 5}, g);
  for (int const method : {0, 1, 2}) {
    SCOPED_TRACE(methods[method]);
    TestArray<Scalar, 4, Layout, Exec> const map({2, 3, 4, 5});
    explain::grad_cam(Exec(), activations.view(), gradients.view(), map.view(), {.method = static_cast<explain::CamMethod>(method), .eigen_smooth = true});
    expect_within(map.values(), wanted(methods[method], true, false, a, g, 2, 4, 60), machine_epsilon<Scalar>() + 1e-8, 64);
  }
  TestArray<Scalar, 4, Layout, Exec> const map({2, 3, 4, 5});
  explain::grad_cam(Exec(), activations.view(), none, map.view(), {.method = explain::CamMethod::eigen_cam});
  expect_within(map.values(), wanted("eigen_cam", true, false, a, g, 2, 4, 60), machine_epsilon<Scalar>() + 1e-8, 64);
}

TYPED_TEST(GradCam, takes_tokens_of_a_transformer_as_a_grid_without_a_copy) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  // Tokens (B, 1 + 2 x 3, D), the first one the class token.
  auto const a = rounded<Scalar>(random_values(2 * 7 * 4, 5)), g = rounded<Scalar>(random_values(2 * 7 * 4, 6));
  TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const tokens({2, 7, 4}, a), slopes({2, 7, 4}, g);
  auto const grid = [](auto const& view) {
    using Grid = Kokkos::View<Scalar****, Kokkos::LayoutStride, typename Exec::memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
    return Grid(view.data() + 4, Kokkos::LayoutStride(2, 28, 4, 1, 2, 12, 3, 4));
  };
  std::vector<double> regular_a, regular_g;
  for (std::size_t b = 0; b < 2; ++b) {
    for (std::size_t d = 0; d < 4; ++d) {
      for (std::size_t t = 1; t < 7; ++t) regular_a.push_back(a[b * 28 + t * 4 + d]), regular_g.push_back(g[b * 28 + t * 4 + d]);
    }
  }
  TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const map({2, 2, 3});
  explain::grad_cam(Exec(), grid(tokens.view()), grid(slopes.view()), map.view());
  expect_within(map.values(), wanted("grad_cam", false, false, regular_a, regular_g, 2, 4, 6), machine_epsilon<Scalar>(), 64);
}

TYPED_TEST(GradCam, brings_layers_to_one_size_and_averages_them) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const a = rounded<Scalar>(random_values(2 * 4 * 12, 7)), g = rounded<Scalar>(random_values(2 * 4 * 12, 8));
  auto const c = rounded<Scalar>(random_values(2 * 3 * 10, 9)), h = rounded<Scalar>(random_values(2 * 3 * 10, 10));
  TestArray<Scalar, 4, Layout, Exec> const first({2, 4, 3, 4}, a), first_slopes({2, 4, 3, 4}, g), second({2, 3, 5, 2}, c), second_slopes({2, 3, 5, 2}, h);
  using Layer = explain::CamLayer<decltype(first.view()), decltype(first.view())>;
  std::vector<Layer> const layers{{first.view(), first_slopes.view()}, {second.view(), second_slopes.view()}};
  TestArray<Scalar, 3, Layout, Exec> const map({2, 7, 9});
  explain::grad_cam(Exec(), std::span<Layer const>(layers), map.view(), {.rescale = explain::CamRescale::min_max});
  auto const x = reference::upsample_bilinear(wanted("grad_cam", false, true, a, g, 2, 4, 12), 2, {3, 4}, {7, 9});
  auto const y = reference::upsample_bilinear(wanted("grad_cam", false, true, c, h, 2, 3, 10), 2, {5, 2}, {7, 9});
  std::vector<double> want;
  for (std::int64_t b = 0; b < 2; ++b) {
    std::vector<double> mean;
    for (std::size_t i = 0; i < 63; ++i) mean.push_back((x[static_cast<std::size_t>(b) * 63 + i] + y[static_cast<std::size_t>(b) * 63 + i]) / 2);
    mean = reference::min_max(mean);
    want.insert(want.end(), mean.begin(), mean.end());
  }
  expect_within(map.values(), want, machine_epsilon<Scalar>(), 64);
  EXPECT_TRUE(map.guards_intact());
}

TYPED_TEST(GradCam, gives_zeros_for_a_constant_map_and_for_one_without_evidence) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  TestArray<Scalar, 4, Layout, Exec> const activations({2, 1, 1, 3}, {2, 2, 2, 1, 2, 3}), gradients({2, 1, 1, 3}, {1, 1, 1, -1, -1, -1});
  TestArray<Scalar, 3, Layout, Exec> const map({2, 1, 3});
  explain::grad_cam(Exec(), activations.view(), gradients.view(), map.view(), {.rescale = explain::CamRescale::min_max});
  expect_same_bits(map.values(), {0, 0, 0, 0, 0, 0});
}

TYPED_TEST(GradCam, keeps_a_nan_to_its_pixel_or_through_a_mean_to_its_image) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  TestArray<Scalar, 4, Layout, Exec> const activations({2, 1, 1, 2}, {nan, 2, 1, 2}), gradients({2, 1, 1, 2}, {1, 1, 1, 1}),
      spoilt({2, 1, 1, 2}, {nan, 1, 1, 1});
  TestArray<Scalar, 3, Layout, Exec> const map({2, 1, 2}), whole({2, 1, 2}), ranged({2, 1, 2}), projected({2, 1, 2});
  explain::grad_cam(Exec(), activations.view(), gradients.view(), map.view());
  expect_within(map.values(), {nan, 2, 1, 2}, 1, 1e-6);
  explain::grad_cam(Exec(), gradients.view(), spoilt.view(), whole.view());
  expect_within(whole.values(), {nan, nan, 1, 1}, 1, 1e-6);
  explain::grad_cam(Exec(), activations.view(), gradients.view(), ranged.view(), {.rescale = explain::CamRescale::min_max});
  expect_within(ranged.values(), {nan, nan, 0, 1}, 1, 1e-6);
  explain::grad_cam(Exec(), activations.view(), none, projected.view(), {.method = explain::CamMethod::eigen_cam});
  expect_within(projected.values(), {nan, nan, 0, 0.5}, 1, 1e-6);
}

TYPED_TEST(GradCam, same_bits_whatever_the_batch_and_the_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const a = random_values(7 * 3 * 35, 11), g = random_values(7 * 3 * 35, 12);
  for (int const method : {0, 4, 5, 6}) {
    std::vector<double> first;
    with_thread_counts<Exec>([&](Exec const& exec) {
      for (std::int64_t const batch : {7, 2, 1}) {
        TestArray<Scalar, 4, Layout, Exec> const activations({batch, 3, 5, 7}, slice(a, 0, batch * 105)), gradients({batch, 3, 5, 7}, slice(g, 0, batch * 105));
        TestArray<Scalar, 3, Layout, Exec> const map({batch, 5, 7});
        explain::grad_cam(exec, activations.view(), gradients.view(), map.view(),
                          {.method = static_cast<explain::CamMethod>(method), .rescale = explain::CamRescale::min_max});
        auto const got = map.values();
        if (first.empty()) first = got;
        expect_same_bits(got, slice(first, 0, static_cast<std::int64_t>(got.size())));
      }
    });
  }
}

TYPED_TEST(GradCam, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 4, Kokkos::LayoutRight, Exec> const activations({2, 3, 4, 5}, random_values(120)), gradients({2, 3, 4, 5}, random_values(120, 1));
  TestArray<float, 3, Kokkos::LayoutRight, Exec> const map({2, 4, 5}), large({2, 8, 8});
  Exec const exec;
  auto const a = activations.view(), g = gradients.view();
  auto const m = map.view(), l = large.view();
  explain::GradCamOptions const options{.rescale = explain::CamRescale::min_max};
  WorkspaceFor<Exec> workspace(exec, explain::grad_cam_workspace_size(exec, a, g, m, options));
  expect_good_manners(record([&] { explain::grad_cam(exec, a, g, m, options, workspace); }));
  EXPECT_EQ(workspace.used(), 0u);
  using Layer = explain::CamLayer<decltype(activations.view()), decltype(activations.view())>;
  std::vector<Layer> const layers{{a, g}, {a, g}};
  std::span<Layer const> const both(layers);
  WorkspaceFor<Exec> more(exec, explain::grad_cam_workspace_size(exec, both, l, options));
  expect_good_manners(record([&] { explain::grad_cam(exec, both, l, options, more); }));
  explain::GradCamOptions const smooth{.method = explain::CamMethod::layer_cam, .eigen_smooth = true};
  WorkspaceFor<Exec> large_enough(exec, explain::grad_cam_workspace_size(exec, a, g, m, smooth));
  explain::grad_cam(exec, a, g, m, smooth, large_enough);
  exec.fence();
}

TEST(GradCam, names_what_does_not_fit) {
  HostTensor<float****> const a("a", 2, 3, 4, 5), short_a("a", 1, 3, 4, 5), narrow("g", 2, 3, 4, 4);
  HostTensor<float***> const map("map", 2, 4, 5), wide("map", 2, 4, 6);
  Kokkos::Serial const exec;
  using Layer        = explain::CamLayer<HostTensor<float****>, HostTensor<float****>>;
  auto const refused = [&](std::vector<Layer> const& layers, explain::CamRescale rescale) {
    return refusal([&] { explain::grad_cam(exec, std::span<Layer const>(layers), map, {.rescale = rescale}); });
  };
  EXPECT_EQ(refusal([&] { explain::grad_cam(exec, a, narrow, map); }), "ocellus::explain::grad_cam: gradients.extent(3) is 4 but activations.extent(3) is 5");
  EXPECT_EQ(refusal([&] { explain::grad_cam(exec, a, a, wide); }), "ocellus::explain::grad_cam: map.extent(2) is 6 but activations.extent(3) is 5");
  EXPECT_EQ(refusal([&] { explain::grad_cam(exec, a, none, map); }), "ocellus::explain::grad_cam: gradients are none, but only eigen_cam needs none");
  EXPECT_EQ(refusal([&] { explain::grad_cam(exec, a, HostTensor<float****>(), map); }),
            "ocellus::explain::grad_cam: gradients are absent, but only eigen_cam needs none");
  EXPECT_EQ(refused({{a, a}, {short_a, short_a}}, explain::CamRescale::min_max),
            "ocellus::explain::grad_cam: layers[1].activations.extent(0) is 1 but layers[0].activations.extent(0) is 2");
  EXPECT_EQ(refused({{a, a}, {a, narrow}}, explain::CamRescale::min_max),
            "ocellus::explain::grad_cam: layers[1].gradients.extent(3) is 4 but layers[1].activations.extent(3) is 5");
  EXPECT_EQ(refused({{a, a}}, explain::CamRescale::none),
            "ocellus::explain::grad_cam: rescale is none, but maps brought to one size must be rescaled (min_max)");
  EXPECT_EQ(refused({}, explain::CamRescale::min_max), "ocellus::explain::grad_cam: layers.size() is 0 but must be at least 1");
}

}  // namespace
}  // namespace ocellus::test
