// SPDX-License-Identifier: Apache-2.0

#include "check.hpp"

#include <ocellus/nn.hpp>

namespace ocellus::device_test {
namespace {

struct Nn {
  template <class Run>
  static void run(Run& run) {
    layers(run);
    attention(run);
  }

 private:
  template <class Run>
  static void layers(Run& run) {
    auto const& exec  = run.exec;
    auto const input  = run.template normal<2>({19, 67}, 1, 2, 0.5);
    auto const weight = run.template normal<1>({67}, 2);
    auto const bias   = run.template normal<1>({67}, 3);
    auto const output = run.template output<2>({19, 67});
    nn::layer_norm(exec, input, weight, bias, output);
    run.keep("nn.layer_norm", output, 200 * Run::epsilon);
    nn::layer_norm(exec, input, none, none, output, {.epsilon = 1e-3});
    run.keep("nn.layer_norm plain", output, 200 * Run::epsilon);
    nn::rms_norm(exec, input, weight, output);
    run.keep("nn.rms_norm", output, 200 * Run::epsilon);
    for (auto const approximate : {nn::GeluApproximation::none, nn::GeluApproximation::tanh}) {
      nn::gelu(exec, input, output, {.approximate = approximate});
      run.keep("nn.gelu", output, 64 * Run::epsilon);
    }
    auto const matrix = run.template normal<2>({31, 67}, 4);
    auto const shift  = run.template normal<1>({31}, 5);
    auto const wide   = run.template output<2>({19, 31});
    nn::linear(exec, input, matrix, shift, wide, {.activation = linalg::Activation::gelu});
    run.keep("nn.linear", wide, 2 * 75 * Run::epsilon * 67);
  }

  template <class Run>
  static void attention(Run& run) {
    auto const& exec    = run.exec;
    auto const query    = run.template normal<4>({2, 3, 17, 16}, 6);
    auto const key      = run.template normal<4>({2, 3, 41, 16}, 7);
    auto const value    = run.template normal<4>({2, 3, 41, 20}, 8);
    auto const mask     = run.template booleans<4>({2, 1, 17, 41}, 9, 0.8);
    auto const bias     = run.template normal<4>({1, 3, 17, 41}, 10);
    auto const key_mask = run.template booleans<2>({2, 41}, 11, 0.9);
    auto const output   = run.template output<4>({2, 3, 17, 20});
    auto const sums     = run.template output<3>({2, 3, 17});
    nn::multi_head_attention(exec, query, key, value, none, none, output, sums);
    run.keep("nn.multi_head_attention", output, 400 * Run::epsilon);
    run.keep("nn.multi_head_attention log_sum_exp", sums, 400 * Run::epsilon);
    nn::multi_head_attention(exec, query, key, value, mask, key_mask, output, none, {.causal = true, .causal_offset = 24});
    run.keep("nn.multi_head_attention masked", output, 400 * Run::epsilon);
    nn::multi_head_attention(exec, query, key, value, bias, none, output, none, {.scale = 0.1});
    run.keep("nn.multi_head_attention biased", output, 400 * Run::epsilon);
    // More queries and keys than a tile of teams holds.
    auto const long_query = run.template normal<4>({1, 2, 70, 24}, 12), long_key = run.template normal<4>({1, 2, 150, 24}, 13),
               long_value  = run.template normal<4>({1, 2, 150, 33}, 14);
    auto const long_mask   = run.template booleans<4>({1, 1, 70, 150}, 15, 0.7);
    auto const long_output = run.template output<4>({1, 2, 70, 33});
    nn::multi_head_attention(exec, long_query, long_key, long_value, long_mask, none, long_output, none, {.causal = true, .causal_offset = 40});
    run.keep("nn.multi_head_attention of several tiles", long_output, 800 * Run::epsilon);
  }
};

Register<Nn> const registration("nn");

}  // namespace
}  // namespace ocellus::device_test
