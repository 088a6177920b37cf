import { bindings, problemStruct, taskOf } from './problem.ts'

/** Positions whose smallest and largest id is kept, so that blocks of other segments are skipped unread. */
export const SEGMENT_BLOCK = 32

/**
 * Puts query ids, key ids and the range of ids in every block of either into one buffer: kernels may bind eight. Padding (0) is in no
 * range; ids below 0 count like others. A thread copies and measures one block.
 */
export const segmentsShader = `
${problemStruct}
${bindings([
  ['queryIds', 'i32'],
  ['keyIds', 'i32'],
  ['ids', 'i32', 'read_write'],
])}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  ${taskOf}
  let queryBlocks = (p.T + ${SEGMENT_BLOCK - 1}) / ${SEGMENT_BLOCK};
  let keyBlocks = (p.S + ${SEGMENT_BLOCK - 1}) / ${SEGMENT_BLOCK};
  let block = 64 * task + i32(lane);
  if (block >= p.B * (queryBlocks + keyBlocks)) { return; }
  let ofKeys = block >= p.B * queryBlocks;
  let own = select(block, block - p.B * queryBlocks, ofKeys);
  let length = select(p.T, p.S, ofKeys);
  let perRow = select(queryBlocks, keyBlocks, ofKeys);
  let row = own / perRow;
  let first = ${SEGMENT_BLOCK} * (own % perRow);
  var both = vec2<i32>(2147483647, -2147483647);
  for (var i = row * length + first; i < row * length + min(first + ${SEGMENT_BLOCK}, length); i++) {
    var id: i32;
    if (ofKeys) { id = keyIds[i]; ids[p.B * p.T + i] = id; } else { id = queryIds[i]; ids[i] = id; }
    if (id != 0) { both = vec2<i32>(min(both.x, id), max(both.y, id)); }
  }
  ids[p.B * (p.T + p.S) + 2 * block] = both.x;
  ids[p.B * (p.T + p.S) + 2 * block + 1] = both.y;
}`
