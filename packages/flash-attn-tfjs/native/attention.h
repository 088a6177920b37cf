#pragma once
#include "kernels.h"

// The kernels for a name such as "avx2", or the best that this processor runs for ""; null if it has none of that name.
const Kernels* findKernels(const char* name);

// Both return null, or what they had not enough memory for. Inputs and outputs of `p` are set; the rest is allocated here, and freed.
const char* attentionForward(Problem& p, const Kernels& kernels, int threads);
const char* attentionBackward(Problem& p, const Kernels& kernels, int threads);
