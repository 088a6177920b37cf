// Online softmax over blocks of keys (Dao et al. 2022, algorithm 1). Tiles of scores are kept transposed, [keys x queries], so that
// maxima and sums of a query's scores run down a column of vectors, and keys need no packing.
#pragma once
#include "mask.h"
#include "pack.h"

namespace {

struct ForwardScratch {
  float *query, *out, *max, *sum, *rescale, *value, *tile, *end;
  ForwardScratch(float* start, int64_t D) {
    query = start;
    out = query + CHUNK_ROWS * D;
    max = out + CHUNK_ROWS * pad(D);
    sum = max + CHUNK_ROWS;
    rescale = sum + CHUNK_ROWS;
    value = rescale + BLOCK;
    tile = value + BLOCK * pad(D);
    end = tile + BLOCK * BLOCK;
  }
};

inline void capTile(float* tile, int rows, int columns, float scale, float softcap) {
  for (int r = 0; r < rows; r++, tile += BLOCK)
    for (int c = 0; c < columns; c += LANES) store(tile + c, tanh(load(tile + c) * (scale / softcap)) * softcap);
}

// Scores become weights 2^(c (score - max)); max and sum of each column are brought up to date. Returns whether a maximum grew:
// what was gathered so far is then to be multiplied by `rescale`.
inline bool softmaxColumns(float* tile, int numK, int columns, float c, float* max, float* sum, float* rescale) {
  bool grew = false;
  for (int column = 0; column < columns; column += LANES) {
    const Vector before = load(max + column);
    Vector now = before;
    for (int j = 0; j < numK; j++) now = maxUnlessNaN(load(tile + j * BLOCK + column), now);
    const Vector shift = now == splat(HIDDEN) ? Vector{} : -now * c;  // -inf - -inf would be NaN
    Vector total{};
    for (int j = 0; j < numK; j++) {
      float* at = tile + j * BLOCK + column;
      const Vector weight = exp2(load(at) * c + shift);
      store(at, weight);
      total += weight;
    }
    const Vector factor = now == splat(HIDDEN) ? splat(1) : exp2((before - now) * c);
    store(max + column, now);
    store(sum + column, load(sum + column) * factor + total);
    store(rescale + column, factor);
    for (int i = 0; i < LANES; i++) grew |= factor[i] != 1;
  }
  return grew;
}

inline void rescaleRows(float* out, int rows, int D, const float* rescale) {
  for (int r = 0; r < rows; r++, out += D)
    if (rescale[r] != 1)
      for (int d = 0; d < D; d += LANES) store(out + d, load(out + d) * rescale[r]);
}

// out / sum, and max + log(sum). Where no key was seen: 0 and +inf; where only scores of -inf were: NaN and -inf.
inline void finishRow(const Problem& p, int64_t b, int64_t h, int64_t t, const float* gathered, float max, float sum) {
  const bool empty = sum == 0, seen = !empty || seesAny(p, b, t);
  const float factor = !seen ? 0 : empty ? __builtin_nanf("") : 1 / sum;
  float* const out = p.out + p.queryOffset(b, h, t);
  for (int64_t d = 0; d < p.D; d++) out[d] = gathered[d] * factor;
  p.logSumExp[p.rowOffset(b, h, t)] =
      !seen ? __builtin_inff() : empty ? HIDDEN : max * (p.softcap > 0 ? 1 : p.scale) + naturalLog(sum);
}

// One tile: numQ queries, packed at `query`, against a block of keys.
inline void forwardTile(
    const Problem& p, const ForwardScratch& s, int masks, int64_t b, int64_t q0, int numQ, int64_t k0, int numK, const float* key,
    const float* value, int64_t row) {
  const int columns = pad(numQ), D = pad(p.D);
  float* const out = s.out + row * D;
  multiply<BY_ROWS>(key, p.keyStride(), s.query + row * p.D, numK, columns, static_cast<int>(p.D), s.tile, BLOCK, false);
  if (p.softcap > 0) capTile(s.tile, numK, columns, p.scale, p.softcap);
  if (masks & BY_POSITION) {
    // key j is seen by queries [j - (S - T) - .., ..]: the rule of visibleKeys, solved for the query
    const int64_t self = k0 - (p.S - p.T) - q0;
    const int64_t first = p.causal ? self : self - p.window + 1;
    const int64_t last = p.window > 0 ? self + p.window - 1 : INT64_MAX / 2;
    maskByPosition(s.tile, numK, columns, first, last, HIDDEN);
  }
  if (masks & BY_SEGMENT) maskBySegment(s.tile, numK, numQ, p.keyIds + b * p.S + k0, p.queryIds + b * p.T + q0, HIDDEN);
  const float c = p.softcap > 0 ? LOG2E : p.scale * LOG2E;
  if (softmaxColumns(s.tile, numK, columns, c, s.max + row, s.sum + row, s.rescale)) rescaleRows(out, numQ, D, s.rescale);
  if (masks == ALL || areFinite(value, p.keyStride(), numK, p.D)) multiply<TRANSPOSED>(s.tile, BLOCK, s.value, numQ, D, numK, out, D, true);
  else addVisible(p, b, q0, numQ, k0, numK, s.tile, 1, BLOCK, KEYS, value, p.keyStride(), 1, out, D);
}

// Task: CHUNK_ROWS queries of one head. The last come first: under a causal mask they take longest.
void forward(const Problem& p, int64_t task, float* scratch) {
  const int64_t heads = p.B * p.H, numChunks = (p.T + CHUNK_ROWS - 1) / CHUNK_ROWS;
  const int64_t q0 = (numChunks - 1 - task / heads) * CHUNK_ROWS, b = task % heads / p.H, h = task % heads % p.H;
  const int64_t numQ = least<int64_t>(CHUNK_ROWS, p.T - q0), D = pad(p.D);
  const ForwardScratch s(scratch, p.D);
  for (int64_t r = 0; r < numQ; r += BLOCK)
    packTransposed(p.query + p.queryOffset(b, h, q0 + r), p.queryStride(), least<int>(BLOCK, numQ - r), p.D, s.query + r * p.D);
  memset(s.out, 0, 4 * numQ * D);
  memset(s.sum, 0, 4 * CHUNK_ROWS);
  for (int r = 0; r < CHUNK_ROWS; r++) s.max[r] = HIDDEN;

  for (int64_t k0 = 0; k0 < p.S; k0 += BLOCK) {
    const int numK = least<int64_t>(BLOCK, p.S - k0);
    const int64_t offset = p.keyOffset(b, h / p.group(), k0);
    bool packed = false;
    for (int64_t r = 0; r < numQ; r += BLOCK) {
      const int rows = least<int64_t>(BLOCK, numQ - r);
      const int masks = visibility(p, b, q0 + r, rows, k0, numK);
      if (masks == NONE) continue;
      if (!packed) packRows(p.value + offset, p.keyStride(), numK, p.D, 1, s.value);
      packed = true;
      forwardTile(p, s, masks, b, q0 + r, rows, k0, numK, p.key + offset, p.value + offset, r);
    }
  }
  for (int64_t r = 0; r < numQ; r++)
    finishRow(p, b, h, q0 + r, s.out + r * D, s.max[r], s.sum[r]);
}

}  // namespace
