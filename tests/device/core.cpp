// SPDX-License-Identifier: Apache-2.0

#include "check.hpp"

namespace ocellus::device_test {
namespace {

/// Bits, uniform and normal numbers, and a round trip through the 16-bit types, formed in a kernel.
template <class Member, class Bits, class Numbers>
struct FormNumbers {
  RandomSequence random;
  Bits bits;
  Numbers numbers;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    using Real = typename Numbers::non_const_value_type;
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      auto const i    = static_cast<std::uint64_t>(row);
      bits(row, 0)    = random.bits(i);
      bits(row, 1)    = random.below(i, 1000);
      bits(row, 2)    = float16(random.uniform(i)).bits;
      bits(row, 3)    = bfloat16(random.uniform(i)).bits;
      numbers(row, 0) = static_cast<Real>(random.uniform(i));
      numbers(row, 1) = static_cast<Real>(random.normal(i));
      numbers(row, 2) = static_cast<Real>(static_cast<float>(float16(random.uniform(i))));
      numbers(row, 3) = static_cast<Real>(static_cast<float>(bfloat16(random.uniform(i))));
    });
  }
};

struct Core {
  template <class Run>
  static void run(Run& run) {
    using Real       = typename Run::Real;
    using Exec       = typename Run::Exec;
    auto const& exec = run.exec;

    auto const bits    = run.template output<2, std::int64_t>({100, 4});
    auto const numbers = run.template output<2>({100, 4});
    using Kernel       = FormNumbers<TeamMember<Exec>, std::remove_const_t<decltype(bits)>, std::remove_const_t<decltype(numbers)>>;
    for_each_row(exec, "ocellus::device_test::numbers", 100, Kernel{{.seed = 3, .stream = RandomStream::test, .step = 2, .sample = 1}, bits, numbers});
    run.keep("core.random bits", bits);
    run.keep("core.random numbers", numbers, 16 * Run::epsilon);

    // Rows longer than a sorted run, with equal keys and NaN.
    auto const keys = run.template filled<Real, 2>(
        {5, 1500}, [](std::size_t i) { return i % 97 == 5 ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(i * 7919 % 301) - 150.0; });
    for (bool const descending : {false, true}) {
      auto const order = run.template output<2, std::int64_t>({5, 1500});
      argsort_rows(exec, keys, order, {.descending = descending});
      run.keep(descending ? "core.argsort_rows falling" : "core.argsort_rows rising", order);
      auto const values  = run.template output<2>({5, 9});
      auto const indices = run.template output<2, std::int64_t>({5, 9});
      top_k_rows(exec, keys, values, indices, {.largest = descending});
      run.keep("core.top_k_rows values", values);
      run.keep("core.top_k_rows indices", indices);
    }

    auto const line = run.template normal<1>({5000}, 1);
    Tensor<Real, typename Run::Space> const total("ocellus::device_test::total");
    sum(exec, line, total);
    run.keep("core.sum", total, 2 * 300 * Run::epsilon * 70);
    auto const table   = run.template normal<2>({777, 37}, 2);
    auto const columns = run.template output<1>({37});
    sum_columns(exec, table, columns);
    run.keep("core.sum_columns", columns, 2 * 300 * Run::epsilon * 28);
  }
};

Register<Core> const registration("core");

}  // namespace
}  // namespace ocellus::device_test
