#define KERNELS avx2Kernels
#define KERNELS_NAME "avx2"
#include "kernels.inc"
