// What one instruction set offers. Each of avx512.cc, avx2.cc and simd128.cc compiles kernels.inc with other compiler flags;
// which one runs is decided once, by what the processor has.
#pragma once
#include "problem.h"

// A task writes its own part of the outputs, so neither their order nor the number of threads changes a bit.
using Task = void (*)(const Problem& p, int64_t task, float* scratch);

struct Kernels {
  const char* name;
  size_t (*forwardScratch)(const Problem& p);  // bytes a task works in
  size_t (*shortScratch)(const Problem& p);
  size_t (*backwardScratch)(const Problem& p);
  size_t (*partialBytes)(const Problem& p);  // of Problem::partials
  int32_t (*nextKeyBlock)(const Problem& p, int64_t b, int64_t queryBlock, int64_t from);
  Task forward;       // B * H * chunks of CHUNK_ROWS queries
  Task shortForward;  // B * K * ranges of SPLIT_KEYS keys, all queries of the group: to partials
  Task shortMerge;    // B * K: partials to out and logSumExp
  Task delta;         // B * query blocks: delta, and zeros to dQuery
  Task backward;      // B * K * key blocks
};

#if defined(__x86_64__)
extern const Kernels avx512Kernels, avx2Kernels;
#endif
extern const Kernels simd128Kernels;
