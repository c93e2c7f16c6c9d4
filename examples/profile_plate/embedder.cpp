// SPDX-License-Identifier: Apache-2.0

#include "embedder.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <ocellus/io/load_parameters.hpp>
#include <ocellus/io/safetensors.hpp>
#include <ocellus/vit.hpp>

#include "encoder_parts.hpp"
#include "support/content_hash.hpp"
#include "support/user_error.hpp"

namespace ocellus::examples {
namespace {

using Exec = Kokkos::DefaultExecutionSpace;

/// Cells that go through the encoder together: a bound on memory. The result does not depend on it.
constexpr std::int64_t batch = 32;

/// The untrained encoder: small enough for a plate on two cores.
vit::EncoderConfiguration untrained_configuration(std::int64_t crop, std::int64_t channels) {
  return {.image_size = crop, .patch_size = 8, .channels = channels, .width = 192, .depth = 6, .heads = 3, .channel_agnostic = true};
}

/// A number in the weights' metadata.
std::int64_t whole_number(Settings const& settings, char const* name, std::string const& text) {
  std::int64_t value    = 0;
  auto const [end, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (bad != std::errc() || end != text.data() + text.size() || value < 1)
    throw UserError(settings.weights.string() + ": the metadata says that " + name + " is \"" + text + "\", which is no positive number");
  return value;
}

}  // namespace

struct Embedder::State {
  Exec exec;
  Tensor<float*, Exec> parameters;
  vit::EncoderWeights<float, typename Exec::memory_space> weights;
  vit::EncoderOptions options;
  std::int64_t crop = 0, channels = 0, outputs = 0;
  bool trained = false;
  std::string description, identity;
  std::vector<std::string> remarks;
  WorkspaceFor<Exec> workspace;
};

Embedder::Embedder(Settings const& settings, std::int64_t channels) : state_(std::make_unique<State>()) {
  State& s   = *state_;
  s.channels = channels;
  ParameterTable table;
  HostTensor<float*> host;
  vit::BlockKind kind = vit::BlockKind::standard;
  if (settings.weights.empty()) {
    if (settings.crop % 8 != 0) throw UserError("--crop is " + std::to_string(settings.crop) + ", which is not a multiple of 8, the untrained encoder's patch");
    auto const configuration = untrained_configuration(settings.crop, channels);
    table                    = vit::encoder_parameter_table(configuration);
    host                     = HostTensor<float*>("ocellus::examples::parameters", table.size());
    vit::initialize_encoder(table, host, settings.seed);
    s.crop        = settings.crop;
    s.options     = {.heads = configuration.heads, .pool = vit::EncoderPool::channel_avg, .channel_agnostic = true};
    s.outputs     = channels * configuration.width;
    s.description = "a channel-agnostic vision transformer with seeded random weights (seed " + std::to_string(settings.seed) +
                    "), width 192, 6 blocks, patches of 8 pixels, mean of each channel's tokens";
  } else {
    auto const file = io::read_safetensors(settings.weights);
    // What the file names is what is applied; only a classifier's head is left out.
    for (auto const& tensor : file.tensors) {
      std::string const name = io::stripped_name(tensor.name, {"encoder.vit_backbone."});
      if (name.rfind("head.", 0) == 0)
        s.remarks.push_back("Ignored in the weights: " + tensor.name + ".");
      else if (name.rfind("decoder", 0) != 0)
        table.add(name, tensor.extents);
    }
    auto const* const kernel = table.find("patch_embed.proj.weight");
    if (kernel == nullptr || kernel->extents.size() != 4)
      throw UserError(settings.weights.string() + ": there is no patch_embed.proj.weight, so these are no weights of a vision transformer under timm's names");
    kind = table.find("blocks.0.in_proj.weight") != nullptr ? vit::BlockKind::parallel_scaling : vit::BlockKind::standard;
    host = HostTensor<float*>("ocellus::examples::parameters", table.size());
    static_cast<void>(io::load_parameters(file, table, host, {.ignore = {"head.", "decoder"}}));
    vit::EncoderWeights<float, Kokkos::HostSpace> weights;
    try {
      weights = vit::encoder_weights(table, host, kind);
    } catch (std::invalid_argument const& error) {
      throw UserError(settings.weights.string() + ": " + error.what());
    }
    std::int64_t const width = kernel->extents[0], patch = kernel->extents[2], positions = extent(weights.pos_embed, 0) - weights.prefix_tokens();
    auto const head = file.metadata.find("heads");
    s.options.heads = head != file.metadata.end() ? whole_number(settings, "heads", head->second) : std::max<std::int64_t>(1, width / 64);
    // One kernel for all channels is the mark of a channel-agnostic encoder.
    s.options.channel_agnostic = kernel->extents[1] == 1;
    std::int64_t grid          = static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(positions))));
    auto const size            = file.metadata.find("image_size");
    if (size != file.metadata.end()) {
      grid = whole_number(settings, "image_size", size->second) / patch;
    } else if (s.options.channel_agnostic && (channels > 1 || grid * grid != positions)) {
      // The table holds the grids of as many channels as were trained: the largest square that divides it.
      for (std::int64_t trained_channels = 1; trained_channels <= 64; ++trained_channels) {
        std::int64_t const one = positions / trained_channels, side = static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(one))));
        if (trained_channels >= channels && positions % trained_channels == 0 && side * side == one) {
          grid = side;
          break;
        }
      }
    }
    if (!s.options.channel_agnostic && kernel->extents[1] != channels) {
      throw UserError(settings.weights.string() + ": the weights are for " + std::to_string(kernel->extents[1]) + " channels but the plate table has " +
                      std::to_string(channels));
    }
    s.crop         = grid * patch;
    s.options.pool = s.options.channel_agnostic         ? vit::EncoderPool::channel_avg
                     : extent(weights.cls_token, 0) > 0 ? vit::EncoderPool::token
                                                        : vit::EncoderPool::avg;
    s.outputs      = s.options.channel_agnostic ? channels * width : width;
    s.trained      = true;
    s.description  = "weights of " + settings.weights.filename().string() + ": width " + std::to_string(width) + ", " + std::to_string(weights.blocks.size()) +
                    (kind == vit::BlockKind::standard ? "" : " parallel") + " blocks, " + std::to_string(s.options.heads) + " heads, patches of " +
                    std::to_string(patch) + " pixels, crops of " + std::to_string(s.crop);
  }
  s.parameters = Tensor<float*, Exec>("ocellus::examples::parameters", host.extent(0));
  Kokkos::deep_copy(s.parameters, host);
  s.weights = vit::encoder_weights(table, s.parameters, kind);
  ContentHash hash;
  hash.add(host.data(), host.size() * sizeof(float)).add(s.description).add(s.crop).add(s.channels);
  s.identity = hash.hexadecimal();
  // One empty run says at once, and not after the first site, whether the weights fit the channels.
  try {
    HostTensor<float****> const probe("ocellus::examples::probe", 1, channels, s.crop, s.crop);
    static_cast<void>(embed(probe));
  } catch (std::invalid_argument const& error) {
    throw UserError((settings.weights.empty() ? std::string("the encoder") : settings.weights.string()) + " does not fit the plate: " + error.what());
  }
}

