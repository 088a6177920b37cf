// C[M x N] = A * B, or C += A * B. B is packed in panels of VECTORS vectors, rows of a panel one behind the other (pack.h).
#pragma once
#include "simd.h"

namespace {

constexpr int PANEL = VECTORS * LANES;

enum Left { BY_ROWS, TRANSPOSED };  // A(i, k) is a[i * lda + k], or a[k * lda + i]

// R rows of one panel of V vectors, kept in registers. A and C may be strided tensors, of any alignment.
template <int R, int V, Left LEFT>
inline void multiplyRows(const float* a, int64_t lda, const float* b, int numK, float* c, int64_t ldc, bool accumulate) {
  Vector sum[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; r++)
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) sum[r][v] = accumulate ? load(c + r * ldc + v * LANES) : Vector{};
  for (int k = 0; k < numK; k++) {
    Vector right[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) right[v] = load(b + v * LANES);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      const Vector left = splat(LEFT == TRANSPOSED ? a[r] : a[r * lda]);
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) sum[r][v] += left * right[v];
    }
    a += LEFT == TRANSPOSED ? lda : 1;
    b += V * LANES;
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; r++)
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) store(c + r * ldc + v * LANES, sum[r][v]);
}

template <int V, Left LEFT>
inline void multiplyPanel(const float* a, int64_t lda, const float* b, int M, int numK, float* c, int64_t ldc, bool accumulate) {
  const int64_t step = LEFT == TRANSPOSED ? 1 : lda;
  int i = 0;
  for (; i + ROWS <= M; i += ROWS) multiplyRows<ROWS, V, LEFT>(a + i * step, lda, b, numK, c + i * ldc, ldc, accumulate);
  a += i * step;
  c += i * ldc;
  switch (M - i) {
    case 1: return multiplyRows<1, V, LEFT>(a, lda, b, numK, c, ldc, accumulate);
    case 2: return multiplyRows<2, V, LEFT>(a, lda, b, numK, c, ldc, accumulate);
    case 3: return multiplyRows<3, V, LEFT>(a, lda, b, numK, c, ldc, accumulate);
    case 4: return multiplyRows<4, V, LEFT>(a, lda, b, numK, c, ldc, accumulate);
    case 5: return multiplyRows<5, V, LEFT>(a, lda, b, numK, c, ldc, accumulate);
  }
}

// N is a multiple of LANES; C has room for it.
template <Left LEFT>
__attribute__((noinline)) void multiply(
    const float* a, int64_t lda, const float* b, int M, int N, int numK, float* c, int64_t ldc, bool accumulate) {
  static_assert(ROWS == 6 && VECTORS <= 4, "the cases of the switches");
  for (; N >= PANEL; N -= PANEL) {
    multiplyPanel<VECTORS, LEFT>(a, lda, b, M, numK, c, ldc, accumulate);
    b += static_cast<int64_t>(numK) * PANEL;
    c += PANEL;
  }
  switch (N / LANES) {
    case 1: return multiplyPanel<1, LEFT>(a, lda, b, M, numK, c, ldc, accumulate);
#if defined(__AVX512F__)
    case 2: return multiplyPanel<2, LEFT>(a, lda, b, M, numK, c, ldc, accumulate);
    case 3: return multiplyPanel<3, LEFT>(a, lda, b, M, numK, c, ldc, accumulate);
#endif
  }
}

}  // namespace
