// SPDX-License-Identifier: Apache-2.0

#include "check.hpp"

#include <ocellus/vit.hpp>

namespace ocellus::device_test {
namespace {

struct Vit {
  template <class Run>
  static void run(Run& run) {
    tables(run);
    pooling(run);
    encoders(run);
  }

 private:
  template <class Run>
  static void tables(Run& run) {
    auto const& exec = run.exec;
    auto const table = run.template output<2>({1 + 4 * 5, 24});
    for (auto const convention : {vit::PositionConvention::row_first, vit::PositionConvention::column_first}) {
      vit::position_table(exec, table, {.rows = 4, .columns = 5, .convention = convention});
      run.keep("vit.position_table", table, 64 * Run::epsilon);
    }
    auto const old      = run.template normal<2>({1 + 20, 24}, 1);
    auto const enlarged = run.template output<2>({1 + 42, 24});
    for (auto const interpolation : {vit::Interpolation::bicubic, vit::Interpolation::bilinear}) {
      vit::resample_position_table(exec, old, enlarged, {.rows = 4, .columns = 5, .new_rows = 6, .new_columns = 7, .interpolation = interpolation});
      run.keep("vit.resample_position_table", enlarged, 200 * Run::epsilon);
    }
    auto const photo    = run.template filled<std::uint8_t, 4>({2, 3, 9, 11}, [](std::size_t i) { return static_cast<double>(i * 7919 % 251); });
    auto const standard = run.template output<4>({2, 3, 9, 11});
    vit::instance_standardize(exec, photo, standard);
    run.keep("vit.instance_standardize", standard, 200 * Run::epsilon);
    auto const image  = run.template normal<4>({2, 3, 8, 12}, 2);
    auto const kernel = run.template normal<4>({24, 3, 4, 4}, 3);
    auto const bias   = run.template normal<1>({24}, 4);
    auto const tokens = run.template output<3>({2, 6, 24});
    vit::patch_embed(exec, image, kernel, bias, tokens);
    run.keep("vit.patch_embed", tokens, 100 * Run::epsilon * 30);
  }

  template <class Run>
  static void pooling(Run& run) {
    auto const& exec  = run.exec;
    auto const tokens = run.template normal<3>({2, 13, 24}, 5);
    auto const output = run.template output<2>({2, 24});
    for (auto const pool : {vit::PoolKind::token, vit::PoolKind::avg, vit::PoolKind::max, vit::PoolKind::avgmax}) {
      vit::pool(exec, tokens, output, {.pool = pool});
      run.keep("vit.pool", output, 50 * Run::epsilon);
    }
    auto const weights = run.template filled<typename Run::Real, 2>({2, 12}, [](std::size_t i) { return static_cast<double>(1 + i % 5); });
    vit::weighted_pool(exec, tokens, weights, output);
    run.keep("vit.weighted_pool", output, 200 * Run::epsilon);

    ParameterTable table;
    table.add("latent", {1, 1, 24});
    for (char const* name : {"q", "proj"}) add_linear(table, name, 24, 24);
    add_linear(table, "kv", 48, 24);
    add_linear(table, "mlp.fc1", 96, 24);
    add_linear(table, "mlp.fc2", 24, 96);
    table.add("norm.weight", {24});
    table.add("norm.bias", {24});
    auto const parameters = run.template normal<1>({static_cast<std::int64_t>(table.size())}, 6, 0.2);
    vit::attention_pool(exec, tokens, vit::attention_pool_weights(table, parameters), output, {.heads = 3});
    run.keep("vit.attention_pool", output, 2e3 * Run::epsilon);
  }

  static void add_linear(ParameterTable& table, std::string const& name, std::int64_t outputs, std::int64_t inputs) {
    table.add(name + ".weight", {outputs, inputs});
    table.add(name + ".bias", {outputs});
  }

  template <class Run>
  static void encoders(Run& run) {
    auto const& exec = run.exec;
    for (auto const kind : {vit::BlockKind::standard, vit::BlockKind::parallel_scaling}) {
      bool const agnostic = kind == vit::BlockKind::parallel_scaling;
      vit::EncoderConfiguration const configuration{.image_size       = 8,
                                                    .patch_size       = 4,
                                                    .channels         = 3,
                                                    .width            = 24,
                                                    .depth            = 2,
                                                    .heads            = 3,
                                                    .block            = kind,
                                                    .channel_agnostic = agnostic,
                                                    .registers        = 1,
                                                    .qk_norm          = agnostic,
                                                    .layer_scale      = true};
      auto const table      = vit::encoder_parameter_table(configuration);
      auto const parameters = run.template normal<1>({static_cast<std::int64_t>(table.size())}, 7, 0.3);
      auto const weights    = vit::encoder_weights(table, parameters, kind);
      auto const image      = run.template normal<4>({2, 3, 8, 8}, 8);
      auto const output     = run.template output<2>({2, 24});
      vit::encoder(exec, image, weights, output, {.heads = 3, .pool = vit::EncoderPool::avg, .channel_agnostic = agnostic});
      run.keep("vit.encoder", output, 5e3 * Run::epsilon);
      auto const tokens = run.template normal<3>({2, 7, 24}, 9);
      auto const after  = run.template output<3>({2, 7, 24});
      vit::transformer_block(exec, tokens, vit::transformer_block_weights(table, parameters, kind, "blocks.1."), after, {.heads = 3});
      run.keep("vit.transformer_block", after, 5e3 * Run::epsilon);
    }
  }
};

Register<Vit> const registration("vit");

}  // namespace
}  // namespace ocellus::device_test
