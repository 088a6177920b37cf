import { columnsOf, rowsOf, type Tiling } from '../tiling.ts'
import { readStatistics } from './delta.ts'
import { mask } from './mask.ts'
import { bindings, directives, problemStruct, unroll, type Variant } from './problem.ts'
import { elementOf, loadRow, rowIndices, storeRow } from './rows.ts'
import { capFunctions, product, scaled, scoreSlope } from './scores.ts'
import { startOfMain } from './task.ts'
import { addWeighted, declareSums, numChunks, stage, tiles, vectorsPerThread } from './tile.ts'

export type KeyGradient = 'dKey' | 'dValue'

/**
 * dKey and dValue, or one of them. A workgroup takes a block of keys through the rows that may see them, with the score matrix
 * transposed: `dV += Pᵀ dO`, `dK += scale · dSᵀ Q`. Nobody else writes its keys, so there are no atomics and sums have one order.
 */
export function gradientKeyShader(variant: Variant, tiling: Tiling, outputs: readonly KeyGradient[]): string {
  const { D, segments, softcap } = variant
  const { threadsX, rowsPerThread, chunk } = tiling
  const [rows, columns] = [rowsOf(tiling), columnsOf(tiling)]
  const element = elementOf(D)
  const eachRow = (line: (r: number) => string) => unroll(rowsPerThread, line)
  const sumOf = { dKey: 'dk', dValue: 'dv' }
  const ofKey = outputs.includes('dKey')
  const weighted = (buffer: string, weight: (r: number) => string, sums: string) => `
    workgroupBarrier();
    ${eachRow((r) => `weights[(y + ${r}) * ${threadsX + 1} + x] = ${weight(r)};`)}
    ${unroll(
      numChunks(tiling, D),
      (c) => `${c > 0 ? 'workgroupBarrier();' : ''}
    stage_${buffer}(head, row0, ${c * chunk}, lane);
    workgroupBarrier();
    ${addWeighted(tiling, D, c, sums)}`,
    )}`
  return `
${directives(variant)}
${problemStruct}
${bindings([
  ['query', element],
  ['key', element],
  ...(ofKey ? [['value', element] as const] : []),
  ['dOut', element],
  ['statistics', 'vec2<f32>'],
  ...outputs.map((name) => [name, element, 'read_write'] as const),
  ...(segments ? [['ids', 'i32'] as const] : []),
])}
${rowIndices}
${readStatistics}
${['query', 'key', 'dOut', ...(ofKey ? ['value'] : [])].map((buffer) => loadRow(buffer, D)).join('\n')}
${outputs.map((name) => storeRow(name, D)).join('\n')}
${mask(variant)}
${softcap ? capFunctions : ''}
${tiles(tiling, variant)}
${stage(tiling, 'still', 'key', 'keyRow')}
${ofKey ? stage(tiling, 'still', 'value', 'keyRow') : ''}
${stage(tiling, 'moving', 'query', 'queryRow')}
${stage(tiling, 'moving', 'dOut', 'queryRow')}

${startOfMain(tiling)}
  let j0 = (task % p.numBlocks) * ${rows}; // first keys first: under a causal mask they take longest
  let queries = queriesOf(j0, min(j0 + ${rows - 1}, p.S - 1));
  ${segments ? `let batch = head / p.K; let keyIds = keyRange(batch, j0, j0 + ${rows - 1});` : ''}
  ${segments ? eachRow((r) => `let id${r} = vec4<i32>(keyIdAt(batch, j0 + y + ${r}));`) : ''}
  ${outputs.map((name) => declareSums(tiling, D, sumOf[name])).join('\n')}
  for (var row0 = queries.x * p.G / ${columns} * ${columns}; row0 < (queries.y + 1) * p.G; row0 += ${columns}) {
    ${segments ? `if (disjoint(keyIds, queryRange(batch, row0 / p.G, (row0 + ${columns - 1}) / p.G))) { continue; }` : ''}
    ${product(tiling, D, 's', { buffer: 'key', first: 'j0' }, { buffer: 'query', first: 'row0' })}
    ${ofKey ? product(tiling, D, 'dp', { buffer: 'value', first: 'j0' }, { buffer: 'dOut', first: 'row0' }) : ''}
    let row = vec4<i32>(row0 + x) + vec4<i32>(0, ${threadsX}, ${2 * threadsX}, ${3 * threadsX});
    let t = row / p.G;
    ${unroll(4, (i) => `let stat${i} = statisticsOf(head, row[${i}]);`)}
    let lse = vec4<f32>(stat0.x, stat1.x, stat2.x, stat3.x);
    ${ofKey ? 'let delta = vec4<f32>(stat0.y, stat1.y, stat2.y, stat3.y);' : ''}
    ${segments ? 'let queryIds = vec4<i32>(queryIdAt(batch, t.x), queryIdAt(batch, t.y), queryIdAt(batch, t.z), queryIdAt(batch, t.w));' : ''}
    ${eachRow(
      (r) => `s${r} = ${scaled(variant, `s${r}`)};
    let seen${r} = visible(t, vec4<i32>(j0 + y + ${r})${segments ? `, queryIds, id${r}` : ''});
    let p${r} = exp(s${r} - lse);`,
    )}
    ${outputs.includes('dValue') ? weighted('dOut', (r) => `select(vec4<f32>(0.0), p${r}, seen${r})`, 'dv') : ''}
    ${ofKey ? weighted('query', (r) => `select(vec4<f32>(0.0), p${r} * (dp${r} - delta) * ${scoreSlope(variant, `s${r}`)}, seen${r})`, 'dk') : ''}
  }
  ${eachRow(
    (r) => `{
    let row = keyRow(head, j0 + y + ${r});
    ${outputs
      .map((name) => unroll(vectorsPerThread(tiling, D), (v) => `store_${name}(row, x + ${v * threadsX}, ${sumOf[name]}${v}_${r});`))
      .join('\n')}
  }`,
  )}
}`
}
