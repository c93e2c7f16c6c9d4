// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/video/temporal_filter.hpp>

namespace ocellus::video {

/// A clip on its way through `temporal_filter`, frame by frame: the last `window` frames (`exponential`: the last output instead) and how far it is.
/// Frames of type Pixel and rank 2 (H, W) or 3 (C, H, W) go in, frames of type Value come out.
template <class Pixel, class Value, int Rank, MemorySpace Space>
struct TemporalFilterStream {
  using Real = detail::temporal_real_t<Pixel, Value>;

  TemporalFilterOptions options;
  Tensor<data_type_of_rank_t<Pixel, Rank + 1>, Space> ring;  ///< frame i is in slot i modulo window
  Tensor<data_type_of_rank_t<Real, Rank>, Space> state;      ///< of the exponential
  std::int64_t frames  = 0;                                  ///< pushed
  std::int64_t outputs = 0;                                  ///< given
  bool finishing       = false;
};

namespace detail {

/// Outputs can be formed before the clip's end is known: those whose window has arrived.
inline constexpr std::int64_t endless_clip = std::int64_t{1} << 60;

template <class Member, class Frame, class Ring>
struct KeepFrameRows {
  Frame frame;
  Ring ring;
  std::int64_t slot;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    constexpr int rank = static_cast<int>(Frame::rank());
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(frame, rank - 1)), [&](std::int64_t const x) {
      if constexpr (rank == 2)
        ring(slot, row, x) = frame(row, x);
      else
        ring(slot, row / extent(frame, 1), row % extent(frame, 1), x) = frame(row / extent(frame, 1), row % extent(frame, 1), x);
    });
  }
};

template <class Stream, class View>
void check_stream_frame(std::string_view function, char const* name, Stream const& stream, View const& view) {
  bool const decays = stream.options.method == TemporalMethod::exponential;
  for (int axis = 0; axis < static_cast<int>(View::rank()); ++axis) {
    std::int64_t const want = decays ? extent(stream.state, axis) : extent(stream.ring, axis + 1);
    require(extent(view, axis) == want, function, name, ".extent(", axis, ") is ", extent(view, axis), " but the stream was made for ", want);
  }
}

/// Forms output number `stream.outputs` of a clip of `clip_frames` frames.
template <class Tuning, class Exec, class Stream, class Source, class Output>
void next_stream_output(Exec const& exec, char const* label, Stream& stream, Source const& source, int skip, Output const& output, std::int64_t clip_frames) {
  using In  = element_t<Source>;
  using Out = element_t<Output>;
  TemporalProblem<In, Out, typename Stream::Real> problem;
  set_temporal_options(problem, stream.options);
  if (output.size() > 0) {
    set_temporal_lines(problem, source, skip, output, 0);
    // The state is row-major, and lines are joined axes in that order.
    problem.state       = {stream.state.data(), 1, 0, problem.middle * problem.length, problem.length, 1};
    problem.clip_frames = clip_frames;
    problem.first       = stream.outputs;
    problem.last        = stream.outputs + 1;
    launch_temporal_filter<tuning_row_t<Tuning, TemporalFilterTuning<Exec>>>(exec, label, problem);
  }
  ++stream.outputs;
}

}  // namespace detail

/// A stream for frames of the given extents, (H, W) or (C, H, W): `make_temporal_filter_stream<std::uint16_t, std::uint16_t>(exec, std::array{height, width})`.
///
/// Errors: `std::invalid_argument` as `temporal_filter`. Determinism: nothing is computed. Allocates: `window` frames of Pixel (`exponential`: one of float or double). Synchronises: no.
template <class Pixel, class Value, ExecutionSpace Exec, std::size_t Rank>
  requires(Rank == 2 || Rank == 3)
