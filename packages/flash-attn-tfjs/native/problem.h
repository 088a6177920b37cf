// An attention problem, as every part of the kernels sees it. Letters: B batch, T query time, S key time, H heads,
// K key/value heads, D head dim. Tensors are dense: query, out, dOut, dQuery [B, T, H, D]; key, value, dKey, dValue [B, S, K, D].
#pragma once
#include <stddef.h>
#include <stdint.h>

constexpr int BLOCK = 64;       // rows and columns of a tile
constexpr int CHUNK_ROWS = 256; // query rows of a forward task
constexpr int SHORT_QUERIES = 4;    // up to this many queries, a task is a range of keys instead
constexpr int SPLIT_KEYS = 1024;    // the size of that range

// Hidden scores, and the maximum of a row that has seen none yet.
constexpr float HIDDEN = -__builtin_inff();

// Ids of one block of a sequence: smallest and largest id other than 0, and whether all are one such id.
struct IdRange {
  int32_t low, high, whole;
};

struct Problem {
  int64_t B, T, S, H, K, D;
  bool causal;     // query i sees keys j <= i + S - T
  int64_t window;  // and |i + S - T - j| < window; 0: no window
  float scale;
  float softcap;   // scores become softcap * tanh(score / softcap); 0: no cap

  const float *query, *key, *value;
  const int32_t *queryIds, *keyIds;          // [B, T], [B, S]; null: no segments
  const IdRange *queryRanges, *keyRanges;    // [B, blocks]

  float *out, *logSumExp;  // logSumExp [B, H, T], natural; +inf for rows that see no key
  float *partials;         // few queries: what each range of keys gives, [B, K, splits, rows, pad(D) + 2]

  const float *savedOut, *savedLogSumExp, *dOut, *dLogSumExp;  // dLogSumExp [B, H, T] or null
  float *dQuery, *dKey, *dValue;
  float *delta;         // [B, H, T]: sum_d dOut * out - dLogSumExp
  int32_t *turns;       // [B, H, query blocks]: the key block whose turn it is to add to dQuery
  int64_t interleaved;  // key heads that are worked on at once

  int64_t group() const { return H / K; }
  int64_t queryStride() const { return H * D; }
  int64_t keyStride() const { return K * D; }
  int64_t queryBlocks() const { return (T + BLOCK - 1) / BLOCK; }
  int64_t keyBlocks() const { return (S + BLOCK - 1) / BLOCK; }
  int64_t queryOffset(int64_t b, int64_t h, int64_t t) const { return (b * T + t) * queryStride() + h * D; }
  int64_t keyOffset(int64_t b, int64_t k, int64_t s) const { return (b * S + s) * keyStride() + k * D; }
  int64_t rowOffset(int64_t b, int64_t h, int64_t t) const { return (b * H + h) * T + t; }
};

template <class X> inline X least(X a, X b) { return a < b ? a : b; }
template <class X> inline X most(X a, X b) { return a > b ? a : b; }
