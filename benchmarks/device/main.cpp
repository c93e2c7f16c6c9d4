// SPDX-License-Identifier: Apache-2.0

// The kernels that everything stands on, timed on Kokkos' default execution space, a graphics processor above all: what a new backend is measured by. One line a
// kernel: median seconds, operations and bytes a second, and where tiles of teams exist beside one thread an element, how much they gain.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#ifdef OCELLUS_BENCHMARK_CUBLAS
#include <cublas_v2.h>
#endif

#include <ocellus/linalg.hpp>
#include <ocellus/nn.hpp>
#include <ocellus/vit.hpp>

namespace ocellus::benchmarks {
namespace {

using Exec = Kokkos::DefaultExecutionSpace;
template <class T, int Rank>
using Array = Tensor<data_type_of_rank_t<T, Rank>, Exec>;

struct PortableRow {
  static constexpr bool team_tiles     = false;
  static constexpr bool register_tiles = false;
};

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// Median of at least five runs and of half a second.
template <class Work>
double seconds_of(Exec const& exec, Work const& work) {
  work();
  exec.fence();
  std::vector<double> all;
  for (double const start = now(); all.size() < 5 || now() - start < 0.5;) {
    double const before = now();
    work();
    exec.fence();
    all.push_back(now() - before);
  }
  std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
  return all[all.size() / 2];
}

void show(std::string const& name, double seconds, double operations, double bytes) {
  std::printf("%-58s %10.3f ms  %9.1f GFLOP/s  %8.1f GB/s\n", name.c_str(), seconds * 1e3, operations / seconds * 1e-9, bytes / seconds * 1e-9);
  std::fflush(stdout);
}
void show(std::string const& name, double seconds, Cost const& cost) { show(name, seconds, cost.flops, cost.bytes_read + cost.bytes_written); }

template <int Rank>
Array<float, Rank> numbers(std::array<std::int64_t, Rank> const& extents) {
  Kokkos::LayoutRight layout;
  for (int axis = 0; axis < Rank; ++axis) layout.dimension[axis] = static_cast<std::size_t>(extents[static_cast<std::size_t>(axis)]);
  Array<float, Rank> const array("ocellus::benchmarks::numbers", layout);
  auto const host = Kokkos::create_mirror_view(array);
  for (std::size_t i = 0; i < host.size(); ++i) host.data()[i] = static_cast<float>((i * 2654435761U >> 8) % 2048) * (1.0f / 1024) - 1.0f;
  Kokkos::deep_copy(array, host);
  return array;
}

void copies(Exec const& exec) {
  auto const from = numbers<1>({64 << 20}), to = numbers<1>({64 << 20});
  show("copy of 256 MiB", seconds_of(exec, [&] { Kokkos::deep_copy(exec, to, from); }), 0, 2.0 * 4 * (64 << 20));
}

void product(Exec const& exec, std::int64_t m, std::int64_t k, std::int64_t n) {
  auto const a = numbers<2>({m, k}), b = numbers<2>({n, k}), output = numbers<2>({m, n});
  auto const shape = std::to_string(m) + " x " + std::to_string(k) + " x " + std::to_string(n);
  auto const cost  = linalg::matmul_cost(static_cast<double>(m), static_cast<double>(n), static_cast<double>(k), 4);
  show("matmul " + shape, seconds_of(exec, [&] { linalg::matmul(exec, a, b, output, {.transpose_b = true}); }), cost);
  if (m * n * k <= std::int64_t{1} << 31)
    show("  one element a lane", seconds_of(exec, [&] { linalg::matmul<PortableRow>(exec, a, b, output, {.transpose_b = true}); }), cost);
  auto const packed = linalg::pack_matrix(exec, b, {.transpose = true});
  show("  weights packed", seconds_of(exec, [&] { linalg::matmul(exec, a, packed, output); }), cost);
#ifdef OCELLUS_BENCHMARK_CUBLAS
  cublasHandle_t handle;
  if (cublasCreate(&handle) != CUBLAS_STATUS_SUCCESS) return;
  cublasSetStream(handle, exec.cuda_stream());
  float const one = 1, zero = 0;
  show("  cuBLAS, float32 without TF32",
       seconds_of(exec,
                  [&] {
                    cublasSgemm(handle, CUBLAS_OP_T, CUBLAS_OP_N, static_cast<int>(n), static_cast<int>(m), static_cast<int>(k), &one, b.data(),
                                static_cast<int>(k), a.data(), static_cast<int>(k), &zero, output.data(), static_cast<int>(n));
                  }),
       cost);
  cublasDestroy(handle);
#endif
}

void attention(Exec const& exec, std::int64_t batch, std::int64_t heads, std::int64_t tokens) {
  constexpr std::int64_t width = 64;
  auto const query = numbers<4>({batch, heads, tokens, width}), key = numbers<4>({batch, heads, tokens, width}),
             value  = numbers<4>({batch, heads, tokens, width});
  auto const output = numbers<4>({batch, heads, tokens, width});
  auto const sums   = numbers<3>({batch, heads, tokens});
  auto const cost   = nn::multi_head_attention_cost(static_cast<double>(batch), static_cast<double>(heads), static_cast<double>(tokens),
                                                    static_cast<double>(tokens), width, width, 4);
  auto const shape  = std::to_string(batch * heads) + " heads, " + std::to_string(tokens) + " tokens of 64";
  show("attention, " + shape, seconds_of(exec, [&] { nn::multi_head_attention(exec, query, key, value, none, none, output, sums); }), cost);
  if constexpr (!is_host_execution_v<Exec>) {
    auto const inputs = nn::detail::attention_inputs<float>(query, key, value, none, none, {});
    show("  one query a thread", seconds_of(exec, [&] { nn::detail::launch_attention_rows(exec, inputs, strided4(output), sums); }), cost);
  }
}

void encoder(Exec const& exec, std::string const& size, std::int64_t images) {
  auto configuration = vit::named_configuration(size);
  auto const table   = vit::encoder_parameter_table(configuration);
  auto const host    = make_host_tensor<float*>("ocellus::benchmarks::parameters", table.size());
  vit::initialize_encoder(table, host, 1);
  Tensor<float*, Exec> const parameters("ocellus::benchmarks::parameters", table.size());
  Kokkos::deep_copy(parameters, host);
  auto const weights = vit::encoder_weights(table, parameters, configuration.block);
  auto const image   = numbers<4>({images, configuration.channels, configuration.image_size, configuration.image_size});
  auto const output  = numbers<2>({images, configuration.width});
  vit::EncoderOptions const options{.heads = configuration.heads, .pool = vit::EncoderPool::token};
  WorkspaceFor<Exec> workspace(exec, vit::encoder_workspace_size(exec, image, weights, output, options));
  double const tokens = static_cast<double>(configuration.patches() + 1), width = static_cast<double>(configuration.width);
  double const flops   = static_cast<double>(images) * static_cast<double>(configuration.depth) * (24 * tokens * width * width + 4 * tokens * tokens * width);
  double const seconds = seconds_of(exec, [&] { vit::encoder(exec, image, weights, output, options, workspace); });
  show("encoder " + size + ", " + std::to_string(images) + " images (" + std::to_string(static_cast<int>(static_cast<double>(images) / seconds)) + " a second)",
       seconds, flops, 0);
}

}  // namespace
}  // namespace ocellus::benchmarks

int main(int argc, char** argv) {
  using namespace ocellus::benchmarks;
  Kokkos::ScopeGuard const kokkos(argc, argv);
  Exec const exec;
  std::printf("on %s\n", Exec::name());
  copies(exec);
  for (auto const& [m, k, n] : {std::array<std::int64_t, 3>{1568, 384, 1536}, {3136, 768, 3072}, {12544, 384, 1536}, {1024, 1024, 1024}, {4096, 4096, 4096}})
    product(exec, m, k, n);
  for (std::int64_t const tokens : {197, 785, 3137}) attention(exec, 8, 6, tokens);
  for (std::int64_t const images : {8, 64}) encoder(exec, "small", images);
  encoder(exec, "base", 64);
}
