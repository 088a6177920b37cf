import { columnsOf, rowsOf, type Tiling, threadsOf } from '../tiling.ts'
import { taskOf, type Variant } from './problem.ts'

/** Start of a tiled entry point: a thread's first row `y` and column `x` in the tile, and the key head `head` of its task. */
export const startOfMain = (tiling: Tiling) => `@compute @workgroup_size(${threadsOf(tiling)})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  ${taskOf}
  let lane = i32(index);
  let x = lane % ${tiling.threadsX};
  let y = (lane / ${tiling.threadsX}) * ${tiling.rowsPerThread};
  let head = task / p.numBlocks;`

/** The task's rows from `row0` on, their queries `first … last`, and what those may see by position, `keys`. */
export function blockOfRows(tiling: Tiling, { segments }: Variant): string {
  const rows = rowsOf(tiling)
  return `let row0 = (p.numBlocks - 1 - task % p.numBlocks) * ${rows}; // last rows first: under a causal mask they take longest
  let first = row0 / p.G;
  let last = min(row0 + ${rows - 1}, p.T * p.G - 1) / p.G;
  let keys = keysOf(first, last);
  ${segments ? 'let batch = head / p.K; let queryIds = queryRange(batch, first, last);' : ''}`
}

/** Opens the loop over the blocks of those keys, from `j0` on, without blocks of other segments. */
export function eachKeyBlock(tiling: Tiling, { segments }: Variant): string {
  const columns = columnsOf(tiling)
  return `for (var j0 = keys.x / ${columns} * ${columns}; j0 <= keys.y; j0 += ${columns}) {
    ${segments ? `if (disjoint(queryIds, keyRange(batch, j0, j0 + ${columns - 1}))) { continue; }` : ''}`
}
