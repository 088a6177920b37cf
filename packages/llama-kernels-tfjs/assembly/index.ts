// The kernels of llama-kernels-tfjs. Each takes (task, thread, …): see KernelModule.run of wasm-heap-tfjs.
export { crossEntropy, crossEntropyCols, crossEntropyGradWeight, crossEntropyRows, scratchBytes } from './cross-entropy';
export { crossEntropyExponentials, crossEntropyJoin, crossEntropyStats, crossEntropyWeight } from './cross-entropy-at-once';
export { adamW, scale, squaredNorm, swiGlu, swiGluGrad } from './elementwise';
export { gatedLinear, linear } from './linear';
export { matMul, matMulAlone } from './matmul';
export { rmsNorm, rmsNormGrad, rotary, segmentSum, sumRows } from './rows';
export { initTable } from './simd';
