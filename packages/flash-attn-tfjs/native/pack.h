// Right-hand sides of products: panels of PANEL columns, the last one narrower, columns padded with zeros to whole vectors.
// A panel starts where the one before it ends.
#pragma once
#include "product.h"

namespace {

// Rows [numRows x D] of a strided tensor, times `factor`: B(k, n) = src[k][n].
inline void packRows(const float* src, int64_t stride, int numRows, int64_t D, float factor, float* dst) {
  for (int64_t d0 = 0; d0 < D; d0 += PANEL) {
    const int64_t width = least<int64_t>(PANEL, pad(D - d0)), whole = least(width, (D - d0) / LANES * LANES);
    for (int r = 0; r < numRows; r++, dst += width) {
      const float* row = src + r * stride + d0;
      int64_t d = 0;
      for (; d < whole; d += LANES) store(dst + d, load(row + d) * factor);
      for (; d < width; d++) dst[d] = d0 + d < D ? row[d] * factor : 0;
    }
  }
}

inline void transpose4(const float* src, int64_t stride, float* dst, int64_t width) {
#if defined(__x86_64__)
  __m128 r0 = _mm_loadu_ps(src), r1 = _mm_loadu_ps(src + stride), r2 = _mm_loadu_ps(src + 2 * stride), r3 = _mm_loadu_ps(src + 3 * stride);
  _MM_TRANSPOSE4_PS(r0, r1, r2, r3);
  _mm_storeu_ps(dst, r0);
  _mm_storeu_ps(dst + width, r1);
  _mm_storeu_ps(dst + 2 * width, r2);
  _mm_storeu_ps(dst + 3 * width, r3);
#else
  for (int d = 0; d < 4; d++)
    for (int r = 0; r < 4; r++) dst[d * width + r] = src[r * stride + d];
#endif
}

// The same rows as columns: B(k, n) = src[n][k].
inline void packTransposed(const float* src, int64_t stride, int numRows, int64_t D, float* dst) {
  for (int r0 = 0; r0 < numRows; r0 += PANEL) {
    const int width = least(PANEL, pad(numRows - r0)), rows = least(width, numRows - r0);
    for (int r = 0; r < width; r += 4) {
      const float* row = src + (r0 + r) * stride;
      int64_t d = 0;
      if (r + 4 <= rows)
        for (; d + 4 <= D; d += 4) transpose4(row + d, stride, dst + d * width + r, width);
      for (; d < D; d++)
        for (int i = 0; i < 4; i++) dst[d * width + r + i] = r + i < rows ? row[i * stride + d] : 0;
    }
    dst += width * D;
  }
}

}  // namespace
