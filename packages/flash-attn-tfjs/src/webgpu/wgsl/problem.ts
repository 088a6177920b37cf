import type { Problem } from '../../options.ts'

/** What changes the code of a shader; everything else is a uniform. */
export interface Variant {
  readonly D: number
  readonly softcap: boolean
  readonly segments: boolean
  /** Type of the tiles in workgroup memory. */
  readonly tiles: 'f32' | 'f16'
  /** Whether row maxima are taken with subgroup operations. */
  readonly subgroups: boolean
}

const INTEGERS = ['B', 'T', 'S', 'H', 'K', 'G', 'lowest', 'highest', 'numBlocks', 'numTasks', 'numSplits'] as const
const FLOATS = ['scale', 'softcap', 'infinity'] as const

/** Directives come before everything else. */
export const directives = ({ tiles, subgroups }: Variant) =>
  `${tiles === 'f16' ? 'enable f16;\n' : ''}${subgroups ? 'enable subgroups;\n' : ''}`

/** Uniforms at binding 0, as `p`. `infinity` is one because WGSL has no such constant. */
export const problemStruct = `
struct Problem { ${INTEGERS.map((name) => `${name}: i32`).join(', ')}, ${FLOATS.map((name) => `${name}: f32`).join(', ')} }
@group(0) @binding(0) var<uniform> p: Problem;

// hidden scores and the floor of a running maximum: exp(hidden - floor) is 0, and no infinity minus infinity can arise
const HIDDEN = -1e30;
const FLOOR = -5e29;
`

/** Least and greatest distance `t + S − T − j` at which a query sees a key; far beyond any length where there is no bound. */
export function distances({ causal, window }: Problem): { readonly lowest: number; readonly highest: number } {
  const highest = window > 0 ? Math.min(window, FAR) - 1 : FAR
  return { lowest: causal ? 0 : -highest, highest }
}
const FAR = 2 ** 29 // sums of three stay in 32 bits

/** The bytes of `Problem`; `numBlocks` per key head, `numTasks` in all. */
export function problemUniforms(
  problem: Problem,
  { numBlocks, numTasks, numSplits = 1 }: { readonly numBlocks: number; readonly numTasks: number; readonly numSplits?: number },
): ArrayBuffer {
  const values = { ...problem, ...distances(problem), numBlocks, numTasks, numSplits, infinity: Number.POSITIVE_INFINITY }
  const view = new DataView(new ArrayBuffer(4 * (INTEGERS.length + FLOATS.length + 3)))
  for (const [i, name] of INTEGERS.entries()) view.setInt32(4 * i, values[name], true)
  for (const [i, name] of FLOATS.entries()) view.setFloat32(4 * (INTEGERS.length + i), values[name], true)
  return view.buffer
}

/** Declares storage buffers from binding 1 on, in the order of the dispatch's buffers. */
export function bindings(buffers: readonly (readonly [name: string, type: string, access?: 'read_write'])[]): string {
  return buffers
    .map(([name, type, access = 'read'], i) => `@group(0) @binding(${i + 1}) var<storage, ${access}> ${name}: array<${type}>;`)
    .join('\n')
}

/** Start of every entry point: `task` counts workgroups over both axes of the dispatch. */
export const taskOf = `
  let task = i32(group.x + group.y * groups.x);
  if (task >= p.numTasks) { return; }`

export const unroll = (count: number, line: (i: number) => string) => Array.from({ length: count }, (_, i) => line(i)).join('\n')
