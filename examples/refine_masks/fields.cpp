// SPDX-License-Identifier: Apache-2.0

#include "fields.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <ocellus/image.hpp>
#include <ocellus/io/image.hpp>
#include <ocellus/io/npy.hpp>

#include "support/progress.hpp"
#include "support/text.hpp"
#include "support/user_error.hpp"

namespace ocellus::examples {
namespace {

namespace fs = std::filesystem;
using Exec   = Kokkos::DefaultExecutionSpace;
using Labels = HostTensor<std::int32_t**>;

constexpr char const* label_ending = "_labels";

/// Files of a folder by their name without extension (and, for label maps, without "_labels").
std::map<std::string, fs::path> files_of(fs::path const& folder, char const* what, Settings const& settings, bool labels, bool npy) {
  if (!fs::is_directory(folder)) throw UserError("the folder of " + std::string(what) + " " + folder.string() + " does not exist");
  std::map<std::string, fs::path> files;
  for (auto const& entry : fs::directory_iterator(folder)) {
    std::string name = entry.path().stem().string();
    bool const known = names_an_image(entry.path()) || (npy && lower_case(entry.path().extension().string()) == ".npy");
    if (!entry.is_regular_file() || !known || !name.starts_with(settings.only)) continue;
    bool const marked = name.ends_with(label_ending);
    if (marked && !labels) continue;
    if (marked) name = name.substr(0, name.size() - std::string(label_ending).size());
    if (!name.ends_with(settings.ending)) continue;
    // Where a folder holds images beside label maps, those marked so are the label maps.
    if (!labels || marked || files.count(name) == 0) files[name] = entry.path();
  }
  if (files.empty()) {
    throw UserError("there are no " + std::string(what) + " in " + folder.string() + (settings.only.empty() ? "" : " whose names begin with " + settings.only));
  }
  return files;
}

HostTensor<float**> grey_image(io::Image const& image) {
  auto const values = image.to_float(0, 1.0 / image.full_scale());
  auto grey         = make_host_tensor<float**>("ocellus::examples::image", image.height, image.width);
  std::copy_n(values.data(), grey.size(), grey.data());
  return grey;
}

Labels read_labels(fs::path const& path) {
  auto const image = io::read_image(path);
  if (image.pages != 1 || image.channels != 1) throw UserError(path.string() + " holds more than one grey page, so it is no label map");
  auto labels = make_host_tensor<std::int32_t**>("ocellus::examples::labels", image.height, image.width);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    auto const value = image.at<double>(i);
    if (value != std::floor(value) || value < 0 || value > 2e9) throw UserError(path.string() + " holds " + std::to_string(value) + ", which is no label");
    labels.data()[i] = static_cast<std::int32_t>(value);
  }
  return labels;
}

/// Pages of a TIFF, or the first axis of an npy array, are the members.
HostTensor<float***> read_probability(fs::path const& path) {
  HostTensor<float***> maps;
  if (path.extension() == ".npy") {
    maps = io::read_npy_as<float, 3>(path);
  } else {
    auto const image = io::read_image(path);
    maps             = make_host_tensor<float***>("ocellus::examples::probability", image.pages * image.channels, image.height, image.width);
    double const one = 1.0 / image.full_scale();
    for (std::size_t i = 0; i < maps.size(); ++i) maps.data()[i] = static_cast<float>(image.at<double>(i) * one);
  }
  if (extent(maps, 0) < 2)
    throw UserError(path.string() + " holds " + std::to_string(extent(maps, 0)) + " map; an ensemble has at least two (pages of a TIFF)");
  for (std::size_t i = 0; i < maps.size(); ++i) {
    if (!(maps.data()[i] >= 0 && maps.data()[i] <= 1))
      throw UserError(path.string() + " holds " + std::to_string(maps.data()[i]) + ", which is no probability");
  }
  return maps;
}

/// The main example's segmentation.
Labels segment(HostTensor<float**> const& image, double diameter) {
  Exec const exec;
  auto const device = Kokkos::create_mirror_view_and_copy(typename Exec::memory_space(), image);
  Tensor<std::int32_t**, Exec> const labels("ocellus::examples::labels", image.extent(0), image.extent(1));
  image::segment_nuclei(exec, device, labels, {.diameter = diameter});
  auto host = make_host_tensor<std::int32_t**>("ocellus::examples::labels", extent(image, 0), extent(image, 1));
  Kokkos::deep_copy(host, labels);
  return host;
}

/// Foreground and middles of the nuclei.
void take_labels(Field& field, Labels const& labels) {
  std::int64_t const height = extent(labels, 0), width = extent(labels, 1);
  field.truth = make_host_tensor<std::uint8_t**>("ocellus::examples::truth", height, width);
  std::map<std::int32_t, std::array<double, 3>> sums;
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      std::int32_t const own = labels(y, x);
      auto const other       = [&](std::int64_t v, std::int64_t u) {
        return v >= 0 && u >= 0 && v < height && u < width && labels(v, u) != own && labels(v, u) != 0;
      };
      // A line one pixel wide between touching nuclei: the higher label gives way.
      bool touches = false;
      for (std::int64_t dy = -1; dy <= 1; ++dy) {
        for (std::int64_t dx = -1; dx <= 1; ++dx) touches = touches || (other(y + dy, x + dx) && labels(y + dy, x + dx) < own);
      }
      field.truth(y, x) = own != 0 && !touches ? 1 : 0;
      if (own == 0) continue;
      auto& sum = sums[own];
      sum[0] += 1, sum[1] += static_cast<double>(y), sum[2] += static_cast<double>(x);
    }
  }
  for (auto const& [label, sum] : sums) field.nuclei.emplace_back(std::llround(sum[1] / sum[0]), std::llround(sum[2] / sum[0]));
}

