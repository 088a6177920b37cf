import type { Variant } from './problem.ts'
import { SEGMENT_BLOCK } from './segments.ts'

/**
 * Which scores are visible: key `j` to query `t` where the distance `t + S − T − j` is between `lowest` (0 under a causal mask) and
 * `highest` (a window's last), and the ids are equal and not 0. Four pairs at a time.
 */
export function mask({ segments }: Variant): string {
  return `
fn visible(t: vec4<i32>, j: vec4<i32>${segments ? ', queryId: vec4<i32>, keyId: vec4<i32>' : ''}) -> vec4<bool> {
  let distance = t + vec4<i32>(p.S - p.T) - j;
  return (j < vec4<i32>(p.S)) & (distance >= vec4<i32>(p.lowest)) & (distance <= vec4<i32>(p.highest))
    ${segments ? '& (queryId == keyId) & (queryId != vec4<i32>(0))' : ''};
}
// first and last key that queries first .. last see by position
fn keysOf(first: i32, last: i32) -> vec2<i32> {
  let shift = p.S - p.T;
  return vec2<i32>(max(0, first + shift - p.highest), min(p.S - 1, last + shift - p.lowest));
}
// first and last query that see keys first .. last by position
fn queriesOf(first: i32, last: i32) -> vec2<i32> {
  let shift = p.S - p.T;
  return vec2<i32>(max(0, first - shift + p.lowest), min(p.T - 1, last - shift + p.highest));
}
// whether queries first .. last see all of keys j0 .. j1 by position
fn allVisible(first: i32, last: i32, j0: i32, j1: i32) -> bool {
  let shift = p.S - p.T;
  return j1 < p.S && first + shift - j1 >= p.lowest && last + shift - j0 <= p.highest;
}
${segments ? segmentMask : ''}`
}

/** `ids` holds the ids of all queries, of all keys, then the smallest and largest id of each block of 32 of either. */
const segmentMask = `
fn queryIdAt(b: i32, t: i32) -> i32 { return ids[b * p.T + min(t, p.T - 1)]; }
fn keyIdAt(b: i32, j: i32) -> i32 { return ids[p.B * p.T + b * p.S + min(j, p.S - 1)]; }
fn range(at: i32, numBlocks: i32, first: i32, last: i32) -> vec2<i32> {
  var both = vec2<i32>(2147483647, -2147483647);
  for (var i = first / ${SEGMENT_BLOCK}; i <= min(last / ${SEGMENT_BLOCK}, numBlocks - 1); i++) {
    both = vec2<i32>(min(both.x, ids[at + 2 * i]), max(both.y, ids[at + 2 * i + 1]));
  }
  return both;
}
fn queryRange(b: i32, first: i32, last: i32) -> vec2<i32> {
  let blocks = (p.T + ${SEGMENT_BLOCK - 1}) / ${SEGMENT_BLOCK};
  return range(p.B * (p.T + p.S) + 2 * b * blocks, blocks, first, last);
}
fn keyRange(b: i32, first: i32, last: i32) -> vec2<i32> {
  let blocks = (p.S + ${SEGMENT_BLOCK - 1}) / ${SEGMENT_BLOCK};
  let before = p.B * (p.T + p.S) + 2 * p.B * ((p.T + ${SEGMENT_BLOCK - 1}) / ${SEGMENT_BLOCK});
  return range(before + 2 * b * blocks, blocks, first, last);
}
fn disjoint(a: vec2<i32>, b: vec2<i32>) -> bool { return max(a.x, b.x) > min(a.y, b.y); }
`
