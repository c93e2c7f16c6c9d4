// SPDX-License-Identifier: Apache-2.0

#include <ocellus/profiling/nsc.hpp>

#include "reference/similarity.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class Nsc : public ::testing::Test {};
TYPED_TEST_SUITE(Nsc, RowMajorConfigurations);

TYPED_TEST(Nsc, agrees_with_the_reference_in_the_same_bits_on_every_number_of_threads) {
  using Scalar            = typename TypeParam::Scalar;
  using Layout            = typename TypeParam::Layout;
  using Exec              = typename TypeParam::Exec;
  constexpr std::size_t n = 67, width = 9;
  auto const profiles = random_values(n * width, 1);
  std::vector<double> labels, compounds, batches;
  for (std::size_t i = 0; i < n; ++i)
    compounds.push_back(static_cast<double>(i % 11)), labels.push_back(static_cast<double>(i % 11 % 3)), batches.push_back(static_cast<double>(i * 3 / n));
  for (bool const batched : {false, true}) {
    std::vector<double> want;
    double right = 0;
    for (std::size_t i = 0; i < n; ++i) {
      double most = -2, label = -1;
      for (std::size_t j = 0; j < n; ++j) {
        double const s = reference::cosine(reference::row_of(profiles, i, width), reference::row_of(profiles, j, width));
        if (compounds[i] != compounds[j] && (!batched || batches[i] != batches[j]) && s > most) most = s, label = labels[j];
      }
      want.push_back(label);
      right += label == labels[i] ? 1 : 0;
    }
    with_thread_counts<Exec>([&](Exec const& exec) {
      TestArray<Scalar, 2, Layout, Exec> const x({n, width}, profiles);
      TestArray<std::int64_t, 1, Layout, Exec> const label({n}, labels), compound({n}, compounds), predicted({n});
      TestArray<std::int32_t, 1, Layout, Exec> const batch({n}, batches);
      TestArray<Scalar, 0, Layout, Exec> const accuracy({});
      if (batched)
        profiling::nsc(exec, x.view(), label.view(), compound.view(), batch.view(), predicted.view(), accuracy.view());
      else
        profiling::nsc(exec, x.view(), label.view(), compound.view(), none, predicted.view(), accuracy.view());
      expect_same_bits(predicted.values(), want);
      EXPECT_NEAR(accuracy.values()[0], right / n, machine_epsilon<Scalar>());
      EXPECT_TRUE(predicted.guards_intact() && accuracy.guards_intact());
    });
  }
}

TYPED_TEST(Nsc, without_candidates_there_is_no_label_and_no_accuracy) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  TestArray<Scalar, 2, Layout, Exec> const x({3, 2}, {1, 0, 0, 1, 1, 1});
  TestArray<std::int64_t, 1, Layout, Exec> const label({3}, {4, 4, 7}), one({3}, {5, 5, 5}), compound({3}, {1, 2, 3}), batch({3}, {0, 0, 1}), predicted({3});
  TestArray<Scalar, 0, Layout, Exec> const accuracy({});
  profiling::nsc(exec, x.view(), label.view(), one.view(), none, predicted.view(), accuracy.view());
  EXPECT_EQ(predicted.values(), (std::vector<double>{-1, -1, -1}));
  EXPECT_TRUE(std::isnan(accuracy.values()[0]));
  profiling::nsc(exec, x.view(), label.view(), compound.view(), batch.view(), predicted.view(), accuracy.view());
  EXPECT_EQ(predicted.values(), (std::vector<double>{7, 7, 4}));
  EXPECT_EQ(accuracy.values()[0], 0.0);
}

TEST(Nsc, behaves_and_names_what_does_not_fit) {
  Kokkos::Serial const exec;
  HostTensor<float**> const x("x", 4, 3);
  HostTensor<std::int64_t*> const label("label", 4), three("three", 3), predicted("predicted", 4);
  HostTensor<float> const accuracy("accuracy");
  expect_labels(record([&] { profiling::nsc(exec, x, label, label, none, predicted, accuracy); }));
  EXPECT_EQ(refusal([&] { profiling::nsc(exec, x, three, label, none, predicted, accuracy); }),
            "ocellus::profiling::nsc: label.extent(0) is 3 but profiles.extent(0) is 4");
  EXPECT_EQ(refusal([&] { profiling::nsc(exec, x, label, three, none, predicted, accuracy); }),
            "ocellus::profiling::nsc: compound.extent(0) is 3 but profiles.extent(0) is 4");
  EXPECT_EQ(refusal([&] { profiling::nsc(exec, x, label, label, three, predicted, accuracy); }),
            "ocellus::profiling::nsc: batch.extent(0) is 3 but profiles.extent(0) is 4");
  EXPECT_EQ(refusal([&] { profiling::nsc(exec, x, label, label, none, three, accuracy); }),
            "ocellus::profiling::nsc: predicted.extent(0) is 3 but profiles.extent(0) is 4");
}

}  // namespace
}  // namespace ocellus::test
