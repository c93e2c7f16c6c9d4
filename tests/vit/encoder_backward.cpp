// SPDX-License-Identifier: Apache-2.0

#include <ocellus/vit/encoder_backward.hpp>

#include "reference/encoder.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"
#include "vit/random_parameters.hpp"

namespace ocellus::test {
namespace {

/// Width 12, one block, two registers, 8 x 8 pixels in patches of 4; norms in front of the blocks and behind the pool too, and an attention pool.
ParameterTable encoder_table(vit::BlockKind kind, bool agnostic, bool patch_positions) {
  auto table       = vit::encoder_parameter_table({.image_size       = 8,
                                                   .patch_size       = 4,
                                                   .channels         = 2,
                                                   .width            = 12,
                                                   .depth            = 2,
                                                   .heads            = 2,
                                                   .mlp_ratio        = 2.0,
                                                   .block            = kind,
                                                   .channel_agnostic = agnostic,
                                                   .class_token      = true,
                                                   .registers        = 2,
                                                   .qk_norm          = true,
                                                   .layer_scale      = true,
                                                   .final_norm       = true});
  auto const patch = static_cast<std::int64_t>(agnostic ? 8 : 4);
  ParameterTable all;
  for (auto const& entry : table.entries()) {
    if (entry.name == "pos_embed")
      all.add(entry.name, {1, patch + (patch_positions ? 0 : 3), 12});
    else
      all.add(entry.name, entry.extents);
  }
  for (std::string const name : {"norm_pre", "fc_norm", "attn_pool.norm"}) all.add(name + ".weight", {12}), all.add(name + ".bias", {12});
  all.add("attn_pool.latent", {1, 1, 12});
  auto const linear = [&](std::string const& name, std::int64_t out, std::int64_t in) {
    all.add("attn_pool." + name + ".weight", {out, in});
    all.add("attn_pool." + name + ".bias", {out});
  };
  linear("q", 12, 12), linear("kv", 24, 12), linear("proj", 12, 12), linear("mlp.fc1", 20, 12), linear("mlp.fc2", 12, 20);
  return all;
}

template <class Real>
std::vector<Real> encoder_reference(std::vector<Real> const& image, ParameterTable const& table, std::vector<Real> const& parameters, vit::BlockKind kind,
                                    bool agnostic, bool patch_positions, vit::EncoderPool pool) {
  NamedTensors<Real> const w{table, parameters};
  reference::EncoderShape const shape{{2, 8, 8}, 4, 12, 2, 2, kind == vit::BlockKind::parallel_scaling, agnostic};
  auto const weight = [&](std::string const& name) {
    auto values = w(name);
    if (name == "pos_embed" && patch_positions) values.insert(values.begin(), 36, Real(0));
    return values;
  };
  std::vector<Real> output;
  for (std::int64_t n = 0; n < static_cast<std::int64_t>(image.size()) / 128; ++n) {
    auto const tokens = reference::encoder(items(image, n, n + 1, 128), shape, weight, 1e-3);
    auto const count  = static_cast<std::int64_t>(tokens.size()) / 12;
    std::vector<Real> pooled;
    if (pool == vit::EncoderPool::none) {
      pooled = tokens;
    } else if (pool == vit::EncoderPool::token) {
      pooled = items(tokens, 0, 1, 12);
    } else if (pool == vit::EncoderPool::map) {
      auto const at = [&](std::string const& name) { return w("attn_pool." + name); };
      auto const q  = reference::linear<Real>(at("latent"), at("q.weight"), at("q.bias"), 12);
      auto const kv = reference::linear<Real>(items(tokens, 3, count, 12), at("kv.weight"), at("kv.bias"), 12);
      pooled        = reference::linear<Real>(reference::attention<Real>(q, reference::columns(kv, 24, 0, 12), reference::columns(kv, 24, 12, 12), 12, 2),
                                       at("proj.weight"), at("proj.bias"), 12);
      auto mlp      = reference::linear<Real>(reference::norm<Real>(pooled, at, "norm", 12, 1e-3), at("mlp.fc1.weight"), at("mlp.fc1.bias"), 12);
      reference::gelu_in_place(mlp);
      auto const added = reference::linear<Real>(mlp, at("mlp.fc2.weight"), at("mlp.fc2.bias"), 20);
      for (std::size_t d = 0; d < 12; ++d) pooled[d] += added[d];
    } else {
      std::int64_t const groups = pool == vit::EncoderPool::channel_avg ? 2 : 1, size = (count - 3) / groups;
      for (std::int64_t group = 0; group < groups; ++group) {
        for (std::int64_t d = 0; d < 12; ++d) {
          auto const at = [&](std::int64_t t) { return tokens[static_cast<std::size_t>((3 + group * size + t) * 12 + d)]; };
          Real sum = 0, most = at(0);
          for (std::int64_t t = 0; t < size; ++t) {
            sum += at(t) / static_cast<double>(size);
            if (at(t) > most) most = at(t);
          }
          pooled.push_back(pool == vit::EncoderPool::max ? most : pool == vit::EncoderPool::avgmax ? (sum + most) / 2.0 : sum);
        }
      }
    }
    pooled = reference::norm<Real>(pooled, w, "fc_norm", 12, 1e-3);
    output.insert(output.end(), pooled.begin(), pooled.end());
  }
  return output;
}

template <class C>
class EncoderBackward : public ::testing::Test {};
TYPED_TEST_SUITE(EncoderBackward, RowMajorConfigurations);

/// Runs one pool with a rank-2 or rank-3 output: gradients of image and weights by each policy, which must agree in every bit.
template <int Rank, class Scalar, class Exec>
void check_pool(vit::BlockKind kind, bool agnostic, bool patch_positions, vit::EncoderPool pool) {
  using vit::ActivationPolicy;
  constexpr std::int64_t images = 2;
  SCOPED_TRACE(::testing::Message() << "pool " << static_cast<int>(pool) << (kind == vit::BlockKind::standard ? ", standard" : ", parallel")
                                    << (agnostic ? ", agnostic" : "") << (patch_positions ? ", positions of patches" : ""));
  RandomParameters<Scalar, Exec> const p(encoder_table(kind, agnostic, patch_positions));
  auto const weights        = vit::encoder_weights(p.table, p.view, kind);
  std::int64_t const tokens = 3 + (agnostic ? 8 : 4), rows = pool == vit::EncoderPool::none ? tokens : 2, values = Rank == 2 ? 12 : rows * 12;
  auto const x = random_values(images * 128, 5), g = random_values(static_cast<std::size_t>(images * values), 6);
  std::array<std::int64_t, Rank> shape{};
  shape[0] = images, shape[1] = Rank == 2 ? 12 : rows, shape[Rank - 1] = 12;
  TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const image({images, 2, 8, 8}, x), image_gradient({images, 2, 8, 8});
  TestArray<Scalar, Rank, Kokkos::LayoutRight, Exec> const output(shape), plain(shape), output_gradient(shape, g);
  Exec const exec;
  Arrays first;
  for (auto const policy : {ActivationPolicy::store, ActivationPolicy::recompute_blocks}) {
    for (bool const given : {true, false}) {
      vit::EncoderOptions const options{
          .heads = 2, .pool = pool, .channel_agnostic = agnostic, .no_embed_class = patch_positions, .epsilon = 1e-3, .policy = policy};
      TestArray<Scalar, 1, Kokkos::LayoutRight, Exec> const line({static_cast<std::int64_t>(p.values.size())}),
          activations({static_cast<std::int64_t>(vit::encoder_activations_size(image.view(), weights, policy, options))});
      auto const gradients = vit::encoder_gradients(p.table, line.view(), kind);
      if (given) {
        vit::encoder(exec, image.view(), weights, output.view(), activations.view(), options);
        vit::encoder(exec, image.view(), weights, plain.view(), options);
        expect_same_bits(output.values(), plain.values());
        vit::encoder_backward(exec, output_gradient.view(), image.view(), weights, activations.view(), image_gradient.view(), gradients, options);
      } else {
        vit::encoder_backward(exec, output_gradient.view(), image.view(), weights, none, image_gradient.view(), gradients, options);
      }
      EXPECT_TRUE(image_gradient.guards_intact() && line.guards_intact() && activations.guards_intact());
      Arrays const got{image_gradient.values(), without_gaps(p.table, line.values())};
      if (first.empty()) first = got;
      for (std::size_t k = 0; k < 2; ++k) expect_same_bits(got[k], first[k]);
    }
  }
  expect_adjoint([&](DualArrays const& in) { return encoder_reference(in[0], p.table, in[1], kind, agnostic, patch_positions, pool); }, {x, p.values}, g, first,
                 adjoint_tolerance<Scalar>);
}

TYPED_TEST(EncoderBackward, is_the_transpose_of_the_derivative_for_every_pool_and_policy) {
  using Scalar     = typename TypeParam::Scalar;
  using Exec       = typename TypeParam::Exec;
  auto const plain = vit::BlockKind::standard, parallel = vit::BlockKind::parallel_scaling;
  check_pool<2, Scalar, Exec>(plain, false, false, vit::EncoderPool::token);
  check_pool<2, Scalar, Exec>(parallel, true, false, vit::EncoderPool::avg);
  check_pool<2, Scalar, Exec>(plain, false, true, vit::EncoderPool::max);
  check_pool<2, Scalar, Exec>(parallel, false, false, vit::EncoderPool::avgmax);
  check_pool<2, Scalar, Exec>(plain, true, false, vit::EncoderPool::map);
  check_pool<3, Scalar, Exec>(plain, true, true, vit::EncoderPool::channel_avg);
  check_pool<3, Scalar, Exec>(parallel, false, false, vit::EncoderPool::none);
}

TYPED_TEST(EncoderBackward, over_a_batch_cut_in_two_equals_the_whole_for_every_thread_count_and_behaves) {
  using Scalar    = typename TypeParam::Scalar;
  using Exec      = typename TypeParam::Exec;
  auto const kind = vit::BlockKind::standard;
  RandomParameters<Scalar, Exec> const p(encoder_table(kind, false, false));
  auto const weights = vit::encoder_weights(p.table, p.view, kind);
  auto const x = random_values(5 * 128, 5), g = random_values(5 * 12, 6);
  Arrays whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const cut : {0, 2, 5}) {
      TestArray<Scalar, 1, Kokkos::LayoutRight, Exec> const line({static_cast<std::int64_t>(p.values.size())});
      auto const gradients = vit::encoder_gradients(p.table, line.view(), kind);
      std::vector<double> image_gradients;
      for (bool const second : {false, true}) {
        std::int64_t const from = second ? cut : 0, to = second ? 5 : cut;
        TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const image({to - from, 2, 8, 8}, items(x, from, to, 128)),
            image_gradient({to - from, 2, 8, 8}, std::vector<double>(static_cast<std::size_t>((to - from) * 128)));
        TestArray<Scalar, 2, Kokkos::LayoutRight, Exec> const output_gradient({to - from, 12}, items(g, from, to, 12));
        vit::EncoderOptions const options{.heads = 2, .pool = vit::EncoderPool::map, .accumulate = second};
        auto const i = image.view(), d = image_gradient.view();
        auto const o = output_gradient.view();
        WorkspaceFor<Exec> workspace(exec, vit::encoder_backward_workspace_size(exec, i, weights, none, options));
        vit::encoder_backward(exec, o, i, weights, none, d, gradients, options, workspace);
        exec.fence();
        auto const part = image_gradient.values();
        image_gradients.insert(image_gradients.end(), part.begin(), part.end());
        vit::EncoderGradients<Scalar, typename Exec::memory_space> const unwanted;
        if (cut == 2) expect_good_manners(record([&] { vit::encoder_backward(exec, o, i, weights, none, d, unwanted, options, workspace); }));
        exec.fence();
      }
      Arrays const got{image_gradients, without_gaps(p.table, line.values())};
      if (whole.empty()) whole = got;
      for (std::size_t k = 0; k < 2; ++k) expect_same_bits(got[k], whole[k]);
    }
  });
}

