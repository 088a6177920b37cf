export { type WasmHeap, wasmHeap } from './heap.ts'
export { type KernelBinaries, type KernelModule, type LoadOptions, loadKernels } from './kernels.ts'
export { type ShareOptions, shareWasmHeap, type WasmBackendModule } from './share.ts'
