// SPDX-License-Identifier: Apache-2.0

#include <ocellus/mae/decoder_backward.hpp>

#include "mae/models.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class DecoderBackward : public ::testing::Test {};
TYPED_TEST_SUITE(DecoderBackward, RowMajorConfigurations);

TYPED_TEST(DecoderBackward, is_the_transpose_under_both_names) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  auto const c = small_autoencoder(false);
  for (auto const names : {mae::DecoderNames::fair, mae::DecoderNames::recursion}) {
    bool const fair = names == mae::DecoderNames::fair;
    SCOPED_TRACE(fair ? "fair" : "recursion");
    // Of the whole table the decoder's tensors alone.
    ParameterTable table;
    auto const whole = fair ? mae::masked_autoencoder_parameter_table(c) : recursion_table(c);
    for (auto const& entry : whole.entries()) {
      if (!fair || entry.name.find("decoder") == 0 || entry.name == "mask_token") table.add(entry.name, entry.extents, entry.flags);
    }
    RandomParameters<Scalar, Exec> const parameters(table);
    auto const weights       = mae::decoder_weights(parameters.table, parameters.view, names);
    std::int64_t const width = fair ? 12 : 16, rows = fair ? 4 : 5, outputs = fair ? 32 : 16;
    auto const restore = random_restore(2, 4), x = random_values(static_cast<std::size_t>(2 * 3 * width), 4),
               w = random_values(static_cast<std::size_t>(2 * rows * outputs), 5);
    TrainedWeights const trained{parameters.table, parameters.values};
    auto const oracle = [&](auto const& inputs) {
      auto const weight = trained.by_name(inputs[1]);
      std::remove_cvref_t<decltype(inputs[0])> y;
      for (std::int64_t n = 0; n < 2; ++n) {
        auto const one = reference::decoder(row_of(inputs[0], n, 3 * width), integers(row_of(restore, n, 4)), weight, fair, 2, 1e-5);
        y.insert(y.end(), one.begin(), one.end());
      }
      return y;
    };
    TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const latent({2, 3, width}, x), back({2, 3, width}), gradient({2, rows, outputs}, w);
    TestArray<std::int64_t, 2, Kokkos::LayoutRight, Exec> const index({2, 4}, restore);
    Tensor<Scalar*, typename Exec::memory_space> const flat("gradients", parameters.table.size());
    mae::decoder_backward(Exec(), gradient.view(), latent.view(), index.view(), weights, back.view(), mae::decoder_gradients(parameters.table, flat, names),
                          {.heads = 2, .epsilon = 1e-5});
    Arrays const inputs{x, trained.pack(parameters.values)}, gradients{back.values(), trained.pack(flat_values(flat))};
    expect_adjoint(oracle, inputs, w, gradients, adjoint_tolerance<Scalar>);
    if (sizeof(Scalar) == 8) expect_central_differences(oracle, inputs, w, gradients, 1e-6);
    EXPECT_TRUE(back.guards_intact());
  }
}

TYPED_TEST(DecoderBackward, behaves_and_accumulates_parts_to_the_bits_of_the_whole) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  RandomParameters<Scalar, Exec> const parameters(mae::masked_autoencoder_parameter_table(small_autoencoder(false)));
  auto const weights = mae::decoder_weights(parameters.table, parameters.view, mae::DecoderNames::fair);
  auto const x = random_values(16 * 3 * 12, 4), w = random_values(16 * 4 * 32, 5), restore = random_restore(16, 4);
  std::vector<double> whole, whole_back;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const slice : {16, 4, 1}) {
      Tensor<Scalar*, typename Exec::memory_space> const flat("gradients", parameters.table.size());
      auto const gradients = mae::decoder_gradients(parameters.table, flat, mae::DecoderNames::fair);
      std::vector<double> backs;
      for (std::int64_t first = 0; first < 16; first += slice) {
        auto const part = [&](std::vector<double> const& all, std::int64_t size) {
          return std::vector<double>(all.begin() + first * size, all.begin() + (first + slice) * size);
        };
        TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const latent({slice, 3, 12}, part(x, 36)), back({slice, 3, 12}), gradient({slice, 4, 32}, part(w, 128));
        TestArray<std::int64_t, 2, Kokkos::LayoutRight, Exec> const index({slice, 4}, part(restore, 4));
        auto const l = latent.view(), b = back.view(), g = gradient.view();
        auto const r = index.view();
        mae::DecoderOptions const options{.heads = 2, .accumulate = true};
        WorkspaceFor<Exec> workspace(exec, mae::decoder_backward_workspace_size(exec, g, l, r, weights, options));
        if (first == 0) {  // an instance allocates Kokkos' own scratch on its first launch
          mae::decoder_backward(exec, g, l, r, weights, b, gradients, options, workspace);
          Kokkos::deep_copy(exec, flat, Scalar(0));
        }
        expect_good_manners(record([&] { mae::decoder_backward(exec, g, l, r, weights, b, gradients, options, workspace); }));
        exec.fence();
        auto const got = back.values();
        backs.insert(backs.end(), got.begin(), got.end());
      }
      if (whole.empty()) whole = flat_values(flat), whole_back = backs;
      expect_same_bits(flat_values(flat), whole);
      expect_same_bits(backs, whole_back);
    }
  });
}

TEST(DecoderBackward, names_what_does_not_fit) {
  using Exec = Kokkos::Serial;
  RandomParameters<float, Exec> const parameters(mae::masked_autoencoder_parameter_table(small_autoencoder(false)));
  auto const weights   = mae::decoder_weights(parameters.table, parameters.view, mae::DecoderNames::fair);
  auto const gradients = mae::decoder_gradients(parameters.table, parameters.view, mae::DecoderNames::fair);
  auto fewer           = gradients;
  fewer.blocks.clear();
  HostTensor<float***> const latent("latent", 1, 3, 12), prediction("prediction_gradient", 1, 4, 32), narrow("latent_gradient", 1, 3, 11);
  HostTensor<std::int64_t**> const restore("restore", 1, 4);
  Exec const exec;
  EXPECT_EQ(refusal([&] { mae::decoder_backward(exec, latent, latent, restore, weights, latent, gradients, {.heads = 2}); }),
            "ocellus::mae::decoder_backward: prediction_gradient.extent(1) is 3 but restore.extent(1) is 4");
  EXPECT_EQ(refusal([&] { mae::decoder_backward(exec, prediction, latent, restore, weights, narrow, gradients, {.heads = 2}); }),
            "ocellus::mae::decoder_backward: latent_gradient.extent(2) is 11 but latent.extent(2) is 12");
  EXPECT_EQ(refusal([&] { mae::decoder_backward(exec, prediction, latent, restore, weights, latent, fewer, {.heads = 2}); }),
            "ocellus::mae::decoder_backward: gradients are of 0 blocks but weights of 1");
}

}  // namespace
}  // namespace ocellus::test
