// Prints the widest vectors' multiply-add peak of one thread in GFLOP/s: 12 independent accumulators, registers only.
#include <chrono>
#include <cstdio>
#if defined(__AVX512F__)
constexpr int lanes = 16;
#elif defined(__AVX__)
constexpr int lanes = 8;
#else
constexpr int lanes = 4;
#endif
typedef float Vector __attribute__((vector_size(4 * lanes)));

int main() {
  constexpr int accumulators = 12, rounds = 5'000'000;
  Vector sums[accumulators] = {}, a, b;
  for (int lane = 0; lane < lanes; lane++) a[lane] = b[lane] = 1e-3f;
  double best = 0;
  for (int turn = 0; turn < 3; turn++) {
    const auto began = std::chrono::steady_clock::now();
    for (int round = 0; round < rounds; round++) {
      asm volatile("" : "+v"(a), "+v"(b)); // nothing may be computed ahead
      for (auto& sum : sums) sum += a * b;
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
    const double rate = 2.0 * lanes * accumulators * rounds / seconds.count() / 1e9;
    if (rate > best) best = rate;
  }
  float total = 0;
  for (auto& sum : sums)
    for (int lane = 0; lane < lanes; lane++) total += sum[lane];
  std::printf("%.1f\n", total > 0 ? best : 0);
}
