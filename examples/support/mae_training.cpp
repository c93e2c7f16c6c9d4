// SPDX-License-Identifier: Apache-2.0

#include "mae_training.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <sstream>

#include <ocellus/core/random.hpp>
#include <ocellus/io/load_parameters.hpp>
#include <ocellus/io/safetensors.hpp>
#include <ocellus/mae/train_steps.hpp>
#include <ocellus/vit/instance_standardize.hpp>

#include "user_error.hpp"

namespace ocellus::examples {
namespace {

using Exec      = Kokkos::DefaultExecutionSpace;
using Host      = Kokkos::DefaultHostExecutionSpace;
using Parameter = Tensor<float*, Exec>;
namespace fs    = std::filesystem;

/// Numbers of crops that are prepared at once: a bound on memory.
constexpr std::int64_t crop_budget = std::int64_t{1} << 24;
/// Images that go through the model at once: the result does not depend on it.
constexpr std::int64_t micro_batch = 16;

/// One process at a time works in a folder; the lock goes with the process.
class FolderLock {
 public:
  explicit FolderLock(fs::path const& folder) : file_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (file_ >= 0 && ::flock(file_, LOCK_EX | LOCK_NB) != 0) {
      ::close(file_);
      throw UserError("another process is training in " + folder.string());
    }
  }
  ~FolderLock() {
    if (file_ >= 0) ::close(file_);
  }
  FolderLock(FolderLock const&)            = delete;
  FolderLock& operator=(FolderLock const&) = delete;

 private:
  int file_;
};

/// log.csv, which grows by lines between checkpoints.
class LogFile {
 public:
  /// Writes the lines so far, whole or not at all, and stays open for more.
  LogFile(fs::path const& path, TrainingLog const& log) : path_(path) {
    std::string text = "step,loss,learning_rate,seconds\n";
    for (std::size_t s = 0; s < log.steps(); ++s) text += line(log, s);
    io::write_file_atomically(path, text);
    file_ = std::fopen(path.c_str(), "a");
    if (file_ == nullptr) throw io::FileError(path, "", std::strerror(errno));
  }
  ~LogFile() {
    if (file_ != nullptr) std::fclose(file_);
  }
  LogFile(LogFile const&)            = delete;
  LogFile& operator=(LogFile const&) = delete;

  void append(TrainingLog const& log, std::size_t first) {
    for (std::size_t s = first; s < log.steps(); ++s) std::fputs(line(log, s).c_str(), file_);
    if (std::fflush(file_) != 0 || std::ferror(file_) != 0) throw io::FileError(path_, "", std::strerror(errno));
  }

 private:
  static std::string line(TrainingLog const& log, std::size_t s) {
    char text[128];
    std::snprintf(text, sizeof text, "%zu,%.9g,%.9g,%.3f\n", s + 1, static_cast<double>(log.loss[s]), static_cast<double>(log.learning_rate[s]),
                  log.seconds[s]);
    return text;
  }

  fs::path path_;
  std::FILE* file_ = nullptr;
};

/// What a process that was killed in the middle of writing has left.
void remove_leftovers(fs::path const& folder) {
  for (auto const& entry : fs::directory_iterator(folder)) {
    auto const name = entry.path().filename().string();
    for (std::string const whole : {"checkpoint.safetensors", "model.safetensors", "encoder.safetensors", "log.csv"}) {
      if (name.size() == whole.size() + 7 && name.rfind(whole + ".", 0) == 0) fs::remove(entry.path());
    }
  }
}

template <class T>
void add_line(io::Safetensors& file, char const* name, std::vector<T> const& values) {
  auto const line = make_host_tensor<T*>(name, values.size());
  std::copy(values.begin(), values.end(), line.data());
  file.add(name, line);
}

template <class T>
void take_line(io::Safetensors const& file, char const* name, std::size_t count, T* to, fs::path const& path) {
  auto const* const tensor = file.find(name);
  if (tensor == nullptr || tensor->size() != count) throw io::FileError(path, name, "is missing or has another length, so this is no checkpoint of this model");
  for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<T>(tensor->at(i));
}

/// The starting values. LayerScale is opened to the setting, since a short training would spend itself on opening it.
HostTensor<float*> starting_values(TrainingSettings const& settings, ParameterTable const& table) {
  HostTensor<float*> const values("ocellus::examples::parameters", table.size());
  mae::initialize_masked_autoencoder(settings.model, table, values, settings.seed);
  for (auto const& entry : table.entries()) {
    bool const scale = entry.name.size() > 9 && entry.name.compare(entry.name.size() - 9, 9, ".ls.gamma") == 0;
    for (std::size_t i = 0; scale && i < entry.size(); ++i) values(entry.offset + i) = static_cast<float>(settings.layer_scale);
  }
  return values;
}

}  // namespace