TYPED_TEST(EncoderBackward, gives_zero_to_what_takes_no_part) {
  using Scalar    = typename TypeParam::Scalar;
  using Exec      = typename TypeParam::Exec;
  auto const kind = vit::BlockKind::parallel_scaling;
  RandomParameters<Scalar, Exec> const p(encoder_table(kind, true, false));
  auto const weights = vit::encoder_weights(p.table, p.view, kind);
  // One channel of the two that pos_embed has rows for.
  TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const image({1, 1, 8, 8}, random_values(64, 5)), image_gradient({1, 1, 8, 8});
  TestArray<Scalar, 2, Kokkos::LayoutRight, Exec> const output_gradient({1, 12}, random_values(12, 6));
  TestArray<Scalar, 1, Kokkos::LayoutRight, Exec> const line({static_cast<std::int64_t>(p.values.size())});
  vit::encoder_backward(Exec(), output_gradient.view(), image.view(), weights, none, image_gradient.view(), vit::encoder_gradients(p.table, line.view(), kind),
                        {.heads = 2, .channel_agnostic = true, .fc_norm = false});
  auto const got = line.values();
  for (auto const& entry : p.table.entries()) {
    bool const unused = entry.name.rfind("attn_pool.", 0) == 0 || entry.name.rfind("fc_norm.", 0) == 0;
    for (std::size_t i = 0; i < entry.size(); ++i) {
      bool const zero = unused || (entry.name == "pos_embed" && i >= 7 * 12);
      EXPECT_TRUE(zero ? got[entry.offset + i] == 0 : std::isfinite(got[entry.offset + i])) << entry.name << " " << i << ": " << got[entry.offset + i];
    }
  }
}

