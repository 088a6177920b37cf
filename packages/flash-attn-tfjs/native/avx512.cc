#define KERNELS avx512Kernels
#define KERNELS_NAME "avx512"
#include "kernels.inc"
