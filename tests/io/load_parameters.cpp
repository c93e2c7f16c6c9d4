// SPDX-License-Identifier: Apache-2.0

#include <ocellus/io/load_parameters.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "io/damage.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class T>
void add(io::Safetensors& file, std::string const& name, std::vector<double> const& values) {
  HostTensor<T*> const tensor("ocellus::test", values.size());
  for (std::size_t i = 0; i < values.size(); ++i) tensor(i) = static_cast<T>(values[i]);
  file.add(name, tensor);
}

TEST(LoadParameters, fills_by_name_and_reports_the_rest) {
  ParameterTable table;
  table.add("norm.weight", {3});
  table.add("norm.bias", {3});
  table.add("absent", {2});
  table.add("wide", {2, 2});
  io::Safetensors file;
  add<float>(file, "head.weight", {9, 9});
  add<double>(file, "norm.bias", {4, 5, 6});
  add<bfloat16>(file, "encoder.vit_backbone.norm.weight", {1, 2, 3});
  add<float>(file, "wide", {1, 2, 3, 4});
  add<float>(file, "surplus", {1});
  HostTensor<float*> const parameters("ocellus::test", table.size());
  Kokkos::deep_copy(parameters, -1.0F);
  auto const report = io::load_parameters(file, table, parameters);
  EXPECT_EQ(report.missing, std::vector<std::string>{"absent"});
  EXPECT_EQ(report.extra, std::vector<std::string>{"surplus"});
  EXPECT_EQ(report.misshapen, std::vector<std::string>{"wide"});
  EXPECT_EQ(report.ignored, std::vector<std::string>{"head.weight"});
  EXPECT_FALSE(report.complete());
  auto const weight = table.find("norm.weight")->offset, bias = table.find("norm.bias")->offset, absent = table.find("absent")->offset,
             wide = table.find("wide")->offset;
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(parameters(weight + i), static_cast<float>(1 + i));
    EXPECT_EQ(parameters(bias + i), static_cast<float>(4 + i));
  }
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(parameters(absent + i), -1.0F) << "what is missing keeps its value";
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(parameters(wide + i), -1.0F) << "what is misshapen keeps its value";
}

TEST(LoadParameters, a_file_that_fits_is_complete_from_a_path_too) {
  TemporaryFolder const folder;
  ParameterTable table;
  table.add("a", {2});
  io::Safetensors file;
  add<float>(file, "model.a", {7, 8});
  io::write_safetensors(folder / "a.safetensors", file);
  HostTensor<double*> const parameters("ocellus::test", table.size());
  auto const report = io::load_parameters(folder / "a.safetensors", table, parameters, {.ignore = {}, .strip_prefixes = {"model."}});
  EXPECT_TRUE(report.complete());
  EXPECT_EQ(parameters(1), 8.0);
  EXPECT_EQ(io::stripped_name("model.model.a", {"model."}), "model.a") << "one prefix, once";
}

TEST(LoadParameters, a_view_that_is_too_small_is_refused) {
  ParameterTable table;
  table.add("a", {20});
  EXPECT_NE(refusal([&] {
              (void)io::load_parameters(io::Safetensors(), table, HostTensor<float*>("ocellus::test", 3));
            }).find("ocellus::io::load_parameters: parameters.extent(0) is 3"),
            std::string::npos);
}

}  // namespace
}  // namespace ocellus::test
