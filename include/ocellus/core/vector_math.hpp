// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Exponential, logarithm, error function and hyperbolic tangent of host vectors (simd.hpp).
///
///     exp, exp2, exp2_flushed, log, erf, tanh: Simd<T, Width> -> Simd<T, Width>,   T float or double
///
/// exp2_flushed is exp2, but exactly 0 where that is below the smallest normal number: processors take forty times as long to form subnormal ones.
///
/// An argument is reduced to a short interval, a polynomial of nearly least relative error is evaluated there by fused multiply-adds, and powers of two are put
/// back through the exponent. There are no branches and no tables, so that a lane's bits depend on its argument alone, not on the width nor on its neighbours.
///
/// Special values: NaN gives NaN. exp(-inf) = 0, exp(inf) = inf; log(0) = -inf, log of a negative number is NaN, log(inf) = inf; erf and tanh of +-inf are +-1 and
/// keep the sign of zero. Results below the smallest normal number are rounded as subnormals, and subnormal arguments are not flushed.
/// Error bound, in units in the last place of the exact result: exp 2, exp2 2, exp2_flushed 2, log 2, erf 2, tanh 4.
/// Determinism: fixed for an instruction set; without fused multiply-adds the bits differ, not the bounds.

#include <cstdint>
#include <type_traits>

#include <ocellus/core/simd.hpp>

