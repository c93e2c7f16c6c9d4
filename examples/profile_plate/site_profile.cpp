// SPDX-License-Identifier: Apache-2.0

#include "site_profile.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include <ocellus/image.hpp>
#include <ocellus/io/atomic_file.hpp>
#include <ocellus/io/safetensors.hpp>

#include "embedder.hpp"
#include "support/content_hash.hpp"
#include "support/progress.hpp"
#include "support/user_error.hpp"

namespace ocellus::examples {
namespace {

using Exec = Kokkos::DefaultExecutionSpace;

class Timer {
 public:
  explicit Timer(double& seconds) : seconds_(seconds), start_(std::chrono::steady_clock::now()) {}
  ~Timer() { seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  double& seconds_;
  std::chrono::steady_clock::time_point start_;
};

template <class HostView>
auto on_device(Exec const& exec, HostView const& host) {
  auto device = Kokkos::create_mirror_view(Kokkos::view_alloc(exec, typename Exec::memory_space(), Kokkos::WithoutInitializing), host);
  Kokkos::deep_copy(exec, device, host);
  return device;
}

template <class Host, class Device>
void to_host(Exec const& exec, Host const& host, Device const& device) {
  Kokkos::deep_copy(exec, host, device);
  exec.fence();
}

HostTensor<std::int32_t**> read_labels(Site const& site, std::int64_t height, std::int64_t width) {
  auto const image = read_grey_image(site.labels);
  bool const whole = image.height != height || image.width != width;
  Region const r   = whole ? region_of(site, image.height, image.width) : Region{0, 0, width, height};
  if (r.height != height || r.width != width) {
    throw UserError("the label image " + site.labels.string() + " is " + std::to_string(image.width) + " x " + std::to_string(image.height) +
                    " pixels but site " + site.name() + " is " + std::to_string(width) + " x " + std::to_string(height));
  }
  auto labels = make_host_tensor<std::int32_t**>("ocellus::examples::labels", height, width);
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      double const value = image.at<double>(static_cast<std::size_t>((r.top + y) * image.width + r.left + x));
      if (value != std::floor(value) || value < 0 || value > 2e9)
        throw UserError("the label image " + site.labels.string() + " holds " + std::to_string(value) + ", which is no label");
      labels(y, x) = static_cast<std::int32_t>(value);
    }
  }
  return labels;
}

struct Objects {
  Tensor<std::int32_t**, Exec> labels;
  std::int64_t count = 0;
};

Objects find_objects(Exec const& exec, Site const& site, Tensor<float***, Exec> const& channels, std::size_t nucleus_channel, Settings const& settings) {
  std::int64_t const height = extent(channels, 1), width = extent(channels, 2);
  Objects objects{make_tensor<std::int32_t**>(exec, "ocellus::examples::labels", height, width), 0};
  if (!site.labels.empty()) {
    auto const labels = read_labels(site, height, width);
    Kokkos::deep_copy(exec, objects.labels, labels);
    std::int64_t largest = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) largest = std::max<std::int64_t>(largest, labels.data()[i]);
    if (largest > height * width)
      throw UserError("the label image " + site.labels.string() + " holds the label " + std::to_string(largest) + ", more than it has pixels");
    objects.count = image::keep_objects(exec, objects.labels, objects.labels, largest);
    return objects;
  }
  image::SegmentNucleiOptions options;
  if (settings.nucleus_diameter > 0) options.diameter = settings.nucleus_diameter;
  options.diameter  = std::min(options.diameter, 999.0);
  auto const nuclei = Kokkos::subview(channels, nucleus_channel, Kokkos::ALL, Kokkos::ALL);
  objects.count     = image::segment_nuclei(exec, nuclei, objects.labels, options);
  return objects;
}

/// The ring round each object: the grown labels without the objects themselves.
struct RingPixels {
  Tensor<std::int32_t**, Exec> grown, labels;
  KOKKOS_FUNCTION void operator()(TeamMember<Exec> const& member, std::int64_t y) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(labels, 1)), [&](std::int64_t const x) {
      if (labels(y, x) != 0) grown(y, x) = 0;
    });
  }
};

