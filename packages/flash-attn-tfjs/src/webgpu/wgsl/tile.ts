import { columnsOf, rowsOf, type Tiling, threadsOf } from '../tiling.ts'
import { unroll, type Variant } from './problem.ts'

/** Directives and the tiles in workgroup memory. Rows of a tile are one vector apart from a power of two: no conflicts of banks. */
export function tiles(tiling: Tiling, { tiles }: Variant): string {
  return `
alias Tile = vec4<${tiles}>;
var<workgroup> still: array<Tile, ${rowsOf(tiling) * (tiling.chunk + 1)}>;
var<workgroup> moving: array<Tile, ${columnsOf(tiling) * (tiling.chunk + 1)}>;
var<workgroup> weights: array<vec4<f32>, ${rowsOf(tiling) * (tiling.threadsX + 1)}>;`
}

/** `stage_<buffer>(head, first, column, lane)`: copies rows `first …` of a buffer into a tile, `chunk` vectors from `column` on. */
export function stage(tiling: Tiling, tile: 'still' | 'moving', buffer: string, rowOf: 'queryRow' | 'keyRow'): string {
  const { chunk } = tiling
  const rows = tile === 'still' ? rowsOf(tiling) : columnsOf(tiling)
  return `
fn stage_${buffer}(head: i32, first: i32, column: i32, lane: i32) {
  for (var i = lane; i < ${rows * chunk}; i += ${threadsOf(tiling)}) {
    let r = i / ${chunk};
    let c = i % ${chunk};
    ${tile}[r * ${chunk + 1} + c] = Tile(load_${buffer}(${rowOf}(head, first + r), column + c));
  }
}`
}

/** Adds `still · movingᵀ` to `<sums>0, <sums>1 …`, one vector for each row of the thread: its columns x, x + threadsX, … */
export function addProducts({ chunk, threadsX, rowsPerThread }: Tiling, sums: string): string {
  const stride = chunk + 1
  return `
for (var d = 0; d < ${chunk}; d++) {
  ${unroll(4, (i) => `let m${i} = vec4<f32>(moving[(x + ${i * threadsX}) * ${stride} + d]);`)}
  ${unroll(
    rowsPerThread,
    (r) => `let a${r} = vec4<f32>(still[(y + ${r}) * ${stride} + d]);
  ${sums}${r} += vec4<f32>(dot(a${r}, m0), dot(a${r}, m1), dot(a${r}, m2), dot(a${r}, m3));`,
  )}
}`
}

/** Names of a thread's sums over one row: its vectors x, x + threadsX, … of the head dim. */
export const vectorsPerThread = ({ threadsX }: Tiling, D: number) => Math.ceil(Math.ceil(D / 4) / threadsX)

/** Adds `weights · moving` to `<sums><vector>_<row>` for the vectors of one chunk. */
export function addWeighted(tiling: Tiling, D: number, chunkIndex: number, sums: string): string {
  const { chunk, threadsX, rowsPerThread } = tiling
  const stride = chunk + 1
  const first = (chunkIndex * chunk) / threadsX
  const count = Math.min(chunk / threadsX, vectorsPerThread(tiling, D) - first)
  return `
for (var c = 0; c < ${threadsX}; c++) {
  ${unroll(rowsPerThread, (r) => `let w${r} = weights[(y + ${r}) * ${threadsX + 1} + c];`)}
  ${unroll(
    count,
    (v) => `{
  ${unroll(4, (i) => `let m${i} = vec4<f32>(moving[(c + ${i * threadsX}) * ${stride} + x + ${v * threadsX}]);`)}
  ${unroll(rowsPerThread, (r) => `${sums}${first + v}_${r} += w${r}.x * m0 + w${r}.y * m1 + w${r}.z * m2 + w${r}.w * m3;`)}
  }`,
  )}
}`
}

export const declareSums = (tiling: Tiling, D: number, sums: string) =>
  unroll(vectorsPerThread(tiling, D), (v) => unroll(tiling.rowsPerThread, (r) => `var ${sums}${v}_${r} = vec4<f32>(0.0);`))

export const numChunks = ({ chunk }: Tiling, D: number) => Math.ceil(Math.ceil(D / 4) / chunk)