mae::MaskedAutoencoderConfiguration named_model(std::string const& size) {
  if (size == "tiny") {
    return {.image_size       = 64,
            .patch_size       = 8,
            .channels         = 1,
            .width            = 96,
            .depth            = 4,
            .heads            = 3,
            .decoder_width    = 64,
            .decoder_depth    = 1,
            .decoder_heads    = 4,
            .channel_agnostic = true};
  }
  mae::MaskedAutoencoderConfiguration small{
      .image_size = 224, .patch_size = 16, .channels = 1, .width = 384, .depth = 12, .heads = 6, .decoder_width = 512, .decoder_depth = 8, .decoder_heads = 16};
  if (size == "vits16") return small;
  if (size == "camae_s16") {
    small.decoder_width    = 256;
    small.decoder_depth    = 2;
    small.decoder_heads    = 8;
    small.channel_agnostic = true;
    return small;
  }
  throw UserError("--size is \"" + size + "\"; known are tiny, camae_s16 and vits16");
}

std::string TrainingSettings::text() const {
  std::ostringstream out;
  out.precision(17);
  out << "image_size=" << model.image_size << " patch_size=" << model.patch_size << " channels=" << model.channels << " width=" << model.width
      << " depth=" << model.depth << " heads=" << model.heads << " decoder_width=" << model.decoder_width << " decoder_depth=" << model.decoder_depth
      << " decoder_heads=" << model.decoder_heads << " channel_agnostic=" << model.channel_agnostic << " steps=" << steps << " batch=" << batch
      << " warmup=" << warmup << " learning_rate=" << learning_rate << " weight_decay=" << weight_decay << " beta2=" << beta2 << " clip_norm=" << clip_norm
      << " mask=" << ratio << " fourier_weight=" << fourier_weight << " layer_scale=" << layer_scale << " standardize=" << standardize << " lattice=" << lattice
      << " seed=" << seed;
  return out.str();
}

void draw_noise(TrainingSettings const& settings, std::uint32_t step, std::uint32_t sample, float* noise) {
  std::int64_t const tokens = settings.model.tokens(), across = settings.model.image_size / settings.model.patch_size;
  RandomSequence const random{.seed = settings.seed, .stream = RandomStream::masking, .step = step, .sample = sample};
  std::int64_t const place = random.below(static_cast<std::uint64_t>(tokens), 4);
  for (std::int64_t t = 0; t < tokens; ++t) {
    bool const first = settings.lattice && t / across % 2 * 2 + t % across % 2 == place;
    noise[t]         = random.uniform(static_cast<std::uint64_t>(t)) + (first ? 1.f : 0.f);
  }
}

struct MaeTraining::State {
  fs::path out;
  TrainingSettings settings;
  CropPool const& pool;
  FolderLock lock;
  Exec exec;
  ParameterTable table;
  Parameter parameters, first_moment, second_moment, gradients;
  TrainingLog log;
  std::int64_t resumed = 0;
  std::string identity;

  [[nodiscard]] fs::path checkpoint() const { return out / "checkpoint.safetensors"; }

