// SPDX-License-Identifier: Apache-2.0

// oneDNN's matrix product on the shapes of benchmarks/linalg/matmul.cpp. Prints one JSON object a line: name, shape, type, threads, seconds.
//
//     onednn_matmul SHAPE...      SHAPE: [BATCHxM]xKxN[:packed][:transpose_b], as `matmul --benchmark_list_tests` names them
//
// Types: float, and bfloat16 with float output. Weights marked packed are in the layout that oneDNN chooses, reordered beforehand; the others are as they lie.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace {

using dnnl::memory;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct Shape {
  std::string name;
  std::vector<memory::dim> extents;
  bool packed = false, transposed = false;
};

Shape parse(std::string const& text) {
  Shape shape{text, {}, text.find(":packed") != std::string::npos, text.find(":transpose_b") != std::string::npos};
  char const* at = text.c_str();
  while (*at != 0 && *at != ':') {
    char* end = nullptr;
    shape.extents.push_back(std::strtol(at, &end, 10));
    at = *end == 'x' ? end + 1 : end;
  }
  return shape;
}

/// The median of the seconds of a call, over half a second.
double measure(dnnl::engine const& engine, Shape const& shape, memory::data_type type) {
  bool const batched      = shape.extents.size() == 4;
  std::size_t const first = batched ? 1 : 0;
  memory::dim const m = shape.extents[first], k = shape.extents[first + 1], n = shape.extents[first + 2];
  auto const dims = [&](memory::dim rows, memory::dim columns) {
    return batched ? memory::dims{shape.extents[0], rows, columns} : memory::dims{rows, columns};
  };
  auto const plain = batched ? memory::format_tag::abc : memory::format_tag::ab, other = batched ? memory::format_tag::acb : memory::format_tag::ba;
  memory::desc const a(dims(m, k), type, plain), stored_b(dims(k, n), type, shape.transposed ? other : plain), c(dims(m, n), memory::data_type::f32, plain);
  memory::desc const b = shape.packed ? memory::desc(dims(k, n), type, memory::format_tag::any) : stored_b;
#if DNNL_VERSION_MAJOR >= 3
  dnnl::matmul::primitive_desc const description(engine, a, b, c);
#else
  dnnl::matmul::primitive_desc const description(dnnl::matmul::desc(a, b, c), engine);
#endif
  dnnl::stream stream(engine);
  memory const a_memory(a, engine), c_memory(c, engine), b_memory(description.weights_desc(), engine);
  for (auto const& one : {a_memory, b_memory}) {
    std::size_t const bytes = one.get_desc().get_size();
    if (type == memory::data_type::f32) {
      auto* const values = static_cast<float*>(one.get_data_handle());
      for (std::size_t i = 0; i < bytes / 4; ++i) values[i] = static_cast<float>(i % 97) * 0.01f - 0.5f;
    } else {
      auto* const values = static_cast<unsigned short*>(one.get_data_handle());
      for (std::size_t i = 0; i < bytes / 2; ++i) values[i] = static_cast<unsigned short>(0x3f00 + i % 97);
    }
  }
  dnnl::matmul const product(description);
  auto const call = [&] {
    product.execute(stream, {{DNNL_ARG_SRC, a_memory}, {DNNL_ARG_WEIGHTS, b_memory}, {DNNL_ARG_DST, c_memory}});
    stream.wait();
  };
  call();
  std::vector<double> seconds;
  for (double const start = now(); seconds.size() < 5 || (now() - start < 0.5 && seconds.size() < 500);) {
    double const before = now();
    call();
    seconds.push_back(now() - before);
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

}  // namespace

int main(int count, char** arguments) {
  dnnl::engine const engine(dnnl::engine::kind::cpu, 0);
  int threads = 1;
#if defined(_OPENMP)
  threads = omp_get_max_threads();
#endif
  for (int i = 1; i < count; ++i) {
    Shape const shape = parse(arguments[i]);
    for (auto const type : {memory::data_type::f32, memory::data_type::bf16}) {
      try {
        std::printf("{\"peer\": \"oneDNN %d.%d.%d\", \"shape\": \"%s\", \"type\": \"%s\", \"threads\": %d, \"seconds\": %.9g}\n", dnnl_version()->major,
                    dnnl_version()->minor, dnnl_version()->patch, shape.name.c_str(), type == memory::data_type::f32 ? "float" : "bfloat16", threads,
                    measure(engine, shape, type));
        std::fflush(stdout);
      } catch (dnnl::error const&) {
        // This build of oneDNN, or this processor, has no such product.
      }
    }
  }
}
