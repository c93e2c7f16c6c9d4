// SPDX-License-Identifier: Apache-2.0

#include <ocellus/io/save_fit.hpp>

#include <gtest/gtest.h>

#include <filesystem>

#include <ocellus/profiling/fit_arrays.hpp>

#include "support/arrays.hpp"

namespace ocellus::test {
namespace {

using Exec  = Kokkos::DefaultExecutionSpace;
using Space = Exec::memory_space;

std::filesystem::path temporary(char const* name) {
  return std::filesystem::temp_directory_path() / (std::string("ocellus_save_fit_") + std::to_string(::getpid()) + name);
}

struct Data {
  Tensor<float**, Exec> profiles{"profiles", 40, 3};
  Tensor<bool*, Exec> control{"control", 40};
  Tensor<std::int64_t*, Exec> batch{"batch", 40};

  Data() {
    auto const values = random_values(120, 7);
    auto const p      = Kokkos::create_mirror_view(profiles);
    auto const c      = Kokkos::create_mirror_view(control);
    auto const b      = Kokkos::create_mirror_view(batch);
    for (std::size_t i = 0; i < 120; ++i) p.data()[i] = static_cast<float>(values[i]);
    for (std::size_t i = 0; i < 40; ++i) {
      c(i) = i % 3 != 0;
      b(i) = i % 2 == 0 ? 5 : -7;
    }
    Kokkos::deep_copy(profiles, p);
    Kokkos::deep_copy(control, c);
    Kokkos::deep_copy(batch, b);
  }
};

std::vector<double> on_host(Tensor<float**, Exec> const& device) {
  auto const host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), device);
  return std::vector<double>(host.data(), host.data() + host.size());
}

TEST(SaveFit, a_loaded_fit_gives_the_bits_of_the_saved_one) {
  Data const data;
  Exec const exec;
  auto const path = temporary("tvn.safetensors");
  auto const fit  = profiling::fit_tvn(exec, data.profiles, data.control, data.batch, {.components = 2});
  io::save_fit(path, fit);
  auto const again = io::load_fit<profiling::TvnFit<Space>>(path);
  EXPECT_EQ(again.coral.keys, (std::vector<std::int64_t>{-7, 5}));
  EXPECT_TRUE(again.converged());
  Tensor<float**, Exec> const before("before", 40, 2), after("after", 40, 2);
  profiling::apply_tvn(exec, fit, data.profiles, data.batch, before);
  profiling::apply_tvn(exec, again, data.profiles, data.batch, after);
  expect_same_bits(on_host(after), on_host(before));
  std::filesystem::remove(path);
}

TEST(SaveFit, every_kind_of_fit_comes_back) {
  Data const data;
  Exec const exec;
  auto const path = temporary("kinds.safetensors");
  Tensor<float**, Exec> const before("before", 40, 3), after("after", 40, 3);
  for (auto const method : {profiling::NormalizeMethod::mad_robustize, profiling::NormalizeMethod::inverse_normal}) {
    auto const fit = profiling::fit_normalize(exec, data.profiles, data.control, data.batch, {.method = method});
    io::save_fit(path, fit);
    profiling::apply_normalize(exec, fit, data.profiles, data.batch, before);
    profiling::apply_normalize(exec, io::load_fit<profiling::NormalizeFit<Space>>(path), data.profiles, data.batch, after);
    expect_same_bits(on_host(after), on_host(before));
  }
  auto const sphering = profiling::fit_sphering(exec, data.profiles, data.control);
  io::save_fit(path, sphering);
  profiling::apply_sphering(exec, sphering, data.profiles, before);
  profiling::apply_sphering(exec, io::load_fit<profiling::SpheringFit<Space>>(path), data.profiles, after);
  expect_same_bits(on_host(after), on_host(before));
  auto const scaled = profiling::fit_pca_center_scale(exec, data.profiles, data.control, data.batch);
  io::save_fit(path, scaled);
  profiling::apply_pca_center_scale(exec, scaled, data.profiles, data.batch, before);
  profiling::apply_pca_center_scale(exec, io::load_fit<profiling::PcaCenterScaleFit<Space>>(path), data.profiles, data.batch, after);
  expect_same_bits(on_host(after), on_host(before));
  std::filesystem::remove(path);
}

TEST(SaveFit, refuses_the_file_of_another_fit) {
  Data const data;
  Exec const exec;
  auto const path = temporary("other.safetensors");
  io::save_fit(path, profiling::fit_sphering(exec, data.profiles, data.control));
  EXPECT_THROW(static_cast<void>(io::load_fit<profiling::TvnFit<Space>>(path)), io::FileError);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace ocellus::test
