// Gradients by computing each tile's weights again from the log-sum-exp (Dao et al. 2022, algorithm 4):
// P = exp(S - lse), dV = P' dO, dP = dO V', dS = P * (dP - delta), dQ = scale dS K, dK = scale dS' Q.
#pragma once
#include "mask.h"
#include "pack.h"
#include "forward.h"
#include <time.h>

namespace {

struct BackwardScratch {
  float *keyTransposed, *valueTransposed, *key, *query, *dOut, *dKey, *dValue, *dQuery, *weights, *dScores, *end;
  BackwardScratch(float* start, int64_t D) {
    const int64_t size = BLOCK * pad(D);
    keyTransposed = start;
    valueTransposed = keyTransposed + size;
    key = valueTransposed + size;
    query = key + size;
    dOut = query + size;
    dKey = dOut + size;
    dValue = dKey + size;
    dQuery = dValue + size;
    weights = dQuery + size;
    dScores = weights + BLOCK * BLOCK;
    end = dScores + BLOCK * BLOCK;
  }
};

// Task: delta of one block of queries, all heads; zeros to dQuery.
void delta(const Problem& p, int64_t task, float*) {
  const int64_t b = task / p.queryBlocks(), t0 = task % p.queryBlocks() * BLOCK;
  for (int64_t t = t0; t < least(t0 + BLOCK, p.T); t++) {
    memset(p.dQuery + p.queryOffset(b, 0, t), 0, 4 * p.queryStride());
    for (int64_t h = 0; h < p.H; h++) {
      const float *out = p.savedOut + p.queryOffset(b, h, t), *dOut = p.dOut + p.queryOffset(b, h, t);
      Vector sum{};
      int64_t d = 0;
      for (; d + LANES <= p.D; d += LANES) sum += load(out + d) * load(dOut + d);
      float total = sumOf(sum);
      for (; d < p.D; d++) total += out[d] * dOut[d];
      const int64_t row = p.rowOffset(b, h, t);
      p.delta[row] = p.dLogSumExp == nullptr ? total : total - p.dLogSumExp[row];
    }
  }
}

// weights: scores to P = 2^(c score - lse log2 e). dScores: dP to P (dP - delta), with a cap times its slope 1 - (score / cap)^2;
// hidden scores get slope 0, not 0 * inf.
template <bool CAPPED>
inline void weightTile(float* weights, float* dScores, int rows, int columns, const float* logSumExp, const float* delta, float c, float cap) {
  for (int r = 0; r < rows; r++, weights += BLOCK, dScores += BLOCK) {
    const Vector shift = splat(-logSumExp[r] * LOG2E);
    for (int column = 0; column < columns; column += LANES) {
      const Vector score = load(weights + column), weight = exp2(score * c + shift);
      Vector gradient = load(dScores + column) - delta[r];
      if (CAPPED) {
        const Vector slope = 1 - score / cap * (score / cap);
        gradient *= slope < 0 ? Vector{} : slope;
      }
      store(weights + column, weight);
      store(dScores + column, weight * gradient);
    }
  }
}

// The first block of keys from `block` on that queries of block i see, or the number of blocks.
inline int32_t nextKeyBlock(const Problem& p, int64_t b, int64_t i, int64_t block) {
  const int64_t numQ = least<int64_t>(BLOCK, p.T - i * BLOCK);
  for (; block < p.keyBlocks(); block++)
    if (visibility(p, b, i * BLOCK, numQ, block * BLOCK, least<int64_t>(BLOCK, p.S - block * BLOCK)) != NONE) break;
  return static_cast<int32_t>(block);
}

// Key blocks add to the same rows of dQuery one after the other, in order: whoever computes block j waits until the one before it is
// done. Tasks start in that order too, so the first unfinished one never waits.
inline void waitForTurn(const int32_t* turn, int32_t block) {
  for (int spins = 0; __atomic_load_n(turn, __ATOMIC_ACQUIRE) != block; spins++) {
    if (spins < 500) {
#if defined(__x86_64__)
      _mm_pause();
#endif
    } else {
      // more threads than free cores: let the one that is waited for have this one
      const timespec moment{0, 20000};
      nanosleep(&moment, nullptr);
    }
  }
}

inline void addRows(const float* src, int rows, int64_t D, float* dst, int64_t stride) {
  for (int r = 0; r < rows; r++)
    for (int64_t d = 0; d < D; d++) dst[r * stride + d] += src[r * pad(D) + d];
}

inline void writeRows(const float* src, int rows, int64_t D, float factor, float* dst, int64_t stride) {
  for (int r = 0; r < rows; r++)
    for (int64_t d = 0; d < D; d++) dst[r * stride + d] = src[r * pad(D) + d] * factor;
}

// One tile, five products: queries of block i of head h against key block j.
inline void backwardTile(const Problem& p, const BackwardScratch& s, int masks, int64_t b, int64_t h, int64_t i, int64_t j) {
  const int64_t q0 = i * BLOCK, k0 = j * BLOCK, offset = p.queryOffset(b, h, q0), row = p.rowOffset(b, h, q0), stride = p.queryStride();
  const int numQ = least<int64_t>(BLOCK, p.T - q0), numK = least<int64_t>(BLOCK, p.S - k0);
  const int D = static_cast<int>(p.D), wideD = pad(D), columns = pad(numK);
  const float *const query = p.query + offset, *const dOut = p.dOut + offset;
  multiply<BY_ROWS>(query, stride, s.keyTransposed, numQ, columns, D, s.weights, BLOCK, false);
  if (p.softcap > 0) capTile(s.weights, numQ, columns, p.scale, p.softcap);
  multiply<BY_ROWS>(dOut, stride, s.valueTransposed, numQ, columns, D, s.dScores, BLOCK, false);
  const float *const lse = p.savedLogSumExp + row, *const delta = p.delta + row;
  if (p.softcap > 0) weightTile<true>(s.weights, s.dScores, numQ, columns, lse, delta, LOG2E, p.softcap);
  else weightTile<false>(s.weights, s.dScores, numQ, columns, lse, delta, p.scale * LOG2E, 0);
  float* const tiles[] = {s.weights, s.dScores};
  for (float* const tile : tiles) {
    if (masks & BY_POSITION) {
      int64_t first, last;
      visibleKeys(p, q0 + p.S - p.T, &first, &last);
      maskByPosition(tile, numQ, columns, first - k0, last - k0, 0);
    }
    if (masks & BY_SEGMENT) maskBySegment(tile, numQ, numK, p.queryIds + b * p.T + q0, p.keyIds + b * p.S + k0, 0);
  }
  if (masks != ALL && !(areFinite(p.key + p.keyOffset(b, h / p.group(), k0), p.keyStride(), numK, D) && areFinite(query, stride, numQ, D) &&
                        areFinite(dOut, stride, numQ, D))) {
    addVisible(p, b, q0, numQ, k0, numK, s.weights, BLOCK, 1, QUERIES, dOut, stride, 1, s.dValue, wideD);
    addVisible(p, b, q0, numQ, k0, numK, s.dScores, BLOCK, 1, QUERIES, query, stride, 1, s.dKey, wideD);
    int32_t* const turn = p.turns + (b * p.H + h) * p.queryBlocks() + i;
    waitForTurn(turn, static_cast<int32_t>(j));
    addVisible(
        p, b, q0, numQ, k0, numK, s.dScores, BLOCK, 1, KEYS, p.key + p.keyOffset(b, h / p.group(), k0), p.keyStride(), p.scale,
        p.dQuery + offset, stride);
    __atomic_store_n(turn, nextKeyBlock(p, b, i, j + 1), __ATOMIC_RELEASE);
    return;
  }

  packRows(dOut, stride, numQ, D, 1, s.dOut);
  multiply<TRANSPOSED>(s.weights, BLOCK, s.dOut, numK, wideD, numQ, s.dValue, wideD, true);
  packRows(query, stride, numQ, D, 1, s.query);
  multiply<TRANSPOSED>(s.dScores, BLOCK, s.query, numK, wideD, numQ, s.dKey, wideD, true);

  int32_t* const turn = p.turns + (b * p.H + h) * p.queryBlocks() + i;
  const bool whole = D == wideD;
  if (!whole) multiply<BY_ROWS>(s.dScores, BLOCK, s.key, numQ, wideD, numK, s.dQuery, wideD, false);
  waitForTurn(turn, static_cast<int32_t>(j));
  if (whole) multiply<BY_ROWS>(s.dScores, BLOCK, s.key, numQ, D, numK, p.dQuery + offset, stride, true);
  else addRows(s.dQuery, numQ, D, p.dQuery + offset, stride);
  __atomic_store_n(turn, nextKeyBlock(p, b, i, j + 1), __ATOMIC_RELEASE);
}

// Task: one block of keys against all queries of its group. Early blocks come first: a causal mask gives them most queries. As many
// heads as there are threads are worked on side by side, so that turns are rarely waited for.
void backward(const Problem& p, int64_t task, float* scratch) {
  const int64_t numBlocks = p.keyBlocks(), start = task / (p.interleaved * numBlocks) * p.interleaved;
  const int64_t width = least(p.interleaved, p.B * p.K - start), own = task - start * numBlocks;
  const int64_t head = start + own % width, j = own / width, b = head / p.K, k = head % p.K;
  const int64_t k0 = j * BLOCK, offset = p.keyOffset(b, k, k0), D = p.D;
  const int numK = least<int64_t>(BLOCK, p.S - k0);
  const BackwardScratch s(scratch, D);
  packTransposed(p.key + offset, p.keyStride(), numK, D, s.keyTransposed);
  packTransposed(p.value + offset, p.keyStride(), numK, D, s.valueTransposed);
  packRows(p.key + offset, p.keyStride(), numK, D, p.scale, s.key);
  memset(s.dKey, 0, 4 * BLOCK * pad(D));
  memset(s.dValue, 0, 4 * BLOCK * pad(D));
  for (int64_t h = k * p.group(); h < (k + 1) * p.group(); h++) {
    for (int64_t i = 0; i < p.queryBlocks(); i++) {
      const int masks = visibility(p, b, i * BLOCK, least<int64_t>(BLOCK, p.T - i * BLOCK), k0, numK);
      if (masks != NONE) backwardTile(p, s, masks, b, h, i, j);
    }
  }
  writeRows(s.dKey, numK, D, p.scale, p.dKey + offset, p.keyStride());
  writeRows(s.dValue, numK, D, 1, p.dValue + offset, p.keyStride());
}

}  // namespace
