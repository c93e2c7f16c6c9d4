// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/mae/detail/loss_kernels.hpp>

/// Two-dimensional transforms of real images of any size: two rows make one complex line, each line is a mixed-radix transform (Stockham's, which needs no
/// reordering), and all lines of an image advance together so that the inner loop is contiguous. Prime factors are plain sums.
namespace ocellus::mae::detail {

/// Factors of a length, 4 first, and its table of exp(-2 pi i k / length).
template <class Real>
struct FourierAxis {
  std::int64_t length = 1;
  int count           = 0;
  int factors[32]     = {};
  Real const* cosine  = nullptr;
  Real const* sine    = nullptr;  ///< of the positive angle

  [[nodiscard]] static FourierAxis of(std::int64_t length) {
    FourierAxis axis;
    axis.length       = length;
    std::int64_t rest = length;
    while (rest > 1 && rest % 4 == 0) axis.factors[axis.count++] = 4, rest /= 4;
    for (std::int64_t p = 2; rest > 1; ++p) {
      if (p * p > rest) p = rest;
      while (rest % p == 0) axis.factors[axis.count++] = static_cast<int>(p), rest /= p;
    }
    return axis;
  }
};

/// cos and sin of 2 pi k / length from the first octant, so that symmetric angles have equal values and right angles exact ones.
template <class Member, class Table>
struct FourierTable {
  Table cosine, sine;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    using Real                = typename Table::non_const_value_type;
    std::int64_t const length = extent(cosine, 0);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, length), [&](std::int64_t const k) {
      std::int64_t const quadrant = 4 * k / length, rest = 4 * k - quadrant * length;
      bool const upper   = 2 * rest > length;
      double const angle = 1.57079632679489661923 * static_cast<double>(upper ? length - rest : rest) / static_cast<double>(length);
      double const a = Kokkos::cos(angle), b = Kokkos::sin(angle), c = upper ? b : a, s = upper ? a : b;
      cosine(k) = static_cast<Real>(quadrant == 0 ? c : quadrant == 1 ? -s : quadrant == 2 ? -c : s);
      sine(k)   = static_cast<Real>(quadrant == 0 ? s : quadrant == 1 ? c : quadrant == 2 ? -s : -c);
    });
  }
};

template <class Real>
struct ComplexLines {
  Real* re;
  Real* im;
};

/// Transforms `lines` lines at once: element x of line b stands at x * lines + b. `sign` -1 is the forward transform, +1 the inverse, neither normalised.
/// Returns where the result is: `data` or `other`.
template <class Member, class Real>
KOKKOS_FUNCTION ComplexLines<Real> fourier_lines(Member const& member, FourierAxis<Real> const& axis, std::int64_t lines, Real sign, ComplexLines<Real> data,
                                                 ComplexLines<Real> other) {
  std::int64_t length = axis.length, stride = 1;
  for (int stage = 0; stage < axis.count; ++stage) {
    std::int64_t const radix = axis.factors[stage], m = length / radix, run = stride * lines, step = axis.length / radix;
    for (std::int64_t p = 0; p < m; ++p) {
      auto const from = [&](std::int64_t j) { return (p + m * j) * run; };
      auto const to   = [&](std::int64_t k) { return (radix * p + k) * run; };
      if (radix == 2) {
        Real const c = axis.cosine[p * stride], s = sign * axis.sine[p * stride];
        std::int64_t const a = from(0), b = from(1), y0 = to(0), y1 = to(1);
        Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, run), [&](std::int64_t const i) {
          Real const ar = data.re[a + i], ai = data.im[a + i], br = data.re[b + i], bi = data.im[b + i], dr = ar - br, di = ai - bi;
          other.re[y0 + i] = ar + br;
          other.im[y0 + i] = ai + bi;
          other.re[y1 + i] = c * dr - s * di;
          other.im[y1 + i] = c * di + s * dr;
        });
      } else if (radix == 4) {
        Real const c1 = axis.cosine[p * stride], s1 = sign * axis.sine[p * stride], c2 = axis.cosine[2 * p * stride], s2 = sign * axis.sine[2 * p * stride],
                   c3 = axis.cosine[3 * p * stride], s3 = sign * axis.sine[3 * p * stride];
        std::int64_t const x0 = from(0), x1 = from(1), x2 = from(2), x3 = from(3), y0 = to(0), y1 = to(1), y2 = to(2), y3 = to(3);
        Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, run), [&](std::int64_t const i) {
          Real const er = data.re[x0 + i] + data.re[x2 + i], ei = data.im[x0 + i] + data.im[x2 + i];
          Real const fr = data.re[x0 + i] - data.re[x2 + i], fi = data.im[x0 + i] - data.im[x2 + i];
          Real const gr = data.re[x1 + i] + data.re[x3 + i], gi = data.im[x1 + i] + data.im[x3 + i];
          // sign * i times (x1 - x3)
          Real const hr = sign * (data.im[x3 + i] - data.im[x1 + i]), hi = sign * (data.re[x1 + i] - data.re[x3 + i]);
          Real const ar = fr + hr, ai = fi + hi, br = er - gr, bi = ei - gi, cr = fr - hr, ci = fi - hi;
          other.re[y0 + i] = er + gr;
          other.im[y0 + i] = ei + gi;
          other.re[y1 + i] = c1 * ar - s1 * ai;
          other.im[y1 + i] = c1 * ai + s1 * ar;
          other.re[y2 + i] = c2 * br - s2 * bi;
          other.im[y2 + i] = c2 * bi + s2 * br;
          other.re[y3 + i] = c3 * cr - s3 * ci;
          other.im[y3 + i] = c3 * ci + s3 * cr;
        });
      } else {
        for (std::int64_t k = 0; k < radix; ++k) {
          std::int64_t const x0 = from(0), y = to(k);
          Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, run), [&](std::int64_t const i) {
            other.re[y + i] = data.re[x0 + i];
            other.im[y + i] = data.im[x0 + i];
          });
          for (std::int64_t j = 1; j < radix; ++j) {
            std::int64_t const x = from(j);
            Real const c = axis.cosine[j * k % radix * step], s = sign * axis.sine[j * k % radix * step];
            Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, run), [&](std::int64_t const i) {
              other.re[y + i] += c * data.re[x + i] - s * data.im[x + i];
              other.im[y + i] += c * data.im[x + i] + s * data.re[x + i];
            });
          }
          Real const c = axis.cosine[p * k * stride], s = sign * axis.sine[p * k * stride];
          if (p * k == 0) continue;
          Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, run), [&](std::int64_t const i) {
            Real const r = other.re[y + i], q = other.im[y + i];
            other.re[y + i] = c * r - s * q;
            other.im[y + i] = c * q + s * r;
          });
        }
      }
    }
    ComplexLines<Real> const swap = data;
    data                          = other;
    other                         = swap;
    length                        = m;
    stride *= radix;
  }
  return data;
}

