// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ocellus/vit/weights.hpp>

namespace ocellus::test {

/// The tensors of one block of width 12 with hidden width 20; `full` adds everything optional. `gated`: a standard block's MLP is a SwiGLU.
inline ParameterTable block_table(vit::BlockKind kind, bool full, bool gated = false) {
  ParameterTable table;
  auto const linear = [&](std::string const& name, std::int64_t out, std::int64_t in) {
    table.add(name + ".weight", {out, in});
    if (full) table.add(name + ".bias", {out});
  };
  auto const norm = [&](std::string const& name, std::int64_t size) {
    if (!full) return;
    table.add(name + ".weight", {size});
    table.add(name + ".bias", {size});
  };
  bool const standard = kind == vit::BlockKind::standard;
  norm(standard ? "norm1" : "in_norm", 12);
  linear(standard ? "attn.qkv" : "in_proj", standard ? 36 : 56, 12);
  norm(standard ? "attn.q_norm" : "q_norm", 4);
  norm(standard ? "attn.k_norm" : "k_norm", 4);
  linear(standard ? "attn.proj" : "attn_out_proj", 12, 12);
  if (full) table.add(standard ? "ls1.gamma" : "ls.gamma", {12});
  if (standard) norm("norm2", 12);
  if (standard) linear("mlp.fc1", gated ? 40 : 20, 12);
  if (!standard && full) table.add("mlp_bias", {20});
  linear(standard ? "mlp.fc2" : "mlp_out_proj", 12, 20);
  if (standard && full) table.add("ls2.gamma", {12});
  return table;
}

/// The MLPs that a block may have.
struct BlockMlp {
  vit::BlockKind kind;
  bool gated;
};
inline constexpr BlockMlp block_mlps[] = {{vit::BlockKind::standard, false}, {vit::BlockKind::standard, true}, {vit::BlockKind::parallel_scaling, false}};

}  // namespace ocellus::test