Embedder::~Embedder() = default;

std::int64_t Embedder::crop() const { return state_->crop; }
std::int64_t Embedder::width() const { return state_->outputs; }
std::string Embedder::description() const { return state_->description; }
bool Embedder::trained() const { return state_->trained; }
std::string Embedder::identity() const { return state_->identity; }
std::vector<std::string> const& Embedder::remarks() const { return state_->remarks; }
EncoderParts Embedder::parts() const { return {state_->weights, state_->options, state_->crop, state_->channels, state_->outputs}; }

HostTensor<float**> Embedder::embed(HostTensor<float****> const& crops) const {
  State& s               = *state_;
  std::int64_t const all = extent(crops, 0), width = s.weights.width();
  auto result            = make_host_tensor<float**>("ocellus::examples::embedding", all, s.outputs);
  auto const pixels      = make_tensor<float****>(s.exec, "ocellus::examples::pixels", std::min(batch, all), s.channels, s.crop, s.crop);
  auto const per_channel = make_tensor<float***>(s.exec, "ocellus::examples::per_channel", std::min(batch, all), s.channels, width);
  auto const single      = make_tensor<float**>(s.exec, "ocellus::examples::single", std::min(batch, all), width);
  for (std::int64_t first = 0; first < all; first += batch) {
    std::int64_t const count = std::min(batch, all - first);
    auto const rows          = Kokkos::make_pair(std::size_t{0}, static_cast<std::size_t>(count));
    auto const from          = Kokkos::make_pair(static_cast<std::size_t>(first), static_cast<std::size_t>(first + count));
    auto const x             = Kokkos::subview(pixels, rows, Kokkos::ALL, Kokkos::ALL, Kokkos::ALL);
    Kokkos::deep_copy(s.exec, x, Kokkos::subview(crops, from, Kokkos::ALL, Kokkos::ALL, Kokkos::ALL));
    vit::instance_standardize(s.exec, x, x, {.divisor = 1.0});
    auto const run = [&](auto const& output) {
      std::size_t const needed = vit::encoder_workspace_size(s.exec, x, s.weights, output, s.options);
      if (s.workspace.capacity() < needed) s.workspace = WorkspaceFor<Exec>(s.exec, needed);
      vit::encoder(s.exec, x, s.weights, output, s.options, s.workspace);
    };
    UnmanagedTensor<float**, Kokkos::HostSpace> const to(result.data() + first * s.outputs, static_cast<std::size_t>(count),
                                                         static_cast<std::size_t>(s.outputs));
    if (s.options.pool == vit::EncoderPool::channel_avg) {
      auto const output = Kokkos::subview(per_channel, rows, Kokkos::ALL, Kokkos::ALL);
      run(output);
      Kokkos::deep_copy(
          s.exec, to,
          UnmanagedTensor<float**, typename Exec::memory_space>(output.data(), static_cast<std::size_t>(count), static_cast<std::size_t>(s.outputs)));
    } else {
      auto const output = Kokkos::subview(single, rows, Kokkos::ALL);
      run(output);
      Kokkos::deep_copy(s.exec, to, output);
    }
    s.exec.fence();
  }
  return result;
}

}  // namespace ocellus::examples
