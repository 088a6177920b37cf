// One or few queries against a long cache, as in generation: what counts is to read keys and values once, in place, and by all
// threads. A task gathers one range of keys for all queries and heads of a group; a second pass merges the ranges.
#pragma once
#include "forward.h"

namespace {

inline int64_t numSplits(const Problem& p) { return (p.S + SPLIT_KEYS - 1) / SPLIT_KEYS; }
inline int64_t shortRows(const Problem& p) { return p.group() * p.T; }
inline int64_t partialSize(const Problem& p) { return pad(p.D) + 2; }  // gathered values, max, sum

inline float dot(const float* a, const float* b, int64_t D) {
  Vector sum0{}, sum1{};
  int64_t d = 0;
  for (; d + 2 * LANES <= D; d += 2 * LANES) {
    sum0 += load(a + d) * load(b + d);
    sum1 += load(a + d + LANES) * load(b + d + LANES);
  }
  for (; d + LANES <= D; d += LANES) sum0 += load(a + d) * load(b + d);
  float sum = sumOf(sum0 + sum1);
  for (; d < D; d++) sum += a[d] * b[d];
  return sum;
}

// gathered += weights * values, V vectors of it.
template <int V> inline void addWeighted(const float* weights, const float* value, int64_t stride, int numK, float* gathered) {
  Vector sum[V];
#pragma GCC unroll 4
  for (int v = 0; v < V; v++) sum[v] = load(gathered + v * LANES);
  for (int j = 0; j < numK; j++, value += stride) {
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) sum[v] += load(value + v * LANES) * weights[j];
  }
#pragma GCC unroll 4
  for (int v = 0; v < V; v++) store(gathered + v * LANES, sum[v]);
}

inline void addWeightedRows(const float* weights, const float* value, int64_t stride, int numK, int64_t D, float* gathered) {
  int64_t d = 0;
  for (; d + 4 * LANES <= D; d += 4 * LANES) addWeighted<4>(weights, value + d, stride, numK, gathered + d);
  for (; d + LANES <= D; d += LANES) addWeighted<1>(weights, value + d, stride, numK, gathered + d);
  for (int j = 0; j < numK; j++)
    for (int64_t t = d; t < D; t++) gathered[t] += weights[j] * value[j * stride + t];
}

// Keys [j0, j1) of a block, all of which the query sees.
inline void shortBlock(const Problem& p, const float* query, int64_t b, int64_t k, int64_t j0, int64_t j1, float* scores, float* partial) {
  const int numK = static_cast<int>(j1 - j0), columns = pad(numK);
  const int64_t offset = p.keyOffset(b, k, j0), D = pad(p.D);
  float *const max = partial + D, *const sum = max + 1;
  for (int j = 0; j < numK; j++) {
    const float *const key = p.key + offset + j * p.keyStride(), *const value = p.value + offset + j * p.keyStride();
    // rows of one head lie far apart, where the processor does not look ahead by itself: keys to come, and the values of this block
    for (int64_t d = 0; d < p.D; d += 16) {
      __builtin_prefetch(key + 16 * p.keyStride() + d);
      __builtin_prefetch(value + d);
    }
    scores[j] = dot(query, key, p.D);
  }
  for (int j = numK; j < columns; j++) scores[j] = HIDDEN;
  if (p.softcap > 0) capTile(scores, 1, columns, p.scale, p.softcap);
  for (int j = numK; j < columns; j++) scores[j] = HIDDEN;
  const float c = p.softcap > 0 ? LOG2E : p.scale * LOG2E;
  float now = *max;
  for (int j = 0; j < numK; j++) now = scores[j] > now ? scores[j] : now;
  const float shift = now == HIDDEN ? 0 : -now * c;  // -inf - -inf would be NaN
  Vector total{};
  for (int j = 0; j < columns; j += LANES) {
    const Vector weight = exp2(load(scores + j) * c + splat(shift));
    store(scores + j, weight);
    total += weight;
  }
  const float rescale = now == HIDDEN ? 1 : exp2(splat((*max - now) * c))[0];
  rescaleRows(partial, 1, static_cast<int>(D), &rescale);
  *max = now;
  *sum = *sum * rescale + sumOf(total);
  addWeightedRows(scores, p.value + offset, p.keyStride(), numK, p.D, partial);
}

// Task: one range of keys of one key head.
void shortForward(const Problem& p, int64_t task, float* scratch) {
  const int64_t split = task % numSplits(p), bk = task / numSplits(p), b = bk / p.K, k = bk % p.K;
  const int64_t end = least<int64_t>(p.S, (split + 1) * SPLIT_KEYS), size = partialSize(p);
  float* const partials = p.partials + task * shortRows(p) * size;
  for (int64_t row = 0; row < shortRows(p); row++) {
    memset(partials + row * size, 0, 4 * size);
    partials[row * size + pad(p.D)] = HIDDEN;
  }
  for (int64_t k0 = split * SPLIT_KEYS; k0 < end; k0 += BLOCK) {
    const int64_t k1 = least(k0 + BLOCK, end);
    if (visibility(p, b, 0, p.T, k0, k1 - k0) == NONE) continue;
    for (int64_t row = 0; row < shortRows(p); row++) {
      const int64_t t = row % p.T, h = k * p.group() + row / p.T;
      int64_t first, last;
      visibleKeys(p, t + p.S - p.T, &first, &last);
      const int64_t j0 = most(first, k0), j1 = least(last + 1, k1);
      const auto seen = [&](int64_t from, int64_t to) {
        if (from < to) shortBlock(p, p.query + p.queryOffset(b, h, t), b, k, from, to, scratch, partials + row * size);
      };
      if (p.queryIds == nullptr) {
        seen(j0, j1);
        continue;
      }
      // runs of keys of the query's segment
      const int32_t id = p.queryIds[b * p.T + t], *const ids = p.keyIds + b * p.S;
      for (int64_t from = j0, to; id != 0 && from < j1; from = to + 1) {
        for (to = from; to < j1 && ids[to] == id; to++) {}
        seen(from, to);
      }
    }
  }
}

// Task: one key head.
void shortMerge(const Problem& p, int64_t task, float* scratch) {
  const int64_t b = task / p.K, k = task % p.K, D = pad(p.D), size = partialSize(p), rows = shortRows(p);
  const float c = p.softcap > 0 ? LOG2E : p.scale * LOG2E;
  for (int64_t row = 0; row < rows; row++) {
    const float* const first = p.partials + (task * numSplits(p) * rows + row) * size;
    float max = HIDDEN, sum = 0;
    for (int64_t split = 0; split < numSplits(p); split++) max = most(first[split * rows * size + D], max);
    memset(scratch, 0, 4 * D);
    for (int64_t split = 0; split < numSplits(p); split++) {
      const float* partial = first + split * rows * size;
      const float factor = max == HIDDEN ? 1 : exp2(splat((partial[D] - max) * c))[0];
      sum += partial[D + 1] * factor;
      for (int64_t d = 0; d < D; d += LANES) store(scratch + d, load(scratch + d) + load(partial + d) * factor);
    }
    const int64_t t = row % p.T, h = k * p.group() + row / p.T;
    finishRow(p, b, h, t, scratch, max, sum);
  }
}

}  // namespace
