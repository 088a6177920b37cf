import { mask } from './mask.ts'
import { bindings, problemStruct, taskOf, unroll, type Variant } from './problem.ts'
import { elementOf, loadRow, rowIndices, storeRow } from './rows.ts'
import { capFunctions, scaled } from './scores.ts'

const THREADS = 64
/** Keys that one workgroup reads: four a thread. */
export const KEYS_PER_SPLIT = 4 * THREADS

/** Bytes of workgroup memory for so many rows at a time. */
export const decodeBytes = (rows: number, D: number) => rows * (16 * Math.ceil(D / 4) + 4 * KEYS_PER_SPLIT + 4 * THREADS + 16 * THREADS)

/**
 * Few queries against a long cache. A workgroup takes a few rows and 256 keys, so that the keys of one head are spread over the device;
 * its softmax and log-sum-exp go to `parts`, which `mergeShader` joins. A thread makes the scores of four keys, then sums some
 * vectors of values over a share of the keys.
 */
export function decodeShader(variant: Variant, rows: number): string {
  const { D, segments, softcap } = variant
  const vectors = Math.ceil(D / 4)
  const lanesAcross = 2 ** Math.ceil(Math.log2(vectors))
  const shares = THREADS / lanesAcross
  const element = elementOf(D)
  const eachRow = (line: (r: number) => string) => unroll(rows, line)
  return `
${problemStruct}
${bindings([
  ['query', element],
  ['key', element],
  ['value', element],
  ['parts', 'vec4<f32>', 'read_write'],
  ['partsLse', 'f32', 'read_write'],
  ...(segments ? [['ids', 'i32'] as const] : []),
])}
${rowIndices}
${['query', 'key', 'value'].map((buffer) => loadRow(buffer, D)).join('\n')}
${mask(variant)}
${softcap ? capFunctions : ''}
var<workgroup> queries: array<vec4<f32>, ${rows * vectors}>;
var<workgroup> weights: array<f32, ${rows * KEYS_PER_SPLIT}>;
var<workgroup> shared_: array<f32, ${rows * THREADS}>;
var<workgroup> sums: array<vec4<f32>, ${rows * THREADS}>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  ${taskOf}
  let lane = i32(index);
  let split = task % p.numSplits;
  let row0 = (task / p.numSplits % p.numBlocks) * ${rows};
  let head = task / p.numSplits / p.numBlocks;
  let j0 = keysOf(0, p.T - 1).x + split * ${KEYS_PER_SPLIT};
  for (var i = lane; i < ${rows * vectors}; i += ${THREADS}) {
    queries[i] = load_query(queryRow(head, row0 + i / ${vectors}), i % ${vectors});
  }
  workgroupBarrier();

  let j = vec4<i32>(j0 + lane) + vec4<i32>(0, ${THREADS}, ${2 * THREADS}, ${3 * THREADS});
  ${unroll(4, (i) => `let key${i} = keyRow(head, j[${i}]);`)}
  ${eachRow((r) => `var s${r} = vec4<f32>(0.0);`)}
  for (var d = 0; d < ${vectors}; d++) {
    ${unroll(4, (i) => `let k${i} = load_key(key${i}, d);`)}
    ${eachRow((r) => `{ let q = queries[${r * vectors} + d]; s${r} += vec4<f32>(dot(q, k0), dot(q, k1), dot(q, k2), dot(q, k3)); }`)}
  }
  ${segments ? 'let batch = head / p.K; let keyIds = vec4<i32>(keyIdAt(batch, j.x), keyIdAt(batch, j.y), keyIdAt(batch, j.z), keyIdAt(batch, j.w));' : ''}
  ${eachRow(
    (r) => `{
    let t = (row0 + ${r}) / p.G;
    s${r} = select(vec4<f32>(HIDDEN), ${scaled(variant, `s${r}`)}, visible(vec4<i32>(t), j${segments ? ', vec4<i32>(queryIdAt(batch, t)), keyIds' : ''}));
    shared_[${r * THREADS} + lane] = max(max(s${r}.x, s${r}.y), max(s${r}.z, s${r}.w));
  }`,
  )}
  workgroupBarrier();
  ${eachRow((r) => `var max${r} = FLOOR;`)}
  for (var i = 0; i < ${THREADS}; i++) { ${eachRow((r) => `max${r} = max(max${r}, shared_[${r * THREADS} + i]);`)} }
  workgroupBarrier();
  ${eachRow(
    (r) => `s${r} = exp(s${r} - max${r});
  shared_[${r * THREADS} + lane] = s${r}.x + s${r}.y + s${r}.z + s${r}.w;
  ${unroll(4, (i) => `weights[${r * KEYS_PER_SPLIT + i * THREADS} + lane] = s${r}[${i}];`)}`,
  )}
  workgroupBarrier();

  let column = lane % ${lanesAcross};
  let share = lane / ${lanesAcross};
  ${eachRow((r) => `var o${r} = vec4<f32>(0.0);`)}
  for (var i = share; i < min(${KEYS_PER_SPLIT}, p.S - j0); i += ${shares}) {
    let v = load_value(keyRow(head, j0 + i), column);
    ${eachRow((r) => `o${r} += weights[${r * KEYS_PER_SPLIT} + i] * v;`)}
  }
  ${eachRow((r) => `sums[${r * THREADS} + lane] = o${r};`)}
  workgroupBarrier();
  for (var i = lane; i < ${rows * lanesAcross}; i += ${THREADS}) {
    let r = i / ${lanesAcross};
    let c = i % ${lanesAcross};
    let row = queryRow(head, row0 + r);
    if (row < 0 || c >= ${vectors}) { continue; }
    var o = vec4<f32>(0.0);
    for (var n = 0; n < ${shares}; n++) { o += sums[r * ${THREADS} + n * ${lanesAcross} + c]; }
    var sum = 0.0;
    for (var n = 0; n < ${THREADS}; n++) { sum += shared_[r * ${THREADS} + n]; }
    var top = FLOOR;
    ${eachRow((r) => `top = select(top, max${r}, r == ${r});`)}
    let at = split * p.B * p.T * p.H + row;
    parts[at * ${vectors} + c] = o * select(0.0, 1.0 / sum, top > FLOOR);
    if (c == 0) { partsLse[at] = select(HIDDEN, top + log(sum), top > FLOOR); }
  }
}`
}

