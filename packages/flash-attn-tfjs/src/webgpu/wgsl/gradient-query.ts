import type { Tiling } from '../tiling.ts'
import { readStatistics } from './delta.ts'
import { mask } from './mask.ts'
import { bindings, directives, problemStruct, unroll, type Variant } from './problem.ts'
import { elementOf, loadRow, rowIndices, storeRow } from './rows.ts'
import { capFunctions, product, scaled, scoreSlope } from './scores.ts'
import { blockOfRows, eachKeyBlock, startOfMain } from './task.ts'
import { addWeighted, declareSums, numChunks, stage, tiles, vectorsPerThread } from './tile.ts'

/**
 * dQuery. As in the forward pass a workgroup takes a block of rows through the keys that they may see: weights `P = exp(s − lse)` again,
 * `dS = P ∘ (dO Vᵀ − δ)`, and `dQ += scale · dS K`.
 */
export function gradientQueryShader(variant: Variant, tiling: Tiling): string {
  const { D, segments, softcap } = variant
  const { threadsX, rowsPerThread, chunk } = tiling
  const element = elementOf(D)
  const eachRow = (line: (r: number) => string) => unroll(rowsPerThread, line)
  return `
${directives(variant)}
${problemStruct}
${bindings([
  ['query', element],
  ['key', element],
  ['value', element],
  ['dOut', element],
  ['statistics', 'vec2<f32>'],
  ['dQuery', element, 'read_write'],
  ...(segments ? [['ids', 'i32'] as const] : []),
])}
${rowIndices}
${readStatistics}
${['query', 'key', 'value', 'dOut'].map((buffer) => loadRow(buffer, D)).join('\n')}
${storeRow('dQuery', D)}
${mask(variant)}
${softcap ? capFunctions : ''}
${tiles(tiling, variant)}
${stage(tiling, 'still', 'query', 'queryRow')}
${stage(tiling, 'still', 'dOut', 'queryRow')}
${stage(tiling, 'moving', 'key', 'keyRow')}
${stage(tiling, 'moving', 'value', 'keyRow')}

${startOfMain(tiling)}
  ${blockOfRows(tiling, variant)}
  ${eachRow(
    (r) => `let t${r} = (row0 + y + ${r}) / p.G;
  ${segments ? `let id${r} = vec4<i32>(queryIdAt(batch, t${r}));` : ''}
  let stat${r} = statisticsOf(head, row0 + y + ${r});`,
  )}
  ${declareSums(tiling, D, 'dq')}
  ${eachKeyBlock(tiling, variant)}
    ${product(tiling, D, 's', { buffer: 'query', first: 'row0' }, { buffer: 'key', first: 'j0' })}
    ${product(tiling, D, 'dp', { buffer: 'dOut', first: 'row0' }, { buffer: 'value', first: 'j0' })}
    let j = vec4<i32>(j0 + x) + vec4<i32>(0, ${threadsX}, ${2 * threadsX}, ${3 * threadsX});
    ${segments ? 'let keyIds = vec4<i32>(keyIdAt(batch, j.x), keyIdAt(batch, j.y), keyIdAt(batch, j.z), keyIdAt(batch, j.w));' : ''}
    ${eachRow(
      (r) => `s${r} = ${scaled(variant, `s${r}`)};
    weights[(y + ${r}) * ${threadsX + 1} + x] = select(
      vec4<f32>(0.0),
      exp(s${r} - stat${r}.x) * (dp${r} - stat${r}.y) * ${scoreSlope(variant, `s${r}`)},
      visible(vec4<i32>(t${r}), j${segments ? `, id${r}, keyIds` : ''}));`,
    )}
    ${unroll(
      numChunks(tiling, D),
      (c) => `workgroupBarrier();
    stage_key(head, j0, ${c * chunk}, lane);
    workgroupBarrier();
    ${addWeighted(tiling, D, c, 'dq')}`,
    )}
  }
  ${eachRow(
    (r) => `{
    let row = queryRow(head, row0 + y + ${r});
    ${unroll(vectorsPerThread(tiling, D), (v) => `store_dQuery(row, x + ${v * threadsX}, dq${v}_${r});`)}
  }`,
  )}
}`
}
