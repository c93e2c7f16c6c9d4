// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/video/detail/host_pixels.hpp>
#include <ocellus/video/detail/temporal_window.hpp>

namespace ocellus::video::detail {

/// What becomes of a window.
enum class WindowRule {
  order_statistic,  ///< the element of a given rank
  weighted_sum,     ///< scale * sum(weight_k x_{t+k})
  exponential,      ///< y_t = y_{t-1} + alpha (x_t - y_{t-1})
  bilateral,        ///< weights that fall with the distance in time and in value
};

enum class WeightRule { unit, profile, polynomial, gaussian };

inline constexpr int most_polynomial_terms = 32;

/// The weights of a window in closed form, so that no array has to reach the kernel, whatever the window.
struct WindowWeights {
  WeightRule rule     = WeightRule::unit;
  std::int64_t window = 1;
  double level = 1, least = 0, most = 1;          ///< profile
  double steepness                          = 0;  ///< gaussian: exp(-steepness k^2)
  int terms                                 = 0;  ///< polynomial: sum of coefficient[n] p_n(k), p_{n+1}(u) = u p_n(u) - norm[n] p_{n-1}(u), u = k / radius
  double coefficient[most_polynomial_terms] = {}, norm[most_polynomial_terms] = {};

  [[nodiscard]] KOKKOS_INLINE_FUNCTION double at(std::int64_t k) const {
    std::int64_t const radius = window / 2;
    if (rule == WeightRule::unit) return 1.0;
    if (rule == WeightRule::profile) return profile_weight(k + radius, window, level, least, most);
    if (rule == WeightRule::gaussian) return Kokkos::exp(-steepness * static_cast<double>(k) * static_cast<double>(k));
    double const u  = radius == 0 ? 0.0 : static_cast<double>(k) / static_cast<double>(radius);
    double previous = 0, current = 1, sum = 0;
    for (int n = 0; n < terms; ++n) {
      sum               = multiply_add(coefficient[n], current, sum);
      double const next = multiply_add(u, current, -norm[n] * previous);
      previous          = current;
      current           = next;
    }
    return sum;
  }
};

/// A clip as lines of pixels: frame, two outer axes, the axis of the line. Frame i is in slot i modulo `slots`.
template <class T>
struct ClipLines {
  T* data            = nullptr;
  std::int64_t slots = 1, frame_stride = 0, outer_stride = 0, middle_stride = 0, pixel_stride = 0;

  [[nodiscard]] KOKKOS_INLINE_FUNCTION T* line(std::int64_t frame, std::int64_t outer, std::int64_t middle) const {
    std::int64_t const slot = frame < slots ? frame : frame % slots;
    return data + slot * frame_stride + outer * outer_stride + middle * middle_stride;
  }
};

/// Everything that a launch needs.
template <class In, class Out, class Real>
struct TemporalProblem {
  ClipLines<In const> frames;
  ClipLines<Out> output;
  ClipLines<Real> state;  ///< of the exponential, one frame; null: starts at the first frame
  std::int64_t outer = 1, middle = 1, length = 0;

  WindowRule rule          = WindowRule::order_statistic;
  TemporalEdge edge        = TemporalEdge::reflect;
  std::int64_t window      = 1;
  std::int64_t rank        = 0;
  std::int64_t clip_frames = 0;  ///< T, where the edges are
  std::int64_t first = 0, last = 0;
  double scale = 1, alpha = 1, value_steepness = 0;
  WindowWeights weights;

  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::int64_t source(std::int64_t frame) const { return source_frame(frame, clip_frames, edge); }
};

/// Axes of a frame (outer, middle, pixel) with their strides in two clips, joined where both allow it.
struct FrameAxes {
  std::int64_t extents[3] = {1, 1, 1}, a[3] = {0, 0, 0}, b[3] = {0, 0, 0};

