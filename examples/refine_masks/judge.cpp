// SPDX-License-Identifier: Apache-2.0

#include "judge.hpp"

#include <cmath>
#include <cstdlib>

#include <ocellus/image/connected_components.hpp>
#include <ocellus/image/gaussian_smooth.hpp>

namespace ocellus::examples {
namespace {

using Mask = HostTensor<std::uint8_t**>;

constexpr double rival_sigma = 2;

double share(std::int64_t a, std::int64_t b) { return b > 0 ? static_cast<double>(a) / static_cast<double>(b) : std::nan(""); }

Mask smoothed_mask(HostTensor<float**> const& mean) {
  Kokkos::DefaultHostExecutionSpace const exec;
  auto const smooth = make_host_tensor<float**>("ocellus::examples::smooth", extent(mean, 0), extent(mean, 1));
  auto const mask   = make_host_tensor<std::uint8_t**>("ocellus::examples::mask", extent(mean, 0), extent(mean, 1));
  image::gaussian_smooth(exec, mean, smooth, {.sigma = rival_sigma});
  for (std::size_t i = 0; i < mask.size(); ++i) mask.data()[i] = smooth.data()[i] > 0.5f ? 1 : 0;
  return mask;
}

Agreement add(Worth& worth, Mask const& mask, Field const& field, Refined const& refined) {
  Agreement own;
  for (std::size_t i = 0; i < mask.size(); ++i) {
    bool const is = mask.data()[i] != 0, should = field.truth.data()[i] != 0;
    own.add(is, should);
    if (refined.uncertain.data()[i] != 0) worth.uncertain.add(is, should);
  }
  worth.all.both += own.both, worth.all.mask_only += own.mask_only, worth.all.truth_only += own.truth_only;
  std::int64_t const parts = parts_of(mask);
  worth.components += parts;
  worth.count_error += static_cast<double>(std::abs(parts - static_cast<std::int64_t>(field.nuclei.size())));
  return own;
}

}  // namespace

double Agreement::iou() const { return share(both, both + mask_only + truth_only); }
double Agreement::dice() const { return share(2 * both, 2 * both + mask_only + truth_only); }

std::int64_t parts_of(Mask const& mask) {
  Kokkos::DefaultHostExecutionSpace const exec;
  HostTensor<bool**> const yes("ocellus::examples::mask", mask.extent(0), mask.extent(1));
  HostTensor<std::int32_t**> const parts("ocellus::examples::parts", mask.extent(0), mask.extent(1));
  for (std::size_t i = 0; i < mask.size(); ++i) yes.data()[i] = mask.data()[i] != 0;
  return image::connected_components(exec, yes, parts);
}

void judge(Verdict& verdict, Field const& field, Refined const& refined) {
  double const n = static_cast<double>(verdict.fields);
  auto const one = [&](Worth& worth, Mask const& mask) {
    worth.count_error *= n;
    auto const own = add(worth, mask, field, refined);
    worth.count_error /= n + 1;
    return own.iou();
  };
  double const before = one(verdict.before, refined.before), after = one(verdict.after, refined.after);
  one(verdict.smoothed, smoothed_mask(refined.mean));
  verdict.better += after > before;
  verdict.worse += after < before;
  ++verdict.fields;
  verdict.nuclei += static_cast<std::int64_t>(field.nuclei.size());
  verdict.pixels += static_cast<std::int64_t>(refined.before.size());
  for (std::size_t i = 0; i < refined.before.size(); ++i) {
    verdict.uncertain += refined.uncertain.data()[i] != 0;
    verdict.changed += refined.before.data()[i] != refined.after.data()[i];
  }
}

}  // namespace ocellus::examples