  [[nodiscard]] std::map<std::string, std::string> metadata() const {
    auto const& m = settings.model;
    return {{"heads", std::to_string(m.heads)},
            {"image_size", std::to_string(m.image_size)},
            {"decoder_heads", std::to_string(m.decoder_heads)},
            {"channel_agnostic", m.channel_agnostic ? "true" : "false"},
            {"settings", settings.text()},
            {"images", identity}};
  }

  [[nodiscard]] HostTensor<float*> on_host(Parameter const& line) const {
    HostTensor<float*> const host("ocellus::examples::parameters", line.extent(0));
    Kokkos::deep_copy(exec, host, line);
    exec.fence();
    return host;
  }

  void write_checkpoint() const {
    io::Safetensors file;
    file.add("parameters", on_host(parameters));
    file.add("first_moment", on_host(first_moment));
    file.add("second_moment", on_host(second_moment));
    add_line(file, "log.loss", log.loss);
    add_line(file, "log.learning_rate", log.learning_rate);
    add_line(file, "log.seconds", log.seconds);
    file.metadata         = metadata();
    file.metadata["step"] = std::to_string(log.steps());
    io::write_safetensors(checkpoint(), file);
  }

  /// False where the checkpoint is of something else.
  bool read_checkpoint(OtherSettings other) {
    auto const file = io::read_safetensors(checkpoint());
    auto const note = [&](char const* name) {
      auto const found = file.metadata.find(name);
      return found == file.metadata.end() ? std::string() : found->second;
    };
    if (note("settings") != settings.text() || note("images") != identity) {
      if (other == OtherSettings::begin_anew) return false;
      throw UserError(checkpoint().string() + " was made with other " + (note("settings") != settings.text() ? difference(note("settings")) : "images") +
                      "; choose another --out, or the settings of before");
    }
    auto const* const loss  = file.find("log.loss");
    std::size_t const steps = loss == nullptr ? 0 : loss->size();
    HostTensor<float*> const host("ocellus::examples::parameters", table.size());
    for (auto const& [name, line] : {std::pair{"parameters", parameters}, std::pair{"first_moment", first_moment}, std::pair{"second_moment", second_moment}}) {
      take_line(file, name, table.size(), host.data(), checkpoint());
      Kokkos::deep_copy(line, host);
    }
    log.loss.resize(steps);
    log.learning_rate.resize(steps);
    log.seconds.resize(steps);
    take_line(file, "log.loss", steps, log.loss.data(), checkpoint());
    take_line(file, "log.learning_rate", steps, log.learning_rate.data(), checkpoint());
    take_line(file, "log.seconds", steps, log.seconds.data(), checkpoint());
    resumed = static_cast<std::int64_t>(steps);
    return true;
  }

  /// "settings (steps=100, here steps=200)" for a message.
  [[nodiscard]] std::string difference(std::string const& before) const {
    std::istringstream old(before), own(settings.text());
    std::string text, a, b;
    while (old >> a && own >> b) {
      if (a != b) text += (text.empty() ? "" : "; ") + a + ", here " + b;
    }
    return "settings" + (text.empty() ? "" : " (" + text + ")");
  }

  void write_model() const {
    auto const host = on_host(parameters);
    auto const file = [&](bool encoder_alone) {
      io::Safetensors content;
      for (auto const& entry : table.entries()) {
        if (encoder_alone && (entry.name.rfind("decoder", 0) == 0 || entry.name == "mask_token")) continue;
        io::SafetensorsTensor tensor{entry.name, io::SafetensorsType::F32, entry.extents, std::vector<std::byte>(entry.size() * sizeof(float))};
        std::memcpy(tensor.bytes.data(), host.data() + entry.offset, tensor.bytes.size());
        content.tensors.push_back(std::move(tensor));
      }
      content.metadata = metadata();
      return content;
    };
    if (!settings.model.channel_agnostic) io::write_safetensors(out / "encoder.safetensors", file(true));
    io::write_safetensors(out / "model.safetensors", file(false));
  }
};

