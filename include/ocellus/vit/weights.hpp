// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The parameters of vision transformers under timm's names: tables, Views cut from one flat array, seeded starting values.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/parameter_table.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/random.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/vit/detail/weight_element.hpp>

namespace ocellus::vit {

enum class BlockKind {
  standard,          ///< norm, attention, norm, MLP, one after the other (timm's Block)
  parallel_scaling,  ///< one norm and one input projection for both (timm's ParallelScalingBlock, Recursion's models)
};

/// Unmanaged Views into a flat array; null where a tensor is absent.
template <class Scalar, MemorySpace Space>
struct WeightViews {
  using Element = typename detail::WeightElement<Scalar>::type;
  using Vector  = UnmanagedTensor<Element*, Space>;
  using Matrix  = UnmanagedTensor<Element**, Space>;
  using Kernel  = UnmanagedTensor<Element****, Space>;
};

template <class Scalar, MemorySpace Space>
struct LinearWeights {
  typename WeightViews<Scalar, Space>::Matrix weight;  ///< (O, I)
  typename WeightViews<Scalar, Space>::Vector bias;    ///< (O)
};

template <class Scalar, MemorySpace Space>
struct NormWeights {
  typename WeightViews<Scalar, Space>::Vector weight, bias;  ///< (D)

  [[nodiscard]] bool is_present() const { return weight.data() != nullptr; }
};

/// A block of either kind. Width D, hidden width F.
template <class Scalar, MemorySpace Space>
struct TransformerBlockWeights {
  BlockKind kind = BlockKind::standard;
  NormWeights<Scalar, Space> norm1;                      ///< standard norm1, parallel in_norm
  LinearWeights<Scalar, Space> qkv;                      ///< standard attn.qkv (3D, D); parallel in_proj (F + 3D, D), outputs [mlp, q, k, v]
  typename WeightViews<Scalar, Space>::Vector mlp_bias;  ///< parallel (F)
  NormWeights<Scalar, Space> q_norm, k_norm;
  LinearWeights<Scalar, Space> proj;                ///< attn.proj, attn_out_proj (D, D)
  typename WeightViews<Scalar, Space>::Vector ls1;  ///< ls1.gamma, ls.gamma (D)
  NormWeights<Scalar, Space> norm2;                 ///< standard
  LinearWeights<Scalar, Space> fc1;                 ///< standard mlp.fc1 (F, D); SwiGLU (2F, D): mlp.fc1, mlp.w12, outputs [gate, value]
  LinearWeights<Scalar, Space> fc2;                 ///< mlp.fc2, mlp.w3, mlp_out_proj (D, F)
  typename WeightViews<Scalar, Space>::Vector ls2;  ///< standard ls2.gamma

  [[nodiscard]] std::int64_t width() const { return extent(qkv.weight, 1); }
  [[nodiscard]] std::int64_t hidden() const { return extent(fc2.weight, 1); }
  /// The MLP is silu(gate) value in place of gelu.
  [[nodiscard]] bool gated() const { return kind == BlockKind::standard && hidden() > 0 && extent(fc1.weight, 0) == 2 * hidden(); }
};

/// timm's AttentionPoolLatent with one latent.
template <class Scalar, MemorySpace Space>
struct AttentionPoolWeights {
  typename WeightViews<Scalar, Space>::Matrix latent;  ///< (1, D)
  LinearWeights<Scalar, Space> q, kv, proj;
  NormWeights<Scalar, Space> norm;
  LinearWeights<Scalar, Space> fc1, fc2;

