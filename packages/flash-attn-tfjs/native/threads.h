// Threads of the process, shared by all calls. They are made when first needed, sleep between calls, and end with the process.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Calls of different JavaScript threads take turns: what is between these two has the threads and their scratch to itself.
void lockThreads();
void unlockThreads();

// 64-byte aligned memory for each of `threads` threads, kept and grown; null if there is not enough. Needs the lock.
bool reserveScratch(int threads, size_t bytes);

using Body = void (*)(void* context, int64_t task, float* scratch);

// Runs tasks 0 .. numTasks on up to `threads` threads, the caller's included; started in order. Needs the lock.
void runTasks(int threads, int64_t numTasks, Body body, void* context);
