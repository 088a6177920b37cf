import { columnsOf, rowsOf, type Tiling } from '../tiling.ts'
import { mask } from './mask.ts'
import { bindings, directives, problemStruct, unroll, type Variant } from './problem.ts'
import { elementOf, loadRow, rowIndices, storeRow } from './rows.ts'
import { capFunctions, product, scaled } from './scores.ts'
import { blockOfRows, eachKeyBlock, startOfMain } from './task.ts'
import { addWeighted, declareSums, numChunks, stage, tiles, vectorsPerThread } from './tile.ts'

/**
 * Forward pass. A workgroup takes a block of rows and goes through the key blocks that they may see: scores, running maximum `m`, sum
 * `l` of `exp(s − m)` and output `o`, rescaled when `m` grows (Dao et al. 2022, algorithm 1). A thread keeps the sum over its own columns
 * until the end; only the maximum is shared in every block.
 */
export function forwardShader(variant: Variant, tiling: Tiling): string {
  const { D, segments, softcap } = variant
  const { threadsX, rowsPerThread, chunk } = tiling
  const [rows, columns] = [rowsOf(tiling), columnsOf(tiling)]
  const element = elementOf(D)
  const eachRow = (line: (r: number) => string) => unroll(rowsPerThread, line)
  const eachVector = (line: (v: number) => string) => unroll(vectorsPerThread(tiling, D), line)
  return `
${directives(variant)}
${problemStruct}
${bindings([
  ['query', element],
  ['key', element],
  ['value', element],
  ['out', element, 'read_write'],
  ['logSumExp', 'f32', 'read_write'],
  ...(segments ? [['ids', 'i32'] as const] : []),
])}
${rowIndices}
${['query', 'key', 'value'].map((buffer) => loadRow(buffer, D)).join('\n')}
${storeRow('out', D)}
${mask(variant)}
${softcap ? capFunctions : ''}
${tiles(tiling, variant)}
${variant.subgroups ? '' : `var<workgroup> partial: array<f32, ${rows * threadsX}>;`}
${stage(tiling, 'still', 'query', 'queryRow')}
${stage(tiling, 'moving', 'key', 'keyRow')}
${stage(tiling, 'moving', 'value', 'keyRow')}

${startOfMain(tiling)}
  ${blockOfRows(tiling, variant)}
  ${eachRow(
    (r) => `let t${r} = (row0 + y + ${r}) / p.G;
  ${segments ? `let id${r} = queryIdAt(batch, t${r});` : ''}
  var max${r} = FLOOR;
  var sum${r} = 0.0;`,
  )}
  ${declareSums(tiling, D, 'o')}
  ${eachKeyBlock(tiling, variant)}
    ${product(tiling, D, 's', { buffer: 'query', first: 'row0' }, { buffer: 'key', first: 'j0' })}
    ${eachRow((r) => `s${r} = ${scaled(variant, `s${r}`)};`)}
    let j = vec4<i32>(j0 + x) + vec4<i32>(0, ${threadsX}, ${2 * threadsX}, ${3 * threadsX});
    ${
      segments
        ? `let keyIds = vec4<i32>(keyIdAt(batch, j.x), keyIdAt(batch, j.y), keyIdAt(batch, j.z), keyIdAt(batch, j.w));
    ${eachRow((r) => `s${r} = select(vec4<f32>(HIDDEN), s${r}, visible(vec4<i32>(t${r}), j, vec4<i32>(id${r}), keyIds));`)}`
        : `if (!allVisible(first, last, j0, j0 + ${columns - 1})) {
      ${eachRow((r) => `s${r} = select(vec4<f32>(HIDDEN), s${r}, visible(vec4<i32>(t${r}), j));`)}
    }`
    }
    ${eachRow((r) => `var top${r} = max(max(s${r}.x, s${r}.y), max(s${r}.z, s${r}.w));`)}
    ${shareMaximum(tiling, variant)}
    ${eachRow(
      (r) => `let new${r} = max(max${r}, top${r});
    let shrink${r} = exp(max${r} - new${r});
    max${r} = new${r};
    s${r} = exp(s${r} - new${r});
    sum${r} = sum${r} * shrink${r} + s${r}.x + s${r}.y + s${r}.z + s${r}.w;
    weights[(y + ${r}) * ${threadsX + 1} + x] = s${r};
    ${eachVector((v) => `o${v}_${r} *= shrink${r};`)}`,
    )}
    ${unroll(
      numChunks(tiling, D),
      (c) => `workgroupBarrier();
    stage_value(head, j0, ${c * chunk}, lane);
    workgroupBarrier();
    ${addWeighted(tiling, D, c, 'o')}`,
    )}
  }
  ${shareSum(tiling, variant)}
  ${eachRow(
    (r) => `{
    let row = queryRow(head, row0 + y + ${r});
    let inverse = select(0.0, 1.0 / sum${r}, max${r} > FLOOR);
    ${eachVector((v) => `store_out(row, x + ${v * threadsX}, o${v}_${r} * inverse);`)}
    if (x == 0 && row >= 0) {
      logSumExp[statistic(head, row0 + y + ${r})] = select(p.infinity, max${r} + log(sum${r}), max${r} > FLOOR);
    }
  }`,
  )}
}`
}

/** `top<r>` of the thread becomes that of the row. Also separates the reading of keys from the staging of values. */
function shareMaximum({ threadsX, rowsPerThread }: Tiling, { subgroups }: Variant): string {
  const eachRow = (line: (r: number) => string) => unroll(rowsPerThread, line)
  if (subgroups) return eachRow((r) => halvings(threadsX, (n) => `top${r} = max(top${r}, subgroupShuffleXor(top${r}, ${n}u));`))
  return `
    ${eachRow((r) => `partial[(y + ${r}) * ${threadsX} + x] = top${r};`)}
    workgroupBarrier();
    for (var i = 0; i < ${threadsX}; i++) { ${eachRow((r) => `top${r} = max(top${r}, partial[(y + ${r}) * ${threadsX} + i]);`)} }`
}

/** `sum<r>` of the thread becomes that of the row, always added in the same order. */
function shareSum({ threadsX, rowsPerThread }: Tiling, { subgroups }: Variant): string {
  const eachRow = (line: (r: number) => string) => unroll(rowsPerThread, line)
  if (subgroups) return eachRow((r) => halvings(threadsX, (n) => `sum${r} += subgroupShuffleXor(sum${r}, ${n}u);`))
  return `
  workgroupBarrier();
  ${eachRow((r) => `partial[(y + ${r}) * ${threadsX} + x] = sum${r}; sum${r} = 0.0;`)}
  workgroupBarrier();
  for (var i = 0; i < ${threadsX}; i++) { ${eachRow((r) => `sum${r} += partial[(y + ${r}) * ${threadsX} + i];`)} }`
}

const halvings = (width: number, line: (n: number) => string) =>
  Array.from({ length: Math.log2(width) }, (_, i) => line(width >> (i + 1))).join('\n')