MaeTraining::MaeTraining(fs::path const& out, TrainingSettings const& settings, CropPool const& pool, OtherSettings other) {
  ParameterTable table;
  try {
    table = mae::masked_autoencoder_parameter_table(settings.model);
  } catch (std::invalid_argument const& error) {
    throw UserError(error.what());
  }
  state_          = std::unique_ptr<State>(new State{out, settings, pool, FolderLock(out), {}, std::move(table), {}, {}, {}, {}, {}, 0, pool.identity()});
  auto& s         = *state_;
  auto zeros      = [&](char const* name) { return Parameter(std::string(name), s.table.size()); };
  s.parameters    = zeros("ocellus::examples::parameters");
  s.first_moment  = zeros("ocellus::examples::first_moment");
  s.second_moment = zeros("ocellus::examples::second_moment");
  s.gradients     = zeros("ocellus::examples::gradients");
  if (fs::exists(s.checkpoint()) && s.read_checkpoint(other)) return;
  Kokkos::deep_copy(s.parameters, starting_values(settings, s.table));
}

MaeTraining::~MaeTraining() = default;

TrainingLog const& MaeTraining::log() const { return state_->log; }
std::int64_t MaeTraining::resumed() const { return state_->resumed; }
ParameterTable const& MaeTraining::table() const { return state_->table; }
HostTensor<float*> MaeTraining::parameters() const { return state_->on_host(state_->parameters); }

