import { bindings, problemStruct, taskOf } from './problem.ts'
import { elementOf, loadRow } from './rows.ts'

/**
 * What the gradient needs of every row, `[B, H, T, 2]`: its log-sum-exp, finite also where the row sees nothing (so that exp(s − lse) is
 * 0 there), and `δ = Σ_d dO ∘ O − dLogSumExp`. A thread takes a row.
 */
export function deltaShader(D: number, withDLogSumExp: boolean): string {
  const element = elementOf(D)
  return `
${problemStruct}
${bindings([
  ['out', element],
  ['dOut', element],
  ['logSumExp', 'f32'],
  ['statistics', 'vec2<f32>', 'read_write'],
  ...(withDLogSumExp ? [['dLogSumExp', 'f32'] as const] : []),
])}
${loadRow('out', D)}
${loadRow('dOut', D)}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  ${taskOf}
  let row = 64 * task + i32(lane); // of [B, T, H]
  if (row >= p.B * p.T * p.H) { return; }
  let token = row / p.H;
  let at = (token / p.T * p.H + row % p.H) * p.T + token % p.T; // of [B, H, T]
  var delta = 0.0;
  for (var column = 0; column < ${Math.ceil(D / 4)}; column++) { delta += dot(load_out(row, column), load_dOut(row, column)); }
  ${withDLogSumExp ? 'delta -= dLogSumExp[at];' : ''}
  statistics[at] = vec2<f32>(min(logSumExp[at], 3e38), delta);
}`
}

/** Reads them for a row of a key head; a row outside has weight 0 everywhere. */
export const readStatistics = `
fn statisticsOf(head: i32, row: i32) -> vec2<f32> {
  if (row >= p.T * p.G) { return vec2<f32>(3e38, 0.0); }
  return statistics[statistic(head, row)];
}`
