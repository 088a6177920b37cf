import type { Tiling } from '../tiling.ts'
import { unroll, type Variant } from './problem.ts'
import { addProducts, numChunks } from './tile.ts'

/** `e^2x` form of tanh, which never overflows; near 0, where it cancels, the series. */
export const capFunctions = `
fn tanhOf(x: vec4<f32>) -> vec4<f32> {
  let e = exp(-2.0 * abs(x));
  let square = x * x;
  return select(sign(x) * (1.0 - e) / (1.0 + e), x * (1.0 - square * (1.0 / 3.0 - square * (2.0 / 15.0))), abs(x) < vec4<f32>(0.0625));
}`

/** Sums over the head dim of the products of two staged buffers, chunk by chunk; `sums` must be declared. Leaves the tiles in use. */
export function product(
  tiling: Tiling,
  D: number,
  sums: string,
  still: { readonly buffer: string; readonly first: string },
  moving: { readonly buffer: string; readonly first: string },
): string {
  const chunks = numChunks(tiling, D)
  return `
${unroll(tiling.rowsPerThread, (r) => `var ${sums}${r} = vec4<f32>(0.0);`)}
for (var chunk = 0; chunk < ${chunks}; chunk++) {
  workgroupBarrier();
  stage_${still.buffer}(head, ${still.first}, chunk * ${tiling.chunk}, lane);
  stage_${moving.buffer}(head, ${moving.first}, chunk * ${tiling.chunk}, lane);
  workgroupBarrier();
  ${addProducts(tiling, sums)}
}`
}

/** Scales, and caps where asked; the scores before masking. */
export const scaled = ({ softcap }: Variant, x: string) => (softcap ? `p.softcap * tanhOf(${x} * (p.scale / p.softcap))` : `${x} * p.scale`)

/** d scaled score / d product: the scale, and under a cap `1 − tanh²`. */
export const scoreSlope = ({ softcap }: Variant, s: string) =>
  softcap ? `p.scale * (1.0 - (${s} / p.softcap) * (${s} / p.softcap))` : 'p.scale'
