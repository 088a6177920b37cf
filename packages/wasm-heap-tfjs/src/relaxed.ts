import { nodeBuiltin } from './node.ts'

// (module (func (drop (i8x16.relaxed_swizzle (i8x16.splat (i32.const 1)) (i8x16.splat (i32.const 2))))))
const probe = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 16],
  ...[1, 14, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 26, 11],
)

/**
 * Whether this engine compiles relaxed SIMD (fused multiply-add). Node ≥ 22 and current browsers do. V8 of Node 20 has it behind a
 * flag of the process, which is set here; other code of the process is not affected, since only modules that use it can tell.
 */
export function supportsRelaxedSimd(): boolean {
  if (WebAssembly.validate(probe)) return true
  const major = typeof process === 'object' ? Number(process.versions?.node?.split('.')[0]) : Number.NaN
  if (major !== 20) return false // newer V8 has it or reports an unknown flag on stderr
  nodeBuiltin('v8')?.setFlagsFromString('--experimental-wasm-relaxed-simd')
  return WebAssembly.validate(probe)
}