/** Joins parts: `lse = log Σ exp(lse_i)`, `out = Σ exp(lse_i − lse) out_i`. A thread takes a vector of a row. */
export function mergeShader(D: number): string {
  const vectors = Math.ceil(D / 4)
  return `
${problemStruct}
${bindings([
  ['parts', 'vec4<f32>'],
  ['partsLse', 'f32'],
  ['out', elementOf(D), 'read_write'],
  ['logSumExp', 'f32', 'read_write'],
])}
${storeRow('out', D)}

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  ${taskOf}
  let rows = p.B * p.T * p.H;
  let i = ${THREADS} * task + i32(lane);
  let row = i / ${vectors};
  let column = i % ${vectors};
  if (row >= rows) { return; }
  var top = FLOOR;
  for (var n = 0; n < p.numSplits; n++) { top = max(top, partsLse[n * rows + row]); }
  var sum = 0.0;
  var o = vec4<f32>(0.0);
  for (var n = 0; n < p.numSplits; n++) {
    let weight = exp(partsLse[n * rows + row] - top);
    sum += weight;
    o += weight * parts[(n * rows + row) * ${vectors} + column];
  }
  let seen = top > FLOOR;
  store_out(row, column, o * select(0.0, 1.0 / sum, seen));
  if (column == 0) {
    let token = row / p.H;
    logSumExp[(token / p.T * p.H + row % p.H) * p.T + token % p.T] = select(p.infinity, top + log(sum), seen);
  }
}`
}