void must_fit(Field const& field, std::int64_t height, std::int64_t width, fs::path const& path) {
  if (height == field.height() && width == field.width()) return;
  throw UserError(path.string() + " is " + std::to_string(width) + " x " + std::to_string(height) + " pixels but the other files of " + field.name + " are " +
                  std::to_string(field.width()) + " x " + std::to_string(field.height()));
}

}  // namespace

Fields read_fields(Settings const& settings) {
  std::map<std::string, fs::path> images, labels, probabilities;
  if (!settings.images.empty()) images = files_of(settings.images, "images (PNG or TIFF)", settings, false, false);
  if (!settings.probabilities.empty()) probabilities = files_of(settings.probabilities, "probability maps (TIFF or npy)", settings, false, true);
  if (!settings.labels.empty()) labels = files_of(settings.labels, "label maps (PNG or TIFF)", settings, true, false);
  Fields result;
  auto const& names = probabilities.empty() ? images : probabilities;
  for (auto const& [name, path] : names) {
    Field field;
    field.name = name;
    if (auto const found = images.find(name); found != images.end()) {
      auto const image = io::read_image(found->second);
      if (image.pages == 1 && image.channels == 1) {
        field.image = grey_image(image);
      } else {
        result.left_out.push_back(found->second.filename().string());
        if (probabilities.empty()) continue;
      }
    }
    if (!probabilities.empty()) {
      auto const maps = read_probability(path);
      if (field.image.size() > 0) must_fit(field, extent(maps, 1), extent(maps, 2), path);
      field.probability = maps;
    }
    if (auto const found = labels.find(name); found != labels.end()) {
      auto const map = read_labels(found->second);
      must_fit(field, extent(map, 0), extent(map, 1), found->second);
      take_labels(field, map);
    }
    result.fields.push_back(std::move(field));
  }
  if (result.fields.empty()) throw UserError("none of the files in " + settings.images.string() + " is an image of one grey page");
  auto const has_truth = [](Field const& field) { return field.truth.size() > 0; };
  if (labels.empty()) {
    result.own_labels = true;
    for (auto& field : result.fields) {
      if (field.image.size() > 0) take_labels(field, segment(field.image, settings.diameter));
    }
  }
  auto const known = static_cast<std::size_t>(std::count_if(result.fields.begin(), result.fields.end(), has_truth));
  if (known == 0 && settings.weights.empty()) {
    throw UserError(labels.empty() ? "without images a model needs label maps to learn from (--labels DIR), or give a model (--weights FILE)"
                                   : "no label map in " + settings.labels.string() + " has the name of one of the fields");
  }
  std::size_t number = 0;
  for (auto& field : result.fields) {
    if (has_truth(field)) field.held_out = !settings.weights.empty() || number++ % 3 == 2 || (known == 2 && number == 2);
  }
  return result;
}

}  // namespace ocellus::examples