  [[nodiscard]] bool is_present() const { return latent.data() != nullptr; }
};

/// A whole encoder.
template <class Scalar, MemorySpace Space>
struct EncoderWeights {
  typename WeightViews<Scalar, Space>::Kernel patch_weight;  ///< (D, C or 1, P, Q)
  typename WeightViews<Scalar, Space>::Vector patch_bias;
  typename WeightViews<Scalar, Space>::Matrix cls_token;  ///< (1, D)
  typename WeightViews<Scalar, Space>::Matrix reg_token;  ///< (R, D)
  typename WeightViews<Scalar, Space>::Matrix pos_embed;  ///< (rows, D)
  NormWeights<Scalar, Space> norm_pre, norm, fc_norm;
  AttentionPoolWeights<Scalar, Space> attn_pool;
  std::vector<TransformerBlockWeights<Scalar, Space>> blocks;

  [[nodiscard]] std::int64_t width() const { return extent(patch_weight, 0); }
  [[nodiscard]] std::int64_t prefix_tokens() const { return extent(cls_token, 0) + extent(reg_token, 0); }
};

/// Cuts Views out of a flat array by name; what the table does not name stays null.
template <class Scalar, MemorySpace Space>
class WeightCutter {
 public:
  using Views = WeightViews<Scalar, Space>;

  /// Errors: `std::invalid_argument` when the array is smaller than the table.
  template <RealView<1> Parameters>
  WeightCutter(ParameterTable const& table, Parameters const& parameters) : table_(table), data_(parameters.data()) {
    require(parameters.extent(0) >= table.size() && (parameters.extent(0) <= 1 || parameters.stride(0) == 1), "ocellus::vit::WeightCutter",
            "parameters.extent(0) is ", parameters.extent(0), " but the table has ", table.size(), " (contiguous)");
  }

  [[nodiscard]] bool has(std::string const& name) const { return table_.find(name) != nullptr; }
  [[nodiscard]] typename Views::Vector vector(std::string const& name) const {
    auto const* const e = entry(name, 1);
    return e == nullptr ? typename Views::Vector() : typename Views::Vector(data_ + e->offset, e->size());
  }
  /// The last two axes; leading ones must be 1.
  [[nodiscard]] typename Views::Matrix matrix(std::string const& name) const {
    auto const* const e = entry(name, 2);
    return e == nullptr ? typename Views::Matrix()
                        : typename Views::Matrix(data_ + e->offset, static_cast<std::size_t>(e->extents[e->extents.size() - 2]),
                                                 static_cast<std::size_t>(e->extents.back()));
  }
  [[nodiscard]] typename Views::Kernel kernel(std::string const& name) const {
    auto const* const e = entry(name, 4);
    if (e == nullptr) return {};
    return typename Views::Kernel(data_ + e->offset, static_cast<std::size_t>(e->extents[0]), static_cast<std::size_t>(e->extents[1]),
                                  static_cast<std::size_t>(e->extents[2]), static_cast<std::size_t>(e->extents[3]));
  }
  [[nodiscard]] LinearWeights<Scalar, Space> linear(std::string const& name) const { return {matrix(name + ".weight"), vector(name + ".bias")}; }
  [[nodiscard]] NormWeights<Scalar, Space> norm(std::string const& name) const { return {vector(name + ".weight"), vector(name + ".bias")}; }

 private:
  [[nodiscard]] ParameterEntry const* entry(std::string const& name, std::size_t rank) const {
    auto const* const e = table_.find(name);
    if (e == nullptr) return nullptr;
    std::size_t leading = 1;
    for (std::size_t axis = 0; axis + rank < e->extents.size(); ++axis) leading *= static_cast<std::size_t>(e->extents[axis]);
    require(e->extents.size() >= rank && leading == 1, "ocellus::vit::WeightCutter", "\"", name, "\" has ", e->extents.size(), " axes, ", rank,
            " are expected (more only of extent 1)");
    return e;
  }