/// sqrt(a^2 + b^2) without overflow or underflow; 0 only where both are.
template <class Real>
KOKKOS_INLINE_FUNCTION Real magnitude(Real a, Real b) {
  Real const x = Kokkos::abs(a), y = Kokkos::abs(b), most = x > y ? x : y, least = x > y ? y : x;
  if (most == Real(0)) return most;
  Real const ratio = least / most;
  return a != a || b != b ? a + b : most * Kokkos::sqrt(Real(1) + ratio * ratio);
}

/// Loss terms, or gradients, of images (H, W). A slot is a part of the workspace; it takes every `slots`-th image.
template <class Member, class Real, class Prediction, class Target, class Mask, class Terms, class Gradient>
struct FourierImages {
  Prediction prediction;
  Target target;
  Mask mask;          ///< (N, C), null or None: all
  Terms terms;        ///< (N, C) doubles, or None
  Gradient gradient;  ///< or None
  FourierAxis<Real> down, across;
  UnmanagedTensor<Real**, typename Prediction::memory_space> buffers;  ///< (slots, four equal parts and a half spectrum)
  Divisor divisor;
  double weight;
  std::int64_t slots;
  bool squared, accumulate;

  [[nodiscard]] KOKKOS_FUNCTION std::int64_t half() const { return across.length / 2 + 1; }
  [[nodiscard]] KOKKOS_FUNCTION std::int64_t pairs() const { return (down.length + 1) / 2; }

