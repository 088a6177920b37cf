// Which keys a query sees: whole tiles that nobody sees are skipped, others are masked only where they have to be.
#pragma once
#include "problem.h"
#include "simd.h"

namespace {

enum Masks : int { NONE = -1, ALL = 0, BY_POSITION = 1, BY_SEGMENT = 2 };

// Of queries [q0, q0 + numQ) and keys [k0, k0 + numK), each within one block: NONE, ALL, or the masks to apply.
inline int visibility(const Problem& p, int64_t b, int64_t q0, int64_t numQ, int64_t k0, int64_t numK) {
  const int64_t top = q0 + p.S - p.T, bottom = top + numQ - 1;  // the keys at the positions of the first and the last query
  const int64_t right = k0 + numK - 1;
  int masks = ALL;
  if (p.causal) {
    if (k0 > bottom) return NONE;
    if (right > top) masks |= BY_POSITION;
  }
  if (p.window > 0) {
    if (right <= top - p.window || k0 >= bottom + p.window) return NONE;
    if (k0 <= bottom - p.window || right >= top + p.window) masks |= BY_POSITION;
  }
  if (p.queryIds == nullptr) return masks;
  const IdRange& q = p.queryRanges[b * p.queryBlocks() + q0 / BLOCK];
  const IdRange& k = p.keyRanges[b * p.keyBlocks() + k0 / BLOCK];
  if (q.low > k.high || q.high < k.low) return NONE;
  return q.whole && k.whole ? masks : masks | BY_SEGMENT;
}

// First and last key that the query at position `self` (i + S - T) sees; may lie outside of the sequence.
inline void visibleKeys(const Problem& p, int64_t self, int64_t* first, int64_t* last) {
  *first = p.window > 0 ? self - p.window + 1 : INT64_MIN / 2;
  *last = p.causal ? self : p.window > 0 ? self + p.window - 1 : INT64_MAX / 2;
}

// Whether query i sees key j: the rule itself, for the rare places that ask for one pair.
inline bool sees(const Problem& p, int64_t b, int64_t i, int64_t j) {
  int64_t first, last;
  visibleKeys(p, i + p.S - p.T, &first, &last);
  if (j < first || j > last) return false;
  if (p.queryIds == nullptr) return true;
  const int32_t id = p.queryIds[b * p.T + i];
  return id != 0 && id == p.keyIds[b * p.S + j];
}

inline bool seesAny(const Problem& p, int64_t b, int64_t i) {
  for (int64_t j = 0; j < p.S; j++)
    if (sees(p, b, i, j)) return true;
  return false;
}

// NaN and infinity times 0 are NaN.
inline bool areFinite(const float* rows, int64_t stride, int numRows, int64_t D) {
  Vector zeros{};
  for (int r = 0; r < numRows; r++, rows += stride) {
    int64_t d = 0;
    for (; d + LANES <= D; d += LANES) zeros += load(rows + d) * 0;
    for (; d < D; d++) zeros[0] += rows[d] * 0;
  }
  return sumOf(zeros) == 0;
}

// dst[i] += weight(i, j) * factor * src[j] for a query i and the keys j it sees, or with the two sides exchanged: the products of a masked
// tile whose rows are not all finite, where a hidden pair must not add 0 * NaN.
enum Source { KEYS, QUERIES };
inline void addVisible(
    const Problem& p, int64_t b, int64_t q0, int numQ, int64_t k0, int numK, const float* weights, int64_t queryStep, int64_t keyStep,
    Source source, const float* src, int64_t srcStride, float factor, float* dst, int64_t dstStride) {
  for (int i = 0; i < numQ; i++)
    for (int j = 0; j < numK; j++) {
      if (!sees(p, b, q0 + i, k0 + j)) continue;
      const float weight = weights[i * queryStep + j * keyStep] * factor;
      const float* const from = src + (source == KEYS ? j : i) * srcStride;
      float* const to = dst + (source == KEYS ? i : j) * dstStride;
      for (int64_t d = 0; d < p.D; d++) to[d] += weight * from[d];
    }
}

// Row r of the tile sees columns [first + r, last + r].
inline void maskByPosition(float* tile, int rows, int columns, int64_t first, int64_t last, float hidden) {
  Integers lane;
  for (int i = 0; i < LANES; i++) lane[i] = i;
  for (int r = 0; r < rows; r++, first++, last++, tile += BLOCK) {
    const int low = static_cast<int>(least<int64_t>(most<int64_t>(first, 0), BLOCK));
    const int high = static_cast<int>(least<int64_t>(most<int64_t>(last, -1), BLOCK));
    for (int c = 0; c < columns; c += LANES) {
      const Integers visible = (lane + c >= low) & (lane + c <= high);
      store(tile + c, visible ? load(tile + c) : splat(hidden));
    }
  }
}

// Row r sees the columns of its own id; a row of id 0 sees nothing.
inline void maskBySegment(float* tile, int rows, int numColumns, const int32_t* rowIds, const int32_t* columnIds, float hidden) {
  Integers ids[BLOCK / LANES] = {};
  memcpy(ids, columnIds, 4 * numColumns);
  for (int r = 0; r < rows; r++, tile += BLOCK) {
    const Integers own = rowIds[r] - Integers{};
    for (int c = 0; c < numColumns; c += LANES) {
      const Integers visible = (ids[c / LANES] == own) & (own != 0);
      store(tile + c, visible ? load(tile + c) : splat(hidden));
    }
  }
}

}  // namespace
