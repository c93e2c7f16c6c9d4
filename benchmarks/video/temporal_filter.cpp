// SPDX-License-Identifier: Apache-2.0

// Shapes are FRAMESxHEIGHTxWIDTH:METHOD:wWINDOW.

#include <ocellus/video/temporal_filter.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

/// The mean is float whatever goes in; the median has the type of the frames.
template <class In, class Out>
void filter(benchmark::State& state, std::int64_t frames, std::int64_t side, video::TemporalMethod method) {
  auto const input  = random_tensor_between<In***>(0.0, 4000.0, 1, frames, side, side);
  auto const output = random_tensor_between<Out***>(0.0, 1.0, 2, frames, side, side);
  video::TemporalFilterOptions const options{.method = method, .window = 5};
  run(state, type_name<In>(), video::temporal_filter_cost(static_cast<double>(input.size()), options, sizeof(In), sizeof(Out)),
      [&](Exec const& exec) { video::temporal_filter(exec, input, output, options); });
}

OCELLUS_BENCHMARK("video::temporal_filter", "100x1024x1024:median:w5", "float", (filter<float, float>), 100, 1024, video::TemporalMethod::median);
OCELLUS_BENCHMARK("video::temporal_filter", "100x1024x1024:mean:w5", "float", (filter<float, float>), 100, 1024, video::TemporalMethod::mean);
OCELLUS_BENCHMARK("video::temporal_filter", "100x1024x1024:median:w5", "uint16", (filter<std::uint16_t, std::uint16_t>), 100, 1024,
                  video::TemporalMethod::median);
OCELLUS_BENCHMARK("video::temporal_filter", "100x1024x1024:mean:w5", "uint16", (filter<std::uint16_t, float>), 100, 1024, video::TemporalMethod::mean);

}  // namespace
