#define KERNELS simd128Kernels
#define KERNELS_NAME "simd128"
#include "kernels.inc"