  ParameterTable const& table_;
  typename Views::Element* data_;
};

namespace detail {

template <class Scalar, MemorySpace Space>
[[nodiscard]] TransformerBlockWeights<Scalar, Space> cut_block(WeightCutter<Scalar, Space> const& cut, BlockKind kind, std::string const& prefix) {
  TransformerBlockWeights<Scalar, Space> block;
  block.kind          = kind;
  bool const standard = kind == BlockKind::standard;
  auto const at       = [&](char const* name) { return prefix + name; };
  block.norm1         = cut.norm(at(standard ? "norm1" : "in_norm"));
  block.qkv           = cut.linear(at(standard ? "attn.qkv" : "in_proj"));
  block.mlp_bias      = cut.vector(at("mlp_bias"));
  block.q_norm        = cut.norm(at(standard ? "attn.q_norm" : "q_norm"));
  block.k_norm        = cut.norm(at(standard ? "attn.k_norm" : "k_norm"));
  block.proj          = cut.linear(at(standard ? "attn.proj" : "attn_out_proj"));
  block.ls1           = cut.vector(at(standard ? "ls1.gamma" : "ls.gamma"));
  bool const split    = cut.has(at("mlp.w12.weight"));  // DINOv2's own names of SwiGLU
  block.fc2           = cut.linear(at(!standard ? "mlp_out_proj" : split ? "mlp.w3" : "mlp.fc2"));
  if (standard) {
    block.norm2 = cut.norm(at("norm2"));
    block.fc1   = cut.linear(at(split ? "mlp.w12" : "mlp.fc1"));
    block.ls2   = cut.vector(at("ls2.gamma"));
  }
  return block;
}

template <class Scalar, MemorySpace Space>
[[nodiscard]] AttentionPoolWeights<Scalar, Space> cut_attention_pool(WeightCutter<Scalar, Space> const& cut, std::string const& prefix) {
  AttentionPoolWeights<Scalar, Space> pool;
  pool.latent = cut.matrix(prefix + "latent");
  pool.q      = cut.linear(prefix + "q");
  pool.kv     = cut.linear(prefix + "kv");
  pool.proj   = cut.linear(prefix + "proj");
  pool.norm   = cut.norm(prefix + "norm");
  pool.fc1    = cut.linear(prefix + "mlp.fc1");
  pool.fc2    = cut.linear(prefix + "mlp.fc2");
  return pool;
}

template <class Scalar, MemorySpace Space>
[[nodiscard]] EncoderWeights<Scalar, Space> cut_encoder(WeightCutter<Scalar, Space> const& cut, BlockKind kind) {
  EncoderWeights<Scalar, Space> weights;
  require(cut.has("patch_embed.proj.weight"), "ocellus::vit::encoder_weights", "the table has no patch_embed.proj.weight");
  weights.patch_weight = cut.kernel("patch_embed.proj.weight");
  weights.patch_bias   = cut.vector("patch_embed.proj.bias");
  weights.cls_token    = cut.matrix("cls_token");
  weights.reg_token    = cut.matrix("reg_token");
  weights.pos_embed    = cut.matrix("pos_embed");
  weights.norm_pre     = cut.norm("norm_pre");
  weights.norm         = cut.norm("norm");
  weights.fc_norm      = cut.norm("fc_norm");
  if (cut.has("attn_pool.latent")) weights.attn_pool = detail::cut_attention_pool(cut, "attn_pool.");
  for (int i = 0;; ++i) {
    std::string const prefix = "blocks." + std::to_string(i) + ".";
    if (!cut.has(prefix + (kind == BlockKind::standard ? "attn.qkv.weight" : "in_proj.weight"))) break;
    weights.blocks.push_back(detail::cut_block(cut, kind, prefix));
  }
  return weights;
}

}  // namespace detail

/// The Views of a block whose names begin with `prefix`.
///
/// Errors: `std::invalid_argument` when a tensor has another rank than its name asks for. Determinism: exact. Allocates: nothing.
template <RealView<1> Parameters>
[[nodiscard]] auto transformer_block_weights(ParameterTable const& table, Parameters const& parameters, BlockKind kind, std::string const& prefix = "") {
  return detail::cut_block(WeightCutter<typename Parameters::non_const_value_type, typename Parameters::memory_space>(table, parameters), kind, prefix);
}

/// The Views of an attention pool whose names begin with `prefix`.
template <RealView<1> Parameters>
[[nodiscard]] auto attention_pool_weights(ParameterTable const& table, Parameters const& parameters, std::string const& prefix = "") {
  return detail::cut_attention_pool(WeightCutter<typename Parameters::non_const_value_type, typename Parameters::memory_space>(table, parameters), prefix);
}

/// The Views of a whole encoder: what the table names is what is applied.
///
/// Errors: `std::invalid_argument` when patch_embed.proj.weight is missing or a tensor has another rank than its name asks for.
template <RealView<1> Parameters>
[[nodiscard]] auto encoder_weights(ParameterTable const& table, Parameters const& parameters, BlockKind kind) {
  return detail::cut_encoder(WeightCutter<typename Parameters::non_const_value_type, typename Parameters::memory_space>(table, parameters), kind);
}

/// The shape of an encoder, from which its table of parameters follows.
struct EncoderConfiguration {
  std::int64_t image_size = 224, patch_size = 16, channels = 3, width = 384, depth = 12, heads = 6;
  double mlp_ratio       = 4.0;
  BlockKind block        = BlockKind::standard;
  bool channel_agnostic  = false;
  bool class_token       = true;
  std::int64_t registers = 0;
  bool qk_norm           = false;
  bool layer_scale       = false;
  bool swiglu            = false;  ///< standard blocks: silu(gate) value in place of gelu, mlp.fc1 twice as wide
  bool final_norm        = true;