void MaeTraining::run(std::int64_t checkpoint_every, std::function<void(TrainingLog const&)> const& watch) {
  auto& s                 = *state_;
  auto const& settings    = s.settings;
  auto const& model       = settings.model;
  std::int64_t const side = model.image_size, channels = model.channels, tokens = model.tokens(), batch = settings.batch;
  std::int64_t const most = std::clamp<std::int64_t>(crop_budget / (batch * channels * side * side), 1, 8);

  // Everything that a step needs stands here; the loop allocates nothing but what checkpoints take.
  HostTensor<float****> const crops("ocellus::examples::crops", static_cast<std::size_t>(most * batch), static_cast<std::size_t>(channels),
                                    static_cast<std::size_t>(side), static_cast<std::size_t>(side));
  HostTensor<float***> const noise("ocellus::examples::noise", static_cast<std::size_t>(most), static_cast<std::size_t>(batch),
                                   static_cast<std::size_t>(tokens));
  HostTensor<std::int64_t**> const sample("ocellus::examples::sample", static_cast<std::size_t>(most), static_cast<std::size_t>(batch));
  HostTensor<float*> const loss("ocellus::examples::loss", static_cast<std::size_t>(most)), norm("ocellus::examples::norm", static_cast<std::size_t>(most)),
      rate("ocellus::examples::rate", static_cast<std::size_t>(most));
  for (std::int64_t i = 0; i < most * batch; ++i) sample.data()[i] = i;
  auto const mirror        = [&](auto const& host) { return Kokkos::create_mirror_view(typename Exec::memory_space(), host); };
  auto const device_crops  = mirror(crops);
  auto const device_noise  = mirror(noise);
  auto const device_sample = mirror(sample);
  auto const device_loss = mirror(loss), device_norm = mirror(norm), device_rate = mirror(rate);
  Kokkos::deep_copy(s.exec, device_sample, sample);
  s.log.loss.reserve(static_cast<std::size_t>(settings.steps));
  s.log.learning_rate.reserve(static_cast<std::size_t>(settings.steps));
  s.log.seconds.reserve(static_cast<std::size_t>(settings.steps));

  mae::TrainStepsOptions options{
      .model            = {.heads = model.heads, .decoder_heads = model.decoder_heads, .ratio = settings.ratio, .fourier_weight = settings.fourier_weight},
      .channel_agnostic = model.channel_agnostic,
      .learning_rate    = settings.learning_rate,
      .schedule         = mae::LearningRateSchedule::cosine,
      .warmup_steps     = settings.warmup,
      .beta2            = settings.beta2,
      .weight_decay     = settings.weight_decay,
      .clip_norm        = settings.clip_norm,
      .micro_batch      = micro_batch,
      .total_steps      = settings.steps};
  try {
    remove_leftovers(s.out);
    WorkspaceFor<Exec> workspace(s.exec, mae::train_steps_workspace_size(s.exec, device_crops, device_sample, s.table, s.parameters, options));
    LogFile file(s.out / "log.csv", s.log);
    using Clock          = std::chrono::steady_clock;
    auto const start     = Clock::now();
    double const earlier = s.log.steps() == 0 ? 0.0 : s.log.seconds.back();
    auto kept            = static_cast<std::int64_t>(s.log.steps());
    while (static_cast<std::int64_t>(s.log.steps()) < settings.steps) {
      auto const first         = static_cast<std::int64_t>(s.log.steps());
      std::int64_t const until = std::min(settings.steps, (first / checkpoint_every + 1) * checkpoint_every), count = std::min(most, until - first);
      Kokkos::parallel_for("ocellus::examples::draw_crops", Kokkos::RangePolicy<Host>(0, count * batch), [&](std::int64_t const i) {
        auto const step = static_cast<std::uint32_t>(first + i / batch), number = static_cast<std::uint32_t>(i % batch);
        s.pool.crop(settings.seed, step, number,
                    UnmanagedTensor<float***, Kokkos::HostSpace>(crops.data() + i * channels * side * side, static_cast<std::size_t>(channels),
                                                                 static_cast<std::size_t>(side), static_cast<std::size_t>(side)));
        draw_noise(settings, step, number, noise.data() + i * tokens);
      });
      Host().fence();
      Kokkos::deep_copy(s.exec, device_crops, crops);
      Kokkos::deep_copy(s.exec, device_noise, noise);
      if (settings.standardize) vit::instance_standardize(s.exec, device_crops, device_crops, {.divisor = 1.0});
      auto const part    = Kokkos::make_pair(std::size_t{0}, static_cast<std::size_t>(count));
      options.first_step = first;
      mae::train_steps(s.exec, device_crops, Kokkos::subview(device_sample, part, Kokkos::ALL), Kokkos::subview(device_noise, part, Kokkos::ALL, Kokkos::ALL),
                       s.table, s.parameters, s.first_moment, s.second_moment, s.gradients, Kokkos::subview(device_loss, part),
                       Kokkos::subview(device_norm, part), Kokkos::subview(device_rate, part), options, workspace);
      Kokkos::deep_copy(s.exec, loss, device_loss);
      Kokkos::deep_copy(s.exec, norm, device_norm);
      Kokkos::deep_copy(s.exec, rate, device_rate);
      s.exec.fence();
      double const now = earlier + std::chrono::duration<double>(Clock::now() - start).count(), begun = first == 0 ? 0.0 : s.log.seconds.back();
      for (std::int64_t i = 0; i < count; ++i) {
        auto const at = static_cast<std::size_t>(i);
        if (!std::isfinite(loss(at)) || !std::isfinite(norm(at))) {
          throw UserError("the loss or its gradient is not finite at step " + std::to_string(first + i + 1) + "; " +
                          (kept > 0 ? "the last good checkpoint is of step " + std::to_string(kept) : std::string("there is no checkpoint yet")) +
                          " (are there pixels that are not finite? else try a smaller --learning-rate)");
        }
        s.log.loss.push_back(loss(at));
        s.log.learning_rate.push_back(rate(at));
        s.log.seconds.push_back(begun + (now - begun) * static_cast<double>(i + 1) / static_cast<double>(count));
      }
      file.append(s.log, static_cast<std::size_t>(first));
      auto const done = static_cast<std::int64_t>(s.log.steps());
      if (done % checkpoint_every == 0 || done == settings.steps) {
        s.write_checkpoint();
        kept = done;
      }
      watch(s.log);
    }
  } catch (std::invalid_argument const& error) {
    throw UserError(error.what());
  }
  s.write_model();
}

}  // namespace ocellus::examples