  void join() {
    for (int pass = 0; pass < 2; ++pass) {
      bool const line_of_one = extents[2] == 1, flat = a[1] == extents[2] * a[2] && b[1] == extents[2] * b[2];
      if (extents[1] != 1 && !line_of_one && !flat) return;
      if (line_of_one && extents[1] != 1) a[2] = a[1], b[2] = b[1];
      extents[2] *= extents[1];
      extents[1] = extents[0], a[1] = a[0], b[1] = b[0];
      extents[0] = 1;
    }
  }
};

/// The portable kernel: a lane owns a pixel over a block of outputs and reads each window from memory.
template <class Member, class In, class Out, class Real>
struct TemporalPixels {
  TemporalProblem<In, Out, Real> problem;
  std::int64_t run = 1, runs = 1, block = 1;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    auto const& p            = problem;
    std::int64_t const which = item % runs, line = item / runs % (p.outer * p.middle), from = p.first + item / runs / (p.outer * p.middle) * block;
    std::int64_t const outer = line / p.middle, middle = line % p.middle, begin = which * run;
    std::int64_t const count = p.length - begin < run ? p.length - begin : run, to = from + block < p.last ? from + block : p.last;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const i) {
      if (p.rule == WindowRule::exponential) {
        decay(outer, middle, begin + i, from, to);
      } else {
        for (std::int64_t t = from; t < to; ++t) {
          Out& out = p.output.line(t, outer, middle)[(begin + i) * p.output.pixel_stride];
          if constexpr (std::is_integral_v<Out>) {
            out = select(t, outer, middle, begin + i);
          } else {
            if constexpr (std::is_same_v<In, Out>) {
              if (p.rule == WindowRule::order_statistic) {
                out = select(t, outer, middle, begin + i);
                continue;
              }
            }
            out = static_cast<Out>(p.rule == WindowRule::bilateral ? smooth(t, outer, middle, begin + i) : weigh(t, outer, middle, begin + i));
          }
        }
      }
    });
  }

  [[nodiscard]] KOKKOS_INLINE_FUNCTION In pixel(std::int64_t frame, std::int64_t outer, std::int64_t middle, std::int64_t i) const {
    return problem.frames.line(problem.source(frame), outer, middle)[i * problem.frames.pixel_stride];
  }

  KOKKOS_INLINE_FUNCTION void decay(std::int64_t outer, std::int64_t middle, std::int64_t i, std::int64_t from, std::int64_t to) const {
    if constexpr (!std::is_integral_v<Out>) {
      auto const& p      = problem;
      bool const resumed = p.state.data != nullptr && from > 0;
      Real y             = resumed ? p.state.line(0, outer, middle)[i * p.state.pixel_stride] : static_cast<Real>(pixel(from, outer, middle, i));
      for (std::int64_t t = from; t < to; ++t) {
        if (t > 0) y = multiply_add(static_cast<Real>(p.alpha), static_cast<Real>(pixel(t, outer, middle, i)) - y, y);
        p.output.line(t, outer, middle)[i * p.output.pixel_stride] = static_cast<Out>(y);
      }
      if (p.state.data != nullptr) p.state.line(0, outer, middle)[i * p.state.pixel_stride] = y;
    }
  }

  [[nodiscard]] KOKKOS_INLINE_FUNCTION Real weigh(std::int64_t t, std::int64_t outer, std::int64_t middle, std::int64_t i) const {
    std::int64_t const radius = problem.window / 2;
    Real sum                  = 0;
    for (std::int64_t k = -radius; k <= radius; ++k)
      sum = multiply_add(static_cast<Real>(problem.weights.at(k)), static_cast<Real>(pixel(t + k, outer, middle, i)), sum);
    return sum * static_cast<Real>(problem.scale);
  }

  [[nodiscard]] KOKKOS_INLINE_FUNCTION Real smooth(std::int64_t t, std::int64_t outer, std::int64_t middle, std::int64_t i) const {
    std::int64_t const radius = problem.window / 2;
    Real const centre         = static_cast<Real>(pixel(t, outer, middle, i));
    Real sum = 0, total = 0;
    for (std::int64_t k = -radius; k <= radius; ++k) {
      Real const x = static_cast<Real>(pixel(t + k, outer, middle, i)), difference = x - centre;
      Real const weight = static_cast<Real>(problem.weights.at(k)) * decaying_exp(difference * difference * static_cast<Real>(-problem.value_steepness));
      sum               = multiply_add(weight, x, sum);
      total += weight;
    }
    return sum / total;
  }

  /// The element of the wanted rank: the one that has at most `rank` smaller and more than `rank` not larger. Nothing is stored, so a window may be of any size.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION In select(std::int64_t t, std::int64_t outer, std::int64_t middle, std::int64_t i) const {
    using Number              = std::conditional_t<std::is_integral_v<In>, In, Real>;
    std::int64_t const radius = problem.window / 2;
    Number chosen             = 0;
    for (std::int64_t k = -radius; k <= radius; ++k) {
      Number const candidate = static_cast<Number>(pixel(t + k, outer, middle, i));
      std::int64_t below = 0, upto = 0;
      for (std::int64_t j = -radius; j <= radius; ++j) {
        Number const other = static_cast<Number>(pixel(t + j, outer, middle, i));
        if constexpr (!std::is_integral_v<In>) {
          if (other != other) return static_cast<In>(Kokkos::Experimental::quiet_NaN_v<float>);
        }
        if (other < candidate) ++below;
        if (other <= candidate) ++upto;
      }
      if (below <= problem.rank && problem.rank < upto) {
        chosen = candidate;
        break;
      }
    }
    if constexpr (std::is_integral_v<In>)
      return chosen;
    else
      return static_cast<In>(chosen + Number(0));
  }
};