  /// Positions of one channel (channel-agnostic) or of the image.
  [[nodiscard]] std::int64_t patches() const { return (image_size / patch_size) * (image_size / patch_size); }
};

/// Shapes by name: "tiny" (192 wide, 3 heads), "small" (384, 6), "base" (768, 12), each 12 blocks deep, and "large" (1024, 16 heads, 24 blocks).
[[nodiscard]] inline EncoderConfiguration named_configuration(std::string const& name) {
  EncoderConfiguration c;
  if (name == "tiny")
    c.width = 192, c.heads = 3;
  else if (name == "small")
    c.width = 384, c.heads = 6;
  else if (name == "base")
    c.width = 768, c.heads = 12;
  else if (name == "large")
    c.width = 1024, c.heads = 16, c.depth = 24;
  else
    refuse("ocellus::vit::named_configuration", "there is no size \"" + name + "\"; known are tiny, small, base and large");
  return c;
}

/// timm's names and shapes for a configuration.
///
/// Errors: `std::invalid_argument` when a size is not positive, the image is not a multiple of the patch, or the width not of the heads.
[[nodiscard]] inline ParameterTable encoder_parameter_table(EncoderConfiguration const& c) {
  constexpr auto function = "ocellus::vit::encoder_parameter_table";
  require(c.image_size > 0 && c.patch_size > 0 && c.image_size % c.patch_size == 0, function, "image_size ", c.image_size, " is not a multiple of patch_size ",
          c.patch_size);
  require(c.width > 0 && c.heads > 0 && c.width % c.heads == 0, function, "width ", c.width, " is not a multiple of heads ", c.heads);
  require(c.channels > 0 && c.depth >= 0, function, "channels is ", c.channels, " and depth ", c.depth);
  ParameterTable table;
  auto const hidden = static_cast<std::int64_t>(static_cast<double>(c.width) * c.mlp_ratio);
  ParameterFlags const plain{.decay = false};
  auto const linear = [&](std::string const& name, std::int64_t out, std::int64_t in, bool bias = true) {
    table.add(name + ".weight", {out, in});
    if (bias) table.add(name + ".bias", {out}, plain);
  };
  auto const norm = [&](std::string const& name, std::int64_t size) {
    table.add(name + ".weight", {size}, plain);
    table.add(name + ".bias", {size}, plain);
  };
  table.add("patch_embed.proj.weight", {c.width, c.channel_agnostic ? 1 : c.channels, c.patch_size, c.patch_size});
  table.add("patch_embed.proj.bias", {c.width}, plain);
  std::int64_t const prefix = (c.class_token ? 1 : 0) + c.registers;
  if (c.class_token) table.add("cls_token", {1, 1, c.width}, plain);
  if (c.registers > 0) table.add("reg_token", {1, c.registers, c.width}, plain);
  table.add("pos_embed", {1, prefix + c.patches() * (c.channel_agnostic ? c.channels : 1), c.width}, plain);
  for (std::int64_t i = 0; i < c.depth; ++i) {
    std::string const b     = "blocks." + std::to_string(i) + ".";
    std::int64_t const head = c.width / c.heads;
    if (c.block == BlockKind::standard) {
      norm(b + "norm1", c.width);
      linear(b + "attn.qkv", 3 * c.width, c.width);
      if (c.qk_norm) norm(b + "attn.q_norm", head), norm(b + "attn.k_norm", head);
      linear(b + "attn.proj", c.width, c.width);
      if (c.layer_scale) table.add(b + "ls1.gamma", {c.width}, plain);
      norm(b + "norm2", c.width);
      linear(b + "mlp.fc1", c.swiglu ? 2 * hidden : hidden, c.width);
      linear(b + "mlp.fc2", c.width, hidden);
      if (c.layer_scale) table.add(b + "ls2.gamma", {c.width}, plain);
    } else {
      norm(b + "in_norm", c.width);
      linear(b + "in_proj", hidden + 3 * c.width, c.width, false);
      table.add(b + "mlp_bias", {hidden}, plain);
      if (c.qk_norm) norm(b + "q_norm", head), norm(b + "k_norm", head);
      linear(b + "attn_out_proj", c.width, c.width);
      linear(b + "mlp_out_proj", c.width, hidden);
      if (c.layer_scale) table.add(b + "ls.gamma", {c.width}, plain);
    }
  }
  if (c.final_norm) norm("norm", c.width);
  return table;
}

/// Seeded starting values in host memory: weights and tokens normal with deviation 0.02 cut at two deviations, biases 0, norms 1, LayerScale 1e-4. An element's
/// value depends on the seed, its tensor's number and its place alone.
template <RealView<1> Parameters>
void initialize_encoder(ParameterTable const& table, Parameters const& parameters, std::uint64_t seed) {
  static_assert(Kokkos::SpaceAccessibility<Kokkos::HostSpace, typename Parameters::memory_space>::accessible,
                "ocellus::vit::initialize_encoder: parameters must be in host memory");
  require(parameters.extent(0) >= table.size(), "ocellus::vit::initialize_encoder", "parameters.extent(0) is ", parameters.extent(0), " but the table has ",
          table.size());
  using Scalar         = typename Parameters::non_const_value_type;
  auto const ends_with = [](std::string const& text, std::string const& end) {
    return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
  };
  for (std::size_t t = 0; t < table.entries().size(); ++t) {
    auto const& entry = table.entries()[t];
    RandomSequence const random{.seed = seed, .stream = RandomStream::weights, .step = 0, .sample = static_cast<std::uint32_t>(t)};
    bool const norm = entry.name.find("norm") != std::string::npos;
    for (std::size_t i = 0; i < entry.size(); ++i) {
      double value = 0;
      if (ends_with(entry.name, ".gamma"))
        value = 1e-4;
      else if (norm && ends_with(entry.name, ".weight"))
        value = 1;
      else if (!ends_with(entry.name, "bias")) {
        value = random.normal(i);
        value = 0.02 * (value > 2 ? 2 : value < -2 ? -2 : value);
      }
      parameters(entry.offset + i) = static_cast<Scalar>(value);
    }
  }
}

}  // namespace ocellus::vit