  /// The half spectrum of an image: element (h, j) at h * half + j.
  template <class Image>
  KOKKOS_FUNCTION ComplexLines<Real> spectrum(Member const& member, Image const& image, std::int64_t n, std::int64_t c, ComplexLines<Real> a,
                                              ComplexLines<Real> b) const {
    std::int64_t const rows = down.length, columns = across.length, lines = pairs(), width = half();
    for (std::int64_t x = 0; x < columns; ++x) {
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, lines), [&](std::int64_t const pair) {
        a.re[x * lines + pair] = static_cast<Real>(image(n, c, 2 * pair, x));
        a.im[x * lines + pair] = 2 * pair + 1 < rows ? static_cast<Real>(image(n, c, 2 * pair + 1, x)) : Real(0);
      });
    }
    ComplexLines<Real> const z = fourier_lines(member, across, lines, Real(-1), a, b), free = z.re == a.re ? b : a;
    for (std::int64_t h = 0; h < rows; ++h) {
      std::int64_t const pair = h / 2;
      bool const odd          = h % 2 != 0;
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const j) {
        std::int64_t const p = j * lines + pair, q = (j == 0 ? 0 : columns - j) * lines + pair;
        free.re[h * width + j] = Real(0.5) * (odd ? z.im[p] + z.im[q] : z.re[p] + z.re[q]);
        free.im[h * width + j] = Real(0.5) * (odd ? z.re[q] - z.re[p] : z.im[p] - z.im[q]);
      });
    }
    return fourier_lines(member, down, width, Real(-1), free, z);
  }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t slot) const {
    std::int64_t const rows = down.length, columns = across.length, width = half(), lines = pairs(), channels = extent(prediction, 1);
    std::int64_t const unit = 64 / static_cast<std::int64_t>(sizeof(Real)), size = (extent(buffers, 1) - (rows * width + unit - 1) / unit * unit) / 4;
    Real* const memory = &buffers(slot, 0);
    ComplexLines<Real> const a{memory, memory + size}, b{memory + 2 * size, memory + 3 * size};
    Real* const wanted = memory + 4 * size;
    for (std::int64_t item = slot; item < extent(prediction, 0) * channels; item += slots) {
      std::int64_t const n = item / channels, c = item % channels;
      bool takes_part = true;
      if constexpr (!std::is_same_v<Mask, None>) takes_part = !is_present(mask) || mask(n, c) != 0;
      if (!takes_part) {
        write_nothing(member, n, c);
        continue;
      }
      ComplexLines<Real> const t = spectrum(member, target, n, c, a, b);
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, rows * width), [&](std::int64_t const i) { wanted[i] = magnitude(t.re[i], t.im[i]); });
      ComplexLines<Real> const p = spectrum(member, prediction, n, c, a, b), free = p.re == a.re ? b : a;
      if constexpr (!std::is_same_v<Terms, None>) {
        double sum = 0;
        Kokkos::parallel_reduce(
            Kokkos::ThreadVectorRange(member, rows * width),
            [&](std::int64_t const i, double& total) {
              std::int64_t const j    = i % width;
              double const difference = static_cast<double>(magnitude(p.re[i], p.im[i])) - static_cast<double>(wanted[i]);
              double const error      = squared ? difference * difference : Kokkos::abs(difference);
              total += j == 0 || 2 * j == columns ? error : 2.0 * error;  // the other half is its mirror image
            },
            sum);
        Kokkos::single(Kokkos::PerThread(member), [&]() { terms(n, c) = sum / static_cast<double>(rows * columns); });
      }
      if constexpr (!std::is_same_v<Gradient, None>) {
        auto const factor = static_cast<Real>(weight / (static_cast<double>(rows * columns) * divisor.value()));
        Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, rows * width), [&](std::int64_t const i) {
          Real const length = magnitude(p.re[i], p.im[i]), difference = length - wanted[i];
          Real const slope = squared ? Real(2) * difference : difference > Real(0) ? Real(1) : difference < Real(0) ? Real(-1) : difference;
          Real const scale = length == Real(0) ? Real(0) : factor * slope / length;
          p.re[i] *= scale;
          p.im[i] *= scale;
        });
        ComplexLines<Real> const g = fourier_lines(member, down, width, Real(1), p, free), other = g.re == a.re ? b : a;
        // Two rows of the half spectrum make one whole complex line; the columns 0 and W/2 are real.
        for (std::int64_t x = 0; x < columns; ++x) {
          std::int64_t const j = x < width ? x : columns - x;
          Real const mirror    = j == 0 || 2 * j == columns ? Real(0) : x < width ? Real(1) : Real(-1);
          Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, lines), [&](std::int64_t const pair) {
            std::int64_t const upper = 2 * pair * width + j, lower = upper + width;
            bool const has_lower = 2 * pair + 1 < rows;
            Real const lr = has_lower ? g.re[lower] : Real(0), li = has_lower ? g.im[lower] : Real(0);
            other.re[x * lines + pair] = g.re[upper] - mirror * li;
            other.im[x * lines + pair] = mirror * g.im[upper] + lr;
          });
        }
        ComplexLines<Real> const y = fourier_lines(member, across, lines, Real(1), other, g);
        for (std::int64_t h = 0; h < rows; ++h) {
          Real const* const from = h % 2 != 0 ? y.im : y.re;
          Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, columns), [&](std::int64_t const x) { store(n, c, h, x, from[x * lines + h / 2]); });
        }
      }
    }
  }

 private:
  KOKKOS_FUNCTION void store(std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t x, Real value) const {
    if constexpr (!std::is_same_v<Gradient, None>) {
      Real const before    = accumulate ? static_cast<Real>(gradient(n, c, h, x)) : Real(0);
      gradient(n, c, h, x) = static_cast<element_t<Gradient>>(before + value);
    }
  }

  KOKKOS_FUNCTION void write_nothing(Member const& member, std::int64_t n, std::int64_t c) const {
    if constexpr (!std::is_same_v<Terms, None>) Kokkos::single(Kokkos::PerThread(member), [&]() { terms(n, c) = 0; });
    for (std::int64_t h = 0; h < down.length; ++h)
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, across.length), [&](std::int64_t const x) { store(n, c, h, x, Real(0)); });
  }
};

}  // namespace ocellus::mae::detail
