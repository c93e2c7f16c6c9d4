// SPDX-License-Identifier: Apache-2.0

#include <ocellus/core/instruction_set.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace ocellus::test {
namespace {

template <class T>
void expect_elementwise_arithmetic() {
  constexpr int lanes = host_vector_bytes / static_cast<int>(sizeof(T));
  using Vector        = HostVector<T, lanes>;
  static_assert(sizeof(typename Vector::type) == host_vector_bytes && alignof(typename Vector::unaligned) == alignof(T));
  std::vector<T> numbers(static_cast<std::size_t>(lanes) + 1);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<T>(i);
  typename Vector::type const read = *reinterpret_cast<typename Vector::unaligned const*>(numbers.data() + 1);
  typename Vector::type const sum  = T(2) * read + read;
  for (int i = 0; i < lanes; ++i) EXPECT_EQ(sum[i], T(3) * static_cast<T>(i + 1));
}

TEST(InstructionSet, host_vectors_fill_a_register_and_can_be_read_from_any_address) {
  expect_elementwise_arithmetic<float>();
  expect_elementwise_arithmetic<double>();
}

}  // namespace
}  // namespace ocellus::test
