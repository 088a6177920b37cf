// Vectors of float32, as wide as the translation unit is compiled for. Everything is in an anonymous namespace: the linker must
// not take one instruction set's copy of a function for another's.
#pragma once
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

// A micro-kernel holds ROWS x VECTORS accumulators, VECTORS of the right-hand side and one broadcast in registers.
#if defined(__AVX512F__)
constexpr int LANES = 16, ROWS = 6, VECTORS = 4;
#elif defined(__AVX2__)
constexpr int LANES = 8, ROWS = 6, VECTORS = 2;
#else
constexpr int LANES = 4, ROWS = 6, VECTORS = 2;
#endif

typedef float Vector __attribute__((vector_size(4 * LANES)));
typedef int32_t Integers __attribute__((vector_size(4 * LANES)));
typedef float Unaligned __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

constexpr int pad(int64_t n) { return static_cast<int>((n + LANES - 1) / LANES * LANES); }

inline Vector load(const float* p) { return *reinterpret_cast<const Unaligned*>(p); }
inline void store(float* p, Vector v) { *reinterpret_cast<Unaligned*>(p) = v; }
inline Vector splat(float x) { return x - Vector{}; }

// The larger one; where x is NaN, `otherwise`.
inline Vector maxUnlessNaN(Vector x, Vector otherwise) { return x > otherwise ? x : otherwise; }

inline float sumOf(Vector v) {
#if defined(__AVX512F__)
  return _mm512_reduce_add_ps(__m512(v));
#else
  float lanes[LANES];
  store(lanes, v);
  for (int half = LANES / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
  return lanes[0];
#endif
}

constexpr float LOG2E = 1.44269504f;

// 2^x to 1.5e-7 of its value, 2^0 = 1 exactly; 0 below 2^-126; NaN stays NaN. The polynomial is minimax on [-1/2, 1/2].
inline Vector exp2(Vector x) {
#if defined(__AVX512F__)
  const Vector f = Vector(_mm512_reduce_ps(__m512(x), 0));  // x - round(x); 0 for infinities
#else
  x = x < splat(-127) ? splat(-127) : x;
  x = x > splat(128) ? splat(128) : x;
  const Vector shifted = x + 12582912.0f;  // the integer nearest to x, in the low bits
  const Vector f = x - (shifted - 12582912.0f);
#endif
  Vector p = 0.001326472731307149f * f + 0.009671512991189957f;
  p = p * f + 0.05550733581185341f;
  p = p * f + 0.24022242426872253f;
  p = p * f + 0.6931470036506653f;
  p = p * f + 1.0f;
#if defined(__AVX512F__)
  return Vector(_mm512_scalef_ps(__m512(p), __m512(x - f)));
#else
  // exponent bits: 0 for -127, so the result is 0; infinity for 128
  const Integers power = ((Integers)shifted - 0x4b400000 + 127) << 23;
  return p * (Vector)power;
#endif
}

// tanh as a rational function, below 4e-7 of its value; NaN stays NaN. Coefficients as in Eigen's ptanh.
inline Vector tanh(Vector x) {
  constexpr float LIMIT = 7.90531110763549805f, ONE = 9.02f;
  const Vector whole = x;
  x = x > splat(LIMIT) ? splat(LIMIT) : x;
  x = x < splat(-LIMIT) ? splat(-LIMIT) : x;
  const Vector z = x * x;
  Vector p = z * -2.76076847742355e-16f + 2.00018790482477e-13f;
  p = z * p - 8.60467152213735e-11f;
  p = z * p + 5.12229709037114e-8f;
  p = z * p + 1.48572235717979e-5f;
  p = z * p + 6.37261928875436e-4f;
  p = z * p + 4.89352455891786e-3f;
  Vector q = z * 1.19825839466702e-6f + 1.18534705686654e-4f;
  q = z * q + 2.268434632439e-3f;
  q = z * q + 4.89352518554385e-3f;
  const Vector y = x * p / q;
  return whole > splat(ONE) ? splat(1) : whole < splat(-ONE) ? splat(-1) : y;  // exactly, so that the cap's slope is 0 there
}

// Natural logarithm of a positive number or NaN, in double precision: libm's would tie the binary to a newer libc.
inline float naturalLog(float x) {
  if (!(x < __builtin_inff())) return x;
  uint32_t bits;
  memcpy(&bits, &x, 4);
  const uint32_t exponent = (bits - 0x3f3504f3) >> 23;  // the mantissa goes to [sqrt(1/2), sqrt(2))
  bits -= exponent << 23;
  memcpy(&x, &bits, 4);
  const double s = (x - 1.0) / (x + 1.0), z = s * s;
  const double series = 2 * s * (1 + z * (1.0 / 3 + z * (1.0 / 5 + z * (1.0 / 7 + z * (1.0 / 9 + z / 11)))));
  return static_cast<float>(series + static_cast<int8_t>(exponent) * 0.6931471805599453);
}

}  // namespace
