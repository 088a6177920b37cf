// Flash attention for tfjs-backend-wasm: float32, any mask of ../src/options.ts, strided rows, on the heap of the backend.
//
// Rules of this folder (measured in V8; they decide the speed):
// - No data segment, no shadow stack: the module lives in another program's heap. So no static arrays, strings, Math.log.
// - A matrix product holds 4 × 8 results in 8 registers, reads one stream for each side and does not unroll its inner loop: V8 of
//   Node 20 loads everything a block needs before it multiplies, and spills beyond 15 registers.
// - Vector constants used in a loop are loaded from memory into locals first (`writeExpTable`): V8 rebuilds `v128.const` in each round.
// - `pmax/pmin`, never `max/min`: the latter carry code for NaN and −0.
// - Hot loops sit in small functions called often: V8 replaces slow first-tier code only at a call.
export { decodeScratch, flashDecode, mergeAlone, mergeSplits, splitBytes } from './decode'
export { flashForward, forwardScratch } from './forward'
export { backwardScratch, flashBackward } from './backward'
export { flashDelta } from './delta'
export { prepareSegments } from './segments'