TEST(EncoderBackward, names_what_does_not_fit) {
  using Exec      = Kokkos::Serial;
  auto const kind = vit::BlockKind::standard;
  RandomParameters<float, Exec> const p(encoder_table(kind, false, false));
  auto const weights = vit::encoder_weights(p.table, p.view, kind);
  HostTensor<float*> const line("line", p.values.size()), few("few", 10);
  auto gradients = vit::encoder_gradients(p.table, line, kind);
  HostTensor<float****> const image("image", 1, 2, 8, 8), large("image", 1, 2, 8, 12);
  HostTensor<float**> const output("output", 1, 12), narrow("output", 1, 11);
  Exec const exec;
  std::string const function = "ocellus::vit::encoder_backward: ";
  auto const call            = [&](auto const& g, auto const& x, auto const& a, auto const& d) {
    return refusal([&] { vit::encoder_backward(exec, g, x, weights, a, d, gradients, {.heads = 2}); });
  };
  EXPECT_EQ(call(narrow, image, none, image), function + "the last extent of output_gradient is 11 but the width is 12");
  EXPECT_EQ(call(output, large, none, large), function + "pos_embed has 7 rows but the image gives 9 tokens");
  EXPECT_EQ(call(output, image, none, large), function + "image_gradient.extent(3) is 12 but image.extent(3) is 8");
  EXPECT_EQ(call(output, image, few, image).rfind(function + "activations.extent(0) is 10 but ", 0), 0u);
  gradients.blocks.pop_back();
  EXPECT_EQ(call(output, image, none, image), function + "there are gradients of 1 blocks but weights of 2");
}

}  // namespace
}  // namespace ocellus::test
