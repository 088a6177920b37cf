#include "threads.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#if defined(__x86_64__) && defined(__GLIBC__)
// glibc 2.32 and 2.34 moved these to another library; their older names are there before and after it
__asm__(".symver pthread_create,pthread_create@GLIBC_2.2.5");
__asm__(".symver pthread_detach,pthread_detach@GLIBC_2.2.5");
__asm__(".symver pthread_sigmask,pthread_sigmask@GLIBC_2.2.5");
#endif

namespace {

constexpr int MAX_THREADS = 256;

pthread_mutex_t callMutex = PTHREAD_MUTEX_INITIALIZER;  // one call at a time
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;      // guards what follows, except `next`
pthread_cond_t jobPosted = PTHREAD_COND_INITIALIZER, jobDone = PTHREAD_COND_INITIALIZER;
struct {
  Body body;
  void* context;
  int64_t numTasks, next;
  int wanted;   // workers that may join
  int running;  // workers that did
} job;
uint64_t jobNumber = 0;
int numWorkers = 0;

float* scratch[MAX_THREADS];
size_t scratchBytes[MAX_THREADS];

void work(int thread) {
  for (;;) {
    const int64_t task = __atomic_fetch_add(&job.next, 1, __ATOMIC_RELAXED);
    if (task >= job.numTasks) return;
    job.body(job.context, task, scratch[thread]);
  }
}

void* workerLoop(void* argument) {
  const int thread = static_cast<int>(reinterpret_cast<intptr_t>(argument));
  uint64_t seen = 0;
  pthread_mutex_lock(&mutex);
  for (;;) {
    while (seen == jobNumber) pthread_cond_wait(&jobPosted, &mutex);
    seen = jobNumber;
    if (thread > job.wanted) continue;
    job.running++;
    pthread_mutex_unlock(&mutex);
    work(thread);
    pthread_mutex_lock(&mutex);
    if (--job.running == 0) pthread_cond_signal(&jobDone);
  }
  return nullptr;
}

// With fewer workers than wanted everything still runs, on fewer threads.
void makeWorkers(int wanted) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are for the main thread
  for (; numWorkers < wanted; numWorkers++) {
    pthread_t worker;
    if (pthread_create(&worker, nullptr, workerLoop, reinterpret_cast<void*>(static_cast<intptr_t>(numWorkers + 1))) != 0) break;
    pthread_detach(worker);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

int clamp(int threads) { return threads < 1 ? 1 : threads > MAX_THREADS ? MAX_THREADS : threads; }

}  // namespace

void lockThreads() { pthread_mutex_lock(&callMutex); }
void unlockThreads() { pthread_mutex_unlock(&callMutex); }

bool reserveScratch(int threads, size_t bytes) {
  for (int i = 0; i < clamp(threads); i++) {
    if (scratchBytes[i] >= bytes) continue;
    free(scratch[i]);
    void* memory = nullptr;
    const bool failed = posix_memalign(&memory, 64, bytes) != 0;
    scratch[i] = failed ? nullptr : static_cast<float*>(memory);
    scratchBytes[i] = failed ? 0 : bytes;
    if (failed) return false;
  }
  return true;
}

void runTasks(int threads, int64_t numTasks, Body body, void* context) {
  threads = clamp(threads);
  if (threads > numTasks) threads = static_cast<int>(numTasks);
  pthread_mutex_lock(&mutex);
  job = {body, context, numTasks, 0, threads - 1, 0};
  if (threads > 1) {
    makeWorkers(threads - 1);
    jobNumber++;
    pthread_cond_broadcast(&jobPosted);
  }
  pthread_mutex_unlock(&mutex);
  work(0);
  pthread_mutex_lock(&mutex);
  job.wanted = 0;  // who wakes up only now has nothing to do
  while (job.running > 0) pthread_cond_wait(&jobDone, &mutex);
  pthread_mutex_unlock(&mutex);
}