inline namespace OCELLUS_INSTRUCTION_SET {

/// The host kernel: a thread owns a run of pixels that stays in its cache while it goes through the frames, so each frame is read from memory once.
template <class Member, class Tuning, class In, class Out, class Real>
struct TemporalTiles {
  static constexpr std::int64_t longest_window = 513;
  static constexpr int sorted_at_once          = 4;
  static constexpr std::int64_t element_bytes  = sizeof(In) > sizeof(Out) ? sizeof(In) : sizeof(Out);
  static constexpr std::int64_t run            = Tuning::chunk_bytes / element_bytes;
  static_assert(run * sizeof(Out) % 64 == 0 && run % 64 == 0, "ocellus::video::temporal_filter: chunk_bytes must hold a multiple of 64 elements");

  TemporalProblem<In, Out, Real> problem;

  [[nodiscard]] std::int64_t runs() const { return (problem.length + run - 1) / run; }

  /// Streamed stores need whole vectors at aligned addresses, in every frame.
  [[nodiscard]] bool streams() const {
    if constexpr (Tuning::streaming_bytes < 0) {
      return false;
    } else {
      auto const& o            = problem.output;
      std::int64_t const bytes = (problem.last - problem.first) * problem.outer * problem.middle * problem.length * static_cast<std::int64_t>(sizeof(Out));
      auto const aligned       = [](std::int64_t elements) { return elements * static_cast<std::int64_t>(sizeof(Out)) % host_vector_bytes == 0; };
      return bytes >= Tuning::streaming_bytes && reinterpret_cast<std::uintptr_t>(o.data) % host_vector_bytes == 0 && aligned(o.frame_stride) &&
             aligned(o.outer_stride) && aligned(o.middle_stride);
    }
  }

  void operator()(Member const&, std::int64_t item) const {
    std::int64_t const which = item % runs(), line = item / runs();
    Place const place{line / problem.middle, line % problem.middle, which * run, problem.length - which * run < run ? problem.length - which * run : run,
                      problem.frames.pixel_stride == 1 && problem.output.pixel_stride == 1};
    bool const streaming = streams();
    if constexpr (std::is_same_v<In, Out>) {
      if (problem.rule == WindowRule::order_statistic) {
        if (streaming)
          select<true>(place);
        else
          select<false>(place);
        if (streaming) finish_streaming();
        return;
      }
    }
    if constexpr (!std::is_integral_v<Out>) {
      if (problem.rule == WindowRule::exponential)
        streaming ? decay<true>(place) : decay<false>(place);
      else if (problem.rule == WindowRule::weighted_sum)
        streaming ? weigh<true>(place) : weigh<false>(place);
      else if (problem.rule == WindowRule::bilateral)
        smooth(place);
    }
    if (streaming) finish_streaming();
  }

 private:
  struct Place {
    std::int64_t outer, middle, begin, count;
    bool contiguous;
  };

  [[nodiscard]] In const* input(std::int64_t frame, Place const& at) const {
    return problem.frames.line(problem.source(frame), at.outer, at.middle) + at.begin * problem.frames.pixel_stride;
  }
  [[nodiscard]] Out* output(std::int64_t frame, Place const& at) const {
    return problem.output.line(frame, at.outer, at.middle) + at.begin * problem.output.pixel_stride;
  }

  // Order statistics

  using Key       = OrderKey<In>;
  using KeyPixels = typename Key::Pixels;
  using KeyVector = typename Key::Vector;

  /// Two outputs, t and t + 1, share all frames but one each: with the shared ones sorted, an output is its own frame put between the two neighbouring ranks.
  template <bool Streaming>
  void select(Place const& at) const {
    std::int64_t const radius = problem.window / 2;
    bool const is_median      = problem.rank == radius;
    In const* from[longest_window + 1];
    for (std::int64_t t = problem.first; t < problem.last; t += 2) {
      bool const two = t + 1 < problem.last;
      for (std::int64_t k = 0; k < problem.window; ++k) from[k] = input(t - radius + k, at);
      from[problem.window] = two ? input(t + 1 + radius, at) : from[0];
      Out* const first     = output(t, at);
      Out* const second    = two ? output(t + 1, at) : first;
      std::int64_t i       = 0;
      if (at.contiguous) {
        if (is_median && problem.window == 3)
          i = select_median<Streaming, 2>(from, first, second, two, at.count);
        else if (is_median && problem.window == 5)
          i = select_median<Streaming, 4>(from, first, second, two, at.count);
        else if (is_median && problem.window == 7)
          i = select_median<Streaming, 6>(from, first, second, two, at.count);
        else if (is_median && problem.window == 9)
          i = select_median<Streaming, 8>(from, first, second, two, at.count);
      }
      for (; at.contiguous && i + sorted_at_once * KeyPixels::lanes <= at.count; i += sorted_at_once * KeyPixels::lanes)
        select_any<sorted_at_once>(from, first, second, two, i, at, KeyPixels::lanes);
      for (; i < at.count; i += KeyPixels::lanes)
        select_any<1>(from, first, second, two, i, at, static_cast<int>(at.count - i < KeyPixels::lanes ? at.count - i : KeyPixels::lanes));
    }
  }

  /// Any window and rank; several vectors side by side keep the processor busy while each comparison waits for the last.
  template <int Vectors>
  void select_any(In const* const* from, Out* first, Out* second, bool two, std::int64_t i, Place const& at, int valid) const {
    std::int64_t const shared = problem.window - 1;
    bool const whole          = at.contiguous && valid == KeyPixels::lanes;
    KeyVector sorted[longest_window][Vectors], carried[Vectors] = {};
    auto const fetch = [&](std::int64_t k, int v) {
      std::int64_t const stride = problem.frames.pixel_stride;
      if (whole) return Key::key(KeyPixels::load(from[k] + i + v * KeyPixels::lanes));
      return Key::key(KeyPixels::gather(from[k] + i * stride, stride, valid));
    };
    for (std::int64_t k = 0; k < shared; ++k) {
      for (int v = 0; v < Vectors; ++v) {
        sorted[k][v] = fetch(k + 1, v);
        carried[v]   = k == 0 ? sorted[k][v] : Key::spoil(carried[v], sorted[k][v]);
      }
    }
    sort<Vectors>(sorted, shared);
    for (int output = 0; output < (two ? 2 : 1); ++output) {
      for (int v = 0; v < Vectors; ++v) {
        KeyVector const own = fetch(output == 0 ? 0 : problem.window, v);
        KeyVector value     = own;
        if (problem.rank < shared) value = least(value, sorted[problem.rank][v]);
        if (problem.rank > 0) value = most(value, sorted[problem.rank - 1][v]);
        Out* const to = output == 0 ? first : second;
        value         = Key::pixel(value, shared > 0 ? Key::spoil(carried[v], own) : own);
        if (whole)
          KeyPixels::template store<false>(to + i + v * KeyPixels::lanes, value);
        else
          KeyPixels::scatter(to + i * problem.output.pixel_stride, problem.output.pixel_stride, valid, value);
      }
    }
  }

  /// Whole vectors of two medians over `Shared + 1` frames; returns where it stopped.
  template <bool Streaming, int Shared>
  static std::int64_t select_median(In const* const* from, Out* first, Out* second, bool two, std::int64_t count) {
    In const* p[Shared + 2];
    for (int k = 0; k < Shared + 2; ++k) p[k] = from[k];
    std::int64_t i = 0;
    for (; i + KeyPixels::lanes <= count; i += KeyPixels::lanes) {
      KeyVector s[Shared];
#pragma GCC unroll 8
      for (int k = 0; k < Shared; ++k) s[k] = Key::key(KeyPixels::load(p[k + 1] + i));
      KeyVector carried = s[0];
#pragma GCC unroll 8
      for (int k = 1; k < Shared; ++k) carried = Key::spoil(carried, s[k]);
      KeyVector const before = Key::key(KeyPixels::load(p[0] + i)), behind = Key::key(KeyPixels::load(p[Shared + 1] + i));
      middle_two<Shared>(s);
      KeyPixels::template store<Streaming>(first + i, Key::pixel(most(s[0], least(before, s[1])), Key::spoil(carried, before)));
      if (two) KeyPixels::template store<Streaming>(second + i, Key::pixel(most(s[0], least(behind, s[1])), Key::spoil(carried, behind)));
    }
    return i;
  }

  /// The two middle ones of 2, 4, 6 or 8 in s[0] <= s[1]. The smallest and the largest of any n/2 + 2 cannot be among them and are dropped.
  template <int Count>
  static OCELLUS_VIDEO_INLINE void middle_two(KeyVector (&s)[Count]) {
    if constexpr (Count == 2) {
      order(s[0], s[1]);
    } else if constexpr (Count == 4) {
      KeyVector const low = most(least(s[0], s[1]), least(s[2], s[3])), high = least(most(s[0], s[1]), most(s[2], s[3]));
      s[0] = least(low, high);
      s[1] = most(low, high);
    } else {
      // Sorted pairs: the least of their lower ends and the largest of their upper ends are out, until four are left.
#pragma GCC unroll 4
      for (int k = 0; k < Count; k += 2) order(s[k], s[k + 1]);
#pragma GCC unroll 4
      for (int k = 2; k < Count; k += 2) order(s[0], s[k]), order(s[k + 1], s[1]);
      KeyVector rest[Count - 2];
#pragma GCC unroll 8
      for (int k = 2; k < Count; ++k) rest[k - 2] = s[k];
      middle_two<Count - 2>(rest);
      s[0] = rest[0];
      s[1] = rest[1];
    }
  }

  /// Batcher's odd-even merge sort for any number of elements.
  template <int Vectors>
  static void sort(KeyVector (*s)[Vectors], std::int64_t count) {
    for (std::int64_t p = 1; p < count; p *= 2) {
      for (std::int64_t k = p; k >= 1; k /= 2) {
        for (std::int64_t j = k % p; j + k < count; j += 2 * k) {
          // Of a block of 2 p, which is a power of two, both must be part.
          for (std::int64_t i = j; i < j + k && i + k < count; ++i) {
            if (((i ^ (i + k)) & -(2 * p)) != 0) continue;
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) order(s[i][v], s[i + k][v]);
          }
        }
      }
    }
  }

  // Sums

  using Pixels = PixelVector<Real>;
  using Vector = typename Pixels::Vector;

  [[nodiscard]] Vector fetch(In const* from, std::int64_t i, Place const& at, int valid) const {
    if (at.contiguous && valid == Pixels::lanes) return Pixels::load(from + i);
    return Pixels::gather(from + i * problem.frames.pixel_stride, problem.frames.pixel_stride, valid);
  }
  void put(Out* to, std::int64_t i, Place const& at, int valid, Vector const& value) const {
    if (at.contiguous && valid == Pixels::lanes)
      Pixels::template store<false>(to + i, value);
    else
      Pixels::scatter(to + i * problem.output.pixel_stride, problem.output.pixel_stride, valid, value);
  }
  [[nodiscard]] static int valid_lanes(std::int64_t i, Place const& at) {
    return static_cast<int>(at.count - i < Pixels::lanes ? at.count - i : Pixels::lanes);
  }

  /// Two outputs, t and t + 1, share all frames but one each, so a loaded vector enters both sums. Each sum goes over its window in ascending order.
  template <bool Streaming>
  void weigh(Place const& at) const {
    std::int64_t const radius = problem.window / 2, window = problem.window;
    In const* from[longest_window + 1];
    Real weight[longest_window];
    for (std::int64_t k = 0; k < window; ++k) weight[k] = static_cast<Real>(problem.weights.at(k - radius));
    Real const scale = static_cast<Real>(problem.scale);
    for (std::int64_t t = problem.first; t < problem.last; t += 2) {
      bool const two = t + 1 < problem.last;
      for (std::int64_t k = 0; k < window; ++k) from[k] = input(t - radius + k, at);
      from[window]      = two ? input(t + 1 + radius, at) : from[0];
      Out* const first  = output(t, at);
      Out* const second = two ? output(t + 1, at) : first;
      std::int64_t i    = 0;
      if (at.contiguous) i = weigh_vectors<Streaming>(from, weight, window, scale, first, second, two, at.count);
      for (; i < at.count; i += Pixels::lanes) {
        int const valid = valid_lanes(i, at);
        Vector sum{}, next{};
        for (std::int64_t k = 0; k < window; ++k) sum += weight[k] * fetch(from[k], i, at, valid);
        put(first, i, at, valid, sum * scale);
        if (!two) continue;
        for (std::int64_t k = 0; k < window; ++k) next += weight[k] * fetch(from[k + 1], i, at, valid);
        put(second, i, at, valid, next * scale);
      }
    }
  }

  /// Whole groups of vectors; returns where it stopped.
  template <bool Streaming>
  static std::int64_t weigh_vectors(In const* const* from, Real const* weight, std::int64_t window, Real scale, Out* first, Out* second, bool two,
                                    std::int64_t count) {
    constexpr int vectors = 4;
    std::int64_t i        = 0;
    for (; i + vectors * Pixels::lanes <= count; i += vectors * Pixels::lanes) {
      Vector sum[vectors] = {}, next[vectors] = {};
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) {
        Vector const x = Pixels::load(from[0] + i + v * Pixels::lanes);
        sum[v] += weight[0] * x;
      }
      for (std::int64_t k = 1; k < window; ++k) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
          Vector const x = Pixels::load(from[k] + i + v * Pixels::lanes);
          sum[v] += weight[k] * x;
          next[v] += weight[k - 1] * x;
        }
      }
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) {
        Vector const x = Pixels::load(from[window] + i + v * Pixels::lanes);
        next[v] += weight[window - 1] * x;
        Pixels::template store<Streaming>(first + i + v * Pixels::lanes, sum[v] * scale);
        if (two) Pixels::template store<Streaming>(second + i + v * Pixels::lanes, next[v] * scale);
      }
    }
    return i;
  }

  template <bool Streaming>
  void decay(Place const& at) const {
    alignas(64) Real y[run];
    Real const alpha   = static_cast<Real>(problem.alpha);
    bool const resumed = problem.state.data != nullptr && problem.first > 0;
    Real* const state  = problem.state.data == nullptr ? nullptr : problem.state.line(0, at.outer, at.middle) + at.begin * problem.state.pixel_stride;
    for (std::int64_t i = 0; resumed && i < at.count; ++i) y[i] = state[i * problem.state.pixel_stride];
    for (std::int64_t t = problem.first; t < problem.last; ++t) {
      In const* const from = input(t, at);
      Out* const to        = output(t, at);
      for (std::int64_t i = 0; i < at.count; i += Pixels::lanes) {
        int const valid   = valid_lanes(i, at);
        auto& kept        = *reinterpret_cast<Vector*>(y + i);
        Vector const x    = fetch(from, i, at, valid);
        Vector const next = t == 0 ? x : kept + alpha * (x - kept);
        kept              = next;
        if (Streaming && at.contiguous && valid == Pixels::lanes)
          Pixels::template store<true>(to + i, next);
        else
          put(to, i, at, valid, next);
      }
    }
    for (std::int64_t i = 0; state != nullptr && i < at.count; ++i) state[i * problem.state.pixel_stride] = y[i];
  }

  void smooth(Place const& at) const {
    std::int64_t const radius = problem.window / 2;
    In const* from[longest_window];
    Real weight[longest_window];
    for (std::int64_t k = 0; k < problem.window; ++k) weight[k] = static_cast<Real>(problem.weights.at(k - radius));
    Real const steepness = static_cast<Real>(-problem.value_steepness);
    for (std::int64_t t = problem.first; t < problem.last; ++t) {
      for (std::int64_t k = 0; k < problem.window; ++k) from[k] = input(t - radius + k, at);
      Out* const to = output(t, at);
      for (std::int64_t i = 0; i < at.count; i += Pixels::lanes) {
        int const valid     = valid_lanes(i, at);
        Vector const centre = fetch(from[radius], i, at, valid);
        Vector sum{}, total{};
        for (std::int64_t k = 0; k < problem.window; ++k) {
          Vector const x = fetch(from[k], i, at, valid), difference = x - centre;
          Vector const w = weight[k] * decaying_exp_vector<Real, Vector>(difference * difference * steepness);
          sum += w * x;
          total += w;
        }
        put(to, i, at, valid, sum / total);
      }
    }
  }
};

}  // namespace OCELLUS_INSTRUCTION_SET

