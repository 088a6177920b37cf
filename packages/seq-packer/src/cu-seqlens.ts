import type { Row } from './types.ts'

/**
 * Where segments begin in `rows` laid end to end, as attention of variable length takes it (`cu_seqlens` of flash-attn): from 0 to the
 * number of tokens in all. Padding at the end of a row is a sequence of its own, so that every token is in one; its loss weight is 0.
 * `maxSeqlen` is the longest of them.
 * @see Dao 2023, `flash_attn_varlen_func`
 */
export function cuSeqlens(rows: Iterable<Pick<Row, 'segmentIds'>>): { readonly cuSeqlens: Int32Array; readonly maxSeqlen: number } {
  const bounds = [0]
  let end = 0
  let maxSeqlen = 0
  const close = (at: number): void => {
    maxSeqlen = Math.max(maxSeqlen, at - bounds.at(-1)!)
    bounds.push(at)
  }
  for (const { segmentIds } of rows) {
    for (let t = 1; t < segmentIds.length; t++) if (segmentIds[t] !== segmentIds[t - 1]) close(end + t)
    end += segmentIds.length
    if (segmentIds.length > 0) close(end)
  }
  return { cuSeqlens: Int32Array.from(bounds), maxSeqlen }
}