namespace ocellus {
namespace detail {
inline namespace OCELLUS_INSTRUCTION_SET {

/// c[0] + c[1] x + ... by Horner's rule; the coefficients are doubles so that one table serves both types.
template <class V, int Count>
[[gnu::always_inline]] inline V polynomial(V const& x, double const (&c)[Count]) {
  using T  = typename V::value_type;
  V result = V(static_cast<T>(c[Count - 1]));
#pragma GCC unroll 24
  for (int i = Count - 2; i >= 0; --i) result = fma(result, x, V(static_cast<T>(c[i])));
  return result;
}

inline constexpr double log2_of_e = 0x1.71547652b82fep+0;

/// ln 2 in two parts; products of the first with whole numbers up to 2^11 (double) or 2^8 (float) are exact.
template <class T>
inline constexpr double ln2_high = sizeof(T) == 4 ? 0x1.62e4p-1 : 0x1.62e42fee00000p-1;
template <class T>
inline constexpr double ln2_low = sizeof(T) == 4 ? 0x1.7f7d1cf79abcap-20 : 0x1.a39ef35793c76p-33;

#ifdef KOKKOS_ENABLE_OPENMPTARGET
#pragma omp begin declare target  // tables are read through their address, so a device needs its own
#endif
/// (e^r - 1 - r) / r^2 for |r| <= ln(2) / 2: for e^r (relative error 3.1e-9 and 3.7e-18) and for e^r - 1 (1.4e-8 and 2.9e-19).
inline constexpr double exp_float[]    = {0x1.fffffcp-2, 0x1.555492p-3, 0x1.5558aep-5, 0x1.12397cp-7, 0x1.6a4efp-10};
inline constexpr double exp_double[]   = {0x1.000000000000ap-1,  0x1.5555555555504p-3,  0x1.55555555506bap-5,  0x1.1111111125552p-7,  0x1.6c16c18477735p-10,
                                          0x1.a01a0136cd02cp-13, 0x1.a019995e03fffp-16, 0x1.71df0a86b9070p-19, 0x1.28adfd90e2080p-22, 0x1.ada88be2f908ap-26};
inline constexpr double expm1_float[]  = {0x1.fffffep-2, 0x1.5554b2p-3, 0x1.555716p-5, 0x1.122662p-7, 0x1.6b7304p-10};
inline constexpr double expm1_double[] = {0x1.0000000000000p-1,  0x1.5555555555559p-3,  0x1.5555555555551p-5,  0x1.111111110f659p-7,
                                          0x1.6c16c16c18e35p-10, 0x1.a01a01b000a2ep-13, 0x1.a01a01971116ap-16, 0x1.71ddf81906d8cp-19,
                                          0x1.27e5004ae9797p-22, 0x1.af5f18068ca87p-26, 0x1.1f36bf5ce30d0p-29};
/// (2^f - 1) / f for |f| <= 1/2 (relative error of 2^f: 3.0e-9).
inline constexpr double exp2_float[] = {0x1.62e43p-1, 0x1.ebfbdcp-3, 0x1.c6af7ap-5, 0x1.3b2dd4p-7, 0x1.5f0948p-10, 0x1.417842p-13};
/// (2^f - 1) / f for 0 <= f <= 1 (relative error of 2^f: 2.1e-9).
inline constexpr double exp2_above_float[] = {0x1.62e42cp-1, 0x1.ebfd58p-3, 0x1.c68912p-5, 0x1.3d0b92p-7, 0x1.46d64ep-10, 0x1.c54174p-13};
/// (log((1 + s) / (1 - s)) - 2 s) / s^3 as a polynomial of s^2 for |s| <= (sqrt 2 - 1) / (sqrt 2 + 1).
inline constexpr double log_float[]  = {0x1.555554p-1, 0x1.999c26p-2, 0x1.23d3dcp-2, 0x1.f13c92p-3};
inline constexpr double log_double[] = {0x1.5555555555555p-1, 0x1.9999999999d12p-2, 0x1.24924924395abp-2, 0x1.c71c724ba2226p-3,
                                        0x1.745ce1b24342cp-3, 0x1.3b2028e8e0650p-3, 0x1.0f66d63eb6ae3p-3, 0x1.0f120cd040bb2p-3};
/// erf(x) / x - 1 as a polynomial of x^2, for |x| <= 0.9 (float) and 1 (double).
inline constexpr double erf_near_float[]  = {0x1.06eba6p-3, -0x1.8126eap-2, 0x1.ce1b0ep-4, -0x1.b69392p-6, 0x1.47689cp-8, -0x1.3ac634p-11};
inline constexpr double erf_near_double[] = {0x1.06eba8214db68p-3,  -0x1.812746b0379aap-2,  0x1.ce2f21a040432p-4,  -0x1.b82ce311ddee4p-6,
                                             0x1.565bccf60fc32p-8,  -0x1.c02dafd602a8cp-11, 0x1.f9a2b207804bep-14, -0x1.f4c9d5a8ec75ap-17,
                                             0x1.b97b9bb6feef1p-20, -0x1.5bef505bce4eep-23, 0x1.d681c22566c1ap-27, -0x1.aa022094aa298p-31};
/// log(1 - erf(x)), for x from there to 4 (float) and 6 (double), where erf rounds to 1.
inline constexpr double erf_far_float[]  = {-0x1.5ca98ep-13, -0x1.20b76p+0, -0x1.462188p-1, -0x1.aa74ap-4, 0x1.6da016p-6, -0x1.91d47ep-9, 0x1.9fc18ap-13};
inline constexpr double erf_far_double[] = {-0x1.856ff9aed2e64p-26, -0x1.20dd71ad3851cp+0,  -0x1.45f31ec487a3fp-1,  -0x1.a4f3c919cd876p-4,
                                            0x1.396b3b2c49ea5p-6,   0x1.a360823862239p-13,  -0x1.b65d9fff72756p-10, 0x1.2046c1c05ceb6p-11,
                                            0x1.903c58f89ac36p-16,  -0x1.d53bd57b58d4bp-14, 0x1.11ce3041259b5p-14,  -0x1.9ab38f14af01fp-16,
                                            0x1.cb6876408f844p-18,  -0x1.8e957c21c04dep-20, 0x1.0d92ae96150d8p-22,  -0x1.184352261872ap-25,
                                            0x1.b1afe279e1190p-29,  -0x1.d6e15fa15c709p-33, 0x1.402894f3dfc14p-37,  -0x1.9a30ea57ea974p-43};
#ifdef KOKKOS_ENABLE_OPENMPTARGET
#pragma omp end declare target
#endif

/// r = x - n ln 2 with |r| <= ln(2) / 2.
template <class V>
struct ReducedExponent {
  V n, r;
  [[gnu::always_inline]] explicit ReducedExponent(V const& x) {
    using T = typename V::value_type;
    n       = round_to_even(x * V(static_cast<T>(log2_of_e)));
    r       = fma(n, V(static_cast<T>(-ln2_high<T>)), x);
    r       = fma(n, V(static_cast<T>(-ln2_low<T>)), r);
  }
};

/// e^r for a reduced r.
template <class V>
[[gnu::always_inline]] inline V exp_of_reduced(V const& r) {
  using T = typename V::value_type;
  V tail;
  if constexpr (sizeof(T) == 4)
    tail = polynomial(r, exp_float);
  else
    tail = polynomial(r, exp_double);
  return fma(fma(tail, r, V(T(1))), r, V(T(1)));
}

/// e^x where neither e^x nor its reduction overflows: |x| below 80 (float) or 700 (double), or NaN.
template <class V>
[[gnu::always_inline]] inline V exp_in_range(V const& x) {
  ReducedExponent<V> const reduced(x);
  return scale_by_power_of_two(exp_of_reduced(reduced.r), reduced.n);
}

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace detail

inline namespace OCELLUS_INSTRUCTION_SET {

template <class T, int Width>
[[gnu::always_inline]] inline Simd<T, Width> exp(Simd<T, Width> const& x) {
  using V         = Simd<T, Width>;
  V const lowest  = V(sizeof(T) == 4 ? T(-105) : T(-747));
  V const highest = V(sizeof(T) == 4 ? T(90) : T(711));
  return detail::exp_in_range(min(highest, max(lowest, x)));
}

template <class T, int Width>
[[gnu::always_inline]] inline Simd<T, Width> exp2(Simd<T, Width> const& x) {
  using V         = Simd<T, Width>;
  V const lowest  = V(sizeof(T) == 4 ? T(-152) : T(-1077));
  V const highest = V(sizeof(T) == 4 ? T(130) : T(1026));
  V const bounded = min(highest, max(lowest, x));
  V const n       = round_to_even(bounded);
  V const f       = bounded - n;
  V power;
  if constexpr (sizeof(T) == 4)
    power = fma(detail::polynomial(f, detail::exp2_float), f, V(T(1)));
  else
    power = detail::exp_of_reduced(f * V(static_cast<T>(0x1.62e42fefa39efp-1)));
  return scale_by_power_of_two(power, n);
}

template <class T, int Width>
[[gnu::always_inline]] inline Simd<T, Width> exp2_flushed(Simd<T, Width> const& x) {
  using V        = Simd<T, Width>;
  V const lowest = V(sizeof(T) == 4 ? T(-126) : T(-1022));
  if constexpr (sizeof(T) == 8) {
    return select(x < lowest, V(T(0)), exp2(max(lowest, x)));
  } else {
    // x = n + f with n the whole number below: f is one instruction where there is AVX-512, and scaling takes x for n.
    V const f     = fraction_above(x);
    V const power = fma(detail::polynomial(f, detail::exp2_above_float), f, V(T(1)));
    return select(x < lowest, V(T(0)), scale_by_power_below(power, x));
  }
}

template <class T, int Width>
[[gnu::always_inline]] inline Simd<T, Width> log(Simd<T, Width> const& x) {
  using V                = Simd<T, Width>;
  using Integer          = typename V::Integer;
  using Bits             = Simd<Integer, Width>;
  using Small            = typename HostVector<std::int32_t, Width>::type;
  using Unsigned         = typename HostVector<std::make_unsigned_t<Integer>, Width>::type;
  constexpr int mantissa = sizeof(T) == 4 ? 23 : 52;
  constexpr Integer root = sizeof(T) == 4 ? static_cast<Integer>(0x3f3504f3) : static_cast<Integer>(0x3fe6a09e667f3bcdLL);  // sqrt(1/2)
  V const smallest       = V(sizeof(T) == 4 ? static_cast<T>(0x1p-126) : static_cast<T>(0x1p-1022));
  auto const subnormal   = x < smallest;
  V const normal         = select(subnormal, x * V(static_cast<T>(sizeof(T) == 4 ? 0x1p23 : 0x1p52)), x);
  auto const bits        = bit_cast<Integer>(normal).raw;
  // x = 2^e m with m in [sqrt(1/2), sqrt 2).
  auto const exponent = (typename Bits::Raw)((Unsigned)bits - static_cast<std::make_unsigned_t<Integer>>(root)) >> mantissa;  // negative x wraps
  V const m           = bit_cast<T>(Bits((typename Bits::Raw)((Unsigned)bits - ((Unsigned)exponent << mantissa))));
  V const e           = V(__builtin_convertvector(__builtin_convertvector(exponent, Small), typename V::Raw)) - select(subnormal, V(T(mantissa)), V(T(0)));
  // With f = m - 1, s = f / (2 + f): log(1 + f) = 2 s + s^3 R(s^2) = f - (f^2/2 - s (f^2/2 + s^2 R(s^2))), whose first term is exact.
  V const f = m - V(T(1));
  V const s = f / (f + V(T(2)));
  V const z = s * s;
  V tail;
  if constexpr (sizeof(T) == 4)
    tail = detail::polynomial(z, detail::log_float);
  else
    tail = detail::polynomial(z, detail::log_double);
  V const half_f     = V(T(0.5)) * f;
  V const correction = fma(s, fma(half_f, f, z * tail), e * V(static_cast<T>(detail::ln2_low<T>)));
  V const result     = fma(e, V(static_cast<T>(detail::ln2_high<T>)), f - fma(half_f, f, -correction));
  V const infinity   = V(static_cast<T>(__builtin_inf()));
  V const special    = select(x == infinity, infinity, select(x == V(T(0)), -infinity, V(static_cast<T>(__builtin_nan("")))));
  return select((x > V(T(0))) & (x < infinity), result, special);
}

template <class T, int Width>
[[gnu::always_inline]] inline Simd<T, Width> erf(Simd<T, Width> const& x) {
  using V           = Simd<T, Width>;
  V const magnitude = abs(x);
  V near, far;
  if constexpr (sizeof(T) == 4) {
    near = fma(detail::polynomial(x * x, detail::erf_near_float), x, x);
    far  = detail::polynomial(min(V(T(4)), magnitude), detail::erf_far_float);
  } else {
    near = fma(detail::polynomial(x * x, detail::erf_near_double), x, x);
    far  = detail::polynomial(min(V(T(6)), magnitude), detail::erf_far_double);
  }
  far = copysign(V(T(1)) - detail::exp_in_range(far), x);
  return select(magnitude < V(sizeof(T) == 4 ? T(0.9) : T(1)), near, far);
}

template <class T, int Width>
[[gnu::always_inline]] inline Simd<T, Width> tanh(Simd<T, Width> const& x) {
  using V = Simd<T, Width>;
  // e = e^(2 |x|) - 1 to its last digits, also near 0; tanh |x| = e / (e + 2).
  V const bounded = min(V(sizeof(T) == 4 ? T(10) : T(20)), abs(x));
  detail::ReducedExponent<V> const reduced(bounded + bounded);
  V const r = reduced.r;
  V tail;
  if constexpr (sizeof(T) == 4)
    tail = detail::polynomial(r, detail::expm1_float);
  else
    tail = detail::polynomial(r, detail::expm1_double);
  V const power = scale_by_power_of_two(V(T(1)), reduced.n);
  V const e     = fma(power, fma(tail, r * r, r), power - V(T(1)));
  return copysign(e / (e + V(T(2))), x);
}

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace ocellus