[[nodiscard]] auto make_temporal_filter_stream(Exec const& exec, std::array<std::int64_t, Rank> const& extents, TemporalFilterOptions const& options = {}) {
  constexpr auto function = "ocellus::video::make_temporal_filter_stream";
  detail::check_temporal_options(function, options);
  detail::check_temporal_types<Pixel, Value>(function, options.method);
  for (auto const e : extents) require(e >= 0, function, "an extent is ", e, " but must not be negative");
  TemporalFilterStream<Pixel, Value, static_cast<int>(Rank), typename Exec::memory_space> stream;
  stream.options = options;
  if (options.method == TemporalMethod::exponential) {
    Kokkos::LayoutRight layout;
    for (std::size_t axis = 0; axis < Rank; ++axis) layout.dimension[axis] = static_cast<std::size_t>(extents[axis]);
    stream.state = decltype(stream.state)(Kokkos::view_alloc(exec, std::string("ocellus::video::stream_state"), Kokkos::WithoutInitializing), layout);
  } else {
    Kokkos::LayoutRight layout;
    layout.dimension[0] = static_cast<std::size_t>(options.window);
    for (std::size_t axis = 0; axis < Rank; ++axis) layout.dimension[axis + 1] = static_cast<std::size_t>(extents[axis]);
    stream.ring = decltype(stream.ring)(Kokkos::view_alloc(exec, std::string("ocellus::video::stream_ring"), Kokkos::WithoutInitializing), layout);
  }
  return stream;
}

/// Takes the next frame, and forms the next output when its window is complete: output t after frame t + window/2 (`exponential`: after frame t).
///
/// frame, output: (H, W) or (C, H, W), any layout. Returns whether `output` was formed; if not, it is as before. Outputs come in the order of the frames, and
/// have the bits that `temporal_filter` gives for the whole clip.
///
/// Errors: `std::invalid_argument` when a frame does not fit the stream, or after `temporal_filter_finish`.
/// Determinism: the bits of `temporal_filter`. Allocates: nothing. Synchronises: no.
template <class Tuning = void, ExecutionSpace Exec, class Pixel, class Value, int Rank, MemorySpace Space, PixelView<Rank> Frame, PixelView<Rank> Output>
  requires AccessibleFrom<Exec, Frame, Output> && std::same_as<element_t<Frame>, Pixel> && std::same_as<element_t<Output>, Value>
[[nodiscard]] bool temporal_filter_push(Exec const& exec, TemporalFilterStream<Pixel, Value, Rank, Space>& stream, Frame const& frame, Output const& output) {
  constexpr auto function = "ocellus::video::temporal_filter_push";
  require(!stream.finishing, function, "the stream is finished: make a new one for another clip");
  detail::check_stream_frame(function, "frame", stream, frame);
  detail::check_stream_frame(function, "output", stream, output);
  if (stream.options.method == TemporalMethod::exponential) {
    ++stream.frames;
    detail::next_stream_output<Tuning>(exec, function, stream, frame, 0, output, detail::endless_clip);
    return true;
  }
  std::int64_t const window = stream.options.window;
  std::int64_t rows         = extent(frame, 0);
  if constexpr (Rank == 3) rows *= extent(frame, 1);
  using Ring = decltype(stream.ring);
  for_each_row(exec, "ocellus::video::temporal_filter_push::keep", rows,
               detail::KeepFrameRows<TeamMember<Exec>, Frame, Ring>{frame, stream.ring, stream.frames % window});
  ++stream.frames;
  if (stream.frames < stream.outputs + window / 2 + 1) return false;
  detail::next_stream_output<Tuning>(exec, function, stream, stream.ring, 1, output, detail::endless_clip);
  return true;
}

/// Forms the next output after the last frame; call it until it returns false.
///
///     while (video::temporal_filter_finish(exec, stream, output)) { ... }
///
/// Errors: `std::invalid_argument` when the output does not fit the stream.
/// Determinism: the bits of `temporal_filter`. Allocates: nothing. Synchronises: no.
template <class Tuning = void, ExecutionSpace Exec, class Pixel, class Value, int Rank, MemorySpace Space, PixelView<Rank> Output>
  requires AccessibleFrom<Exec, Output> && std::same_as<element_t<Output>, Value>
[[nodiscard]] bool temporal_filter_finish(Exec const& exec, TemporalFilterStream<Pixel, Value, Rank, Space>& stream, Output const& output) {
  constexpr auto function = "ocellus::video::temporal_filter_finish";
  detail::check_stream_frame(function, "output", stream, output);
  stream.finishing = true;
  if (stream.outputs == stream.frames) return false;
  detail::next_stream_output<Tuning>(exec, function, stream, stream.ring, 1, output, stream.frames);
  return true;
}

}  // namespace ocellus::video