/// Measures nuclei and rings; fills the simple features and the centres.
void measure(Exec const& exec, Objects const& objects, Tensor<float***, Exec> const& channels, SiteProfile& profile) {
  std::int64_t const cells = objects.count, count = extent(channels, 0);
  auto const boxes       = make_tensor<std::int64_t**>(exec, "ocellus::examples::boxes", cells, 4);
  auto const shapes      = make_tensor<float**>(exec, "ocellus::examples::shapes", cells, static_cast<int>(image::shape_count));
  auto const intensities = make_tensor<float***>(exec, "ocellus::examples::intensities", cells, count, static_cast<int>(image::intensity_count));
  auto const rings       = make_tensor<float***>(exec, "ocellus::examples::rings", cells, count, static_cast<int>(image::intensity_count));
  auto const ring        = make_tensor<std::int32_t**>(exec, "ocellus::examples::ring", extent(channels, 1), extent(channels, 2));
  image::object_boxes(exec, objects.labels, boxes);
  image::measure_shapes(exec, objects.labels, boxes, shapes);
  image::measure_intensities(exec, objects.labels, boxes, channels, intensities);
  image::expand_labels(exec, objects.labels, ring, {.distance = ring_width});
  for_each_row(exec, "ocellus::examples::ring", extent(ring, 0), RingPixels{ring, objects.labels});
  image::object_boxes(exec, ring, boxes);
  image::measure_intensities(exec, ring, boxes, channels, rings);

  auto const host_shapes      = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), shapes);
  auto const host_intensities = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), intensities);
  auto const host_rings       = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), rings);
  profile.centres             = make_host_tensor<float**>("ocellus::examples::centres", cells, 2);
  profile.simple              = make_host_tensor<float**>("ocellus::examples::simple", cells, 6 + 6 * count);
  for (std::int64_t i = 0; i < cells; ++i) {
    profile.centres(i, 0) = host_shapes(i, image::shape_centre_y);
    profile.centres(i, 1) = host_shapes(i, image::shape_centre_x);
    std::int64_t column   = 0;
    float const area = host_shapes(i, image::shape_area), perimeter = host_shapes(i, image::shape_perimeter);
    for (float const value : {area, host_shapes(i, image::shape_major_axis), host_shapes(i, image::shape_minor_axis), host_shapes(i, image::shape_eccentricity),
                              host_shapes(i, image::shape_extent), 12.566370614f * area / (perimeter * perimeter)}) {
      profile.simple(i, column++) = value;
    }
    for (std::int64_t c = 0; c < count; ++c) {
      float const mean = host_intensities(i, c, image::intensity_mean), around = host_rings(i, c, image::intensity_mean);
      for (float const value : {mean, host_intensities(i, c, image::intensity_deviation), host_intensities(i, c, image::intensity_maximum),
                                host_intensities(i, c, image::intensity_sum), around, std::log2((mean + 1e-4f) / (around + 1e-4f))}) {
        profile.simple(i, column++) = value;
      }
    }
  }
}

}  // namespace

std::vector<std::string> simple_feature_names(std::vector<std::string> const& channels) {
  std::vector<std::string> names = {"area", "major_axis", "minor_axis", "eccentricity", "extent", "form_factor"};
  for (auto const& channel : channels) {
    for (char const* const measure : {"mean", "deviation", "maximum", "sum", "ring_mean", "log2_nucleus_to_ring"}) names.push_back(channel + "_" + measure);
  }
  return names;
}

SiteProfile profile_site(Site const& site, SiteImages const& images, std::size_t nucleus_channel, Settings const& settings, Embedder& embedder,
                         StageSeconds& seconds) {
  Exec const exec;
  auto const channels = on_device(exec, images.channels);
  SiteProfile profile;
  Objects objects;
  {
    Timer const timer(seconds.segment);
    objects        = find_objects(exec, site, channels, nucleus_channel, settings);
    profile.labels = make_host_tensor<std::int32_t**>("ocellus::examples::labels", extent(channels, 1), extent(channels, 2));
    to_host(exec, profile.labels, objects.labels);
  }
  {
    Timer const timer(seconds.measure);
    measure(exec, objects, channels, profile);
  }
  Timer const timer(seconds.embed);
  profile.embedding = embedder.embed(cell_crops(images, profile.centres, embedder.crop()));
  return profile;
}

