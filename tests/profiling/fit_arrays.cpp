// SPDX-License-Identifier: Apache-2.0

#include <ocellus/profiling/fit_arrays.hpp>

#include <gtest/gtest.h>

#include <set>

namespace ocellus::test {
namespace {

using Space = Kokkos::DefaultExecutionSpace::memory_space;

struct CollectNames {
  std::set<std::string>& names;
  template <class Member>
  void operator()(std::string const& name, Member&) const {
    EXPECT_TRUE(names.insert(name).second) << name << " occurs twice";
  }
};

template <class Fit>
std::set<std::string> names_of() {
  std::set<std::string> names;
  Fit fit;
  profiling::for_each_array(fit, CollectNames{names});
  return names;
}

TEST(FitArrays, name_each_member_of_a_fit_once) {
  EXPECT_EQ(names_of<profiling::NormalizeFit<Space>>(), (std::set<std::string>{"method", "keys", "centre", "scale", "landmarks", "counts"}));
  EXPECT_EQ(names_of<profiling::PcaFit<Space>>(),
            (std::set<std::string>{"mean", "components", "explained_variance", "explained_variance_ratio", "whiten", "converged"}));
  EXPECT_EQ(names_of<profiling::SpheringFit<Space>>(), (std::set<std::string>{"mean", "scale", "weights", "full_rank", "zero_variance", "converged"}));
  EXPECT_EQ(names_of<profiling::CoralFit<Space>>(), (std::set<std::string>{"keys", "transform", "converged"}));
  EXPECT_EQ(names_of<profiling::TvnFit<Space>>().size(), 6u + 6u + 6u + 3u);
  EXPECT_EQ(names_of<profiling::PcaCenterScaleFit<Space>>().size(), 6u + 6u);
}

}  // namespace
}  // namespace ocellus::test