/// Launches the kernel that the tuning row asks for.
template <class Tuning, ExecutionSpace Exec, class In, class Out, class Real>
void launch_temporal_filter(Exec const& exec, std::string const& label, TemporalProblem<In, Out, Real> const& problem) {
  std::int64_t const lines = problem.outer * problem.middle, outputs = problem.last - problem.first;
  if (lines == 0 || problem.length == 0 || outputs <= 0) return;
  if constexpr (Tuning::host_vectors && is_host_execution_v<Exec>) {
    using Tiles = TemporalTiles<TeamMember<Exec>, Tuning, In, Out, Real>;
    if (problem.window <= Tiles::longest_window) {
      Tiles const kernel{problem};
      for_each_row(exec, label, lines * kernel.runs(), kernel);
      return;
    }
  }
  TemporalPixels<TeamMember<Exec>, In, Out, Real> kernel{problem};
  kernel.run                = 128;
  kernel.runs               = (problem.length + kernel.run - 1) / kernel.run;
  kernel.block              = problem.rule == WindowRule::exponential ? outputs : Tuning::block_outputs;
  std::int64_t const blocks = (outputs + kernel.block - 1) / kernel.block;
  for_each_row(exec, label, lines * kernel.runs * blocks, kernel);
}

}  // namespace ocellus::video::detail