HostTensor<float****> cell_crops(SiteImages const& images, HostTensor<float**> const& centres, std::int64_t side) {
  Exec const exec;
  std::int64_t const cells = extent(centres, 0), count = extent(images.channels, 0);
  auto const crops = make_tensor<float****>(exec, "ocellus::examples::crops", cells, count, side, side);
  image::crop_objects(exec, on_device(exec, images.channels), on_device(exec, centres), crops);
  auto const host = make_host_tensor<float****>("ocellus::examples::crops", cells, count, side, side);
  to_host(exec, host, crops);
  return host;
}

void embed_again(std::vector<Site> const& sites, std::vector<std::string> const& channels, std::filesystem::path const& kept, bool fresh,
                 Embedder const& embedder, std::vector<SiteProfile>& profiles, StageSeconds& seconds) {
  Progress progress("Embedding", sites.size());
  std::size_t reused = 0;
  for (std::size_t s = 0; s < sites.size(); ++s) {
    auto& profile     = profiles[s];
    profile.untrained = profile.embedding;
    auto const images = read_site(sites[s], channels);
    Timer const timer(seconds.embed);
    ContentHash key;
    key.add("profile_plate embedding 1").add(embedder.identity());
    for (int axis = 0; axis < 3; ++axis) key.add(extent(images.channels, axis));
    key.add(images.channels.data(), images.channels.size() * sizeof(float)).add(profile.centres.data(), profile.centres.size() * sizeof(float));
    auto const file = kept / (key.hexadecimal() + ".safetensors");
    SiteProfile again;
    if (!fresh && load_site(file, again) && again.cells() == profile.cells()) {
      profile.embedding = again.embedding;
      ++reused;
    } else {
      profile.embedding = embedder.embed(cell_crops(images, profile.centres, embedder.crop()));
      again.labels      = HostTensor<std::int32_t**>("ocellus::examples::labels", 1, 1);  // the site itself is kept already
      again.centres     = profile.centres;
      again.simple      = profile.simple;
      again.embedding   = profile.embedding;
      save_site(file, again);
    }
    progress.update(s + 1, reused);
  }
}

std::string site_key(Site const& site, SiteImages const& images, std::size_t nucleus_channel, Settings const& settings, Embedder const& embedder) {
  ContentHash hash;
  hash.add("profile_plate site 1").add(embedder.identity());
  for (int axis = 0; axis < 3; ++axis) hash.add(extent(images.channels, axis));
  hash.add(images.channels.data(), images.channels.size() * sizeof(float));
  hash.add(static_cast<std::int64_t>(nucleus_channel)).add(settings.nucleus_diameter);
  if (!site.labels.empty()) {
    auto const file = io::read_file(site.labels);
    hash.add(file.data(), file.size());
  }
  return hash.hexadecimal();
}

bool load_site(std::filesystem::path const& file, SiteProfile& profile) {
  if (!std::filesystem::exists(file)) return false;
  try {
    auto const kept = io::read_safetensors(file);
    auto const get  = [&](char const* name, auto& tensor) {
      auto const* const found = kept.find(name);
      if (found == nullptr || found->extents.size() != 2) return false;
      using Scalar = typename std::decay_t<decltype(tensor)>::non_const_value_type;
      tensor       = make_host_tensor<Scalar**>(name, found->extents[0], found->extents[1]);
      for (std::size_t i = 0; i < tensor.size(); ++i) tensor.data()[i] = static_cast<Scalar>(found->at(i));
      return true;
    };
    return get("labels", profile.labels) && get("centres", profile.centres) && get("simple", profile.simple) && get("embedding", profile.embedding) &&
           extent(profile.simple, 0) == profile.cells() && extent(profile.embedding, 0) == profile.cells();
  } catch (io::FileError const&) {
    return false;  // damaged: the site is profiled again
  }
}

void save_site(std::filesystem::path const& file, SiteProfile const& profile) {
  io::Safetensors content;
  content.add("labels", profile.labels);
  content.add("centres", profile.centres);
  content.add("simple", profile.simple);
  content.add("embedding", profile.embedding);
  io::write_safetensors(file, content);
}

}  // namespace ocellus::examples
