// A forward or backward pass: cuts it into tasks, which never depend on the number of threads.
#include "attention.h"

#include <stdlib.h>
#include <string.h>

#include "threads.h"

namespace {

// Below about this many multiplications, waking another thread costs more than it brings.
constexpr double MIN_WORK = 5e5;

struct Run {
  const Problem* problem;
  Task task;
};

void runTask(void* context, int64_t task, float* scratch) {
  const Run& run = *static_cast<Run*>(context);
  run.task(*run.problem, task, scratch);
}

void run(const Problem& p, int threads, int64_t numTasks, Task task) {
  Run context{&p, task};
  runTasks(threads, numTasks, runTask, &context);
}

int usefulThreads(const Problem& p, int threads) {
  const double work = static_cast<double>(p.B) * p.H * p.T * p.S * p.D;
  return work < MIN_WORK ? 1 : threads;
}

IdRange rangeOf(const int32_t* ids, int64_t size) {
  IdRange range{INT32_MAX, INT32_MIN, 1};
  for (int64_t i = 0; i < size; i++) {
    if (ids[i] == 0) {
      range.whole = 0;
      continue;
    }
    range.low = least(range.low, ids[i]);
    range.high = most(range.high, ids[i]);
  }
  if (range.low != range.high) range.whole = 0;
  return range;
}

IdRange* rangesOf(const int32_t* ids, int64_t B, int64_t length) {
  const int64_t blocks = (length + BLOCK - 1) / BLOCK;
  IdRange* const ranges = static_cast<IdRange*>(malloc(sizeof(IdRange) * B * blocks));
  if (ranges == nullptr) return nullptr;
  for (int64_t i = 0; i < B * blocks; i++) {
    const int64_t b = i / blocks, start = i % blocks * BLOCK;
    ranges[i] = rangeOf(ids + b * length + start, least<int64_t>(BLOCK, length - start));
  }
  return ranges;
}

// What a pass allocates besides its outputs; freed on every path.
struct Memory {
  void* blocks[4] = {};
  int size = 0;
  ~Memory() {
    for (int i = 0; i < size; i++) free(blocks[i]);
  }
  template <class X> X* keep(X* block) { return static_cast<X*>(blocks[size++] = block); }
};

struct Lock {
  Lock() { lockThreads(); }
  ~Lock() { unlockThreads(); }
};

bool findRanges(Problem& p, Memory& memory) {
  if (p.queryIds == nullptr) return true;
  IdRange *const query = memory.keep(rangesOf(p.queryIds, p.B, p.T)), *const key = memory.keep(rangesOf(p.keyIds, p.B, p.S));
  p.queryRanges = query;
  p.keyRanges = key;
  return query != nullptr && key != nullptr;
}

// The first key block whose turn it is, for every block of queries.
void firstTurns(const Problem& p, const Kernels& kernels, int32_t* turns) {
  for (int64_t b = 0; b < p.B; b++)
    for (int64_t i = 0; i < p.queryBlocks(); i++) {
      const int32_t first = kernels.nextKeyBlock(p, b, i, 0);
      for (int64_t h = 0; h < p.H; h++) turns[(b * p.H + h) * p.queryBlocks() + i] = first;
    }
}

}  // namespace

const Kernels* findKernels(const char* name) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
  if (avx512 && (*name == 0 || strcmp(name, avx512Kernels.name) == 0)) return &avx512Kernels;
  if (avx2 && (*name == 0 || strcmp(name, avx2Kernels.name) == 0)) return &avx2Kernels;
#endif
  return *name == 0 || strcmp(name, simd128Kernels.name) == 0 ? &simd128Kernels : nullptr;
}

const char* attentionForward(Problem& p, const Kernels& kernels, int threads) {
  threads = usefulThreads(p, threads);
  Memory memory;
  if (!findRanges(p, memory)) return "the ranges of segment ids";
  const bool isShort = p.T <= SHORT_QUERIES;
  const int64_t splits = (p.S + SPLIT_KEYS - 1) / SPLIT_KEYS;
  if (isShort) {
    p.partials = memory.keep(static_cast<float*>(malloc(kernels.partialBytes(p))));
    if (p.partials == nullptr) return "the partial results of ranges of keys";
  }
  const Lock lock;
  if (!reserveScratch(threads, isShort ? kernels.shortScratch(p) : kernels.forwardScratch(p))) return "scratch";
  if (isShort) {
    run(p, threads, p.B * p.K * splits, kernels.shortForward);
    run(p, 1, p.B * p.K, kernels.shortMerge);
  } else {
    run(p, threads, p.B * p.H * ((p.T + CHUNK_ROWS - 1) / CHUNK_ROWS), kernels.forward);
  }
  return nullptr;
}

const char* attentionBackward(Problem& p, const Kernels& kernels, int threads) {
  threads = usefulThreads(p, threads);
  Memory memory;
  if (!findRanges(p, memory)) return "the ranges of segment ids";
  p.delta = memory.keep(static_cast<float*>(malloc(4 * p.B * p.H * p.T)));
  p.turns = memory.keep(static_cast<int32_t*>(malloc(4 * p.B * p.H * p.queryBlocks())));
  if (p.delta == nullptr || p.turns == nullptr) return "the row sums of the gradient";
  firstTurns(p, kernels, p.turns);
  p.interleaved = least<int64_t>(threads, p.B * p.K);
  const Lock lock;
  if (!reserveScratch(threads, kernels.backwardScratch(p))) return "scratch";
  run(p, threads, p.B * p.queryBlocks(), kernels.delta);
  run(p, threads, p.B * p.K * p.keyBlocks(), kernels.backward);
  return nullptr;
}
