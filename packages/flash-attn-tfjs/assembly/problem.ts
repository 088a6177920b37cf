/**
 * What a call is about. The host writes it into the heap (../src/wasm/problem.ts, same order) and passes its address: every field
 * is 4 bytes. Letters: B batch, T query time, S key time, H heads, K key/value heads, D head dim (a multiple of 8).
 */
@unmanaged
export class Problem {
  // float32 tensors: query, out, dOut, dQuery [B, T, H, D]; key, value, dKey, dValue [B, S, K, D]; logSumExp, dLogSumExp, delta [B, H, T]
  query: usize
  key: usize
  value: usize
  out: usize
  logSumExp: usize
  dOut: usize
  dLogSumExp: usize // or 0
  delta: usize
  dQuery: usize
  dKey: usize
  dValue: usize
  // partial sums of split backward tasks: keySplits − 1 tensors like query, groupSplits − 1 tensors like key
  dQueryParts: usize
  dKeyParts: usize
  dValueParts: usize
  // padded segment ids and ranges of each block (./segments.ts), or 0
  queryIds: usize
  keyIds: usize
  queryRanges: usize
  keyRanges: usize
  // scratch of thread i: scratch + i · scratchBytes
  scratch: usize
  scratchBytes: usize
  B: i32
  T: i32
  S: i32
  H: i32
  K: i32
  D: i32
  causal: i32
  window: i32 // 0: none
  chunkRows: i32 // query rows of a forward task, a multiple of BLOCK
  groupSplits: i32 // backward tasks that share the query heads of a key head: 1 or H / K
  keySplits: i32 // backward tasks that share the key blocks of a head
  scale: f32
  softcap: f32 // 0: none

  /** Bytes from a query row to the next of the same head. */
  @inline get queryStride(): usize {
    return <usize>(this.H * this.D) * 4
  }

  @inline get keyStride(): usize {
    return <usize>(this.K * this.D) * 4
  }

  /** Byte offset of row 0 of a head in query, out, dOut, dQuery. */
  @inline queryOffset(b: i32, h: i32): usize {
    return <usize>(b * this.T) * this.queryStride + <usize>(h * this.D) * 4
  }

  @inline keyOffset(b: i32, k: i32): usize {
    return <usize>(b * this.S) * this.keyStride + <usize>(k * this.D) * 4
  }

  /** Byte offset of a head in logSumExp and delta. */
  @inline rowOffset(b: i32, h: i32): usize {
    return <usize>(b * this.H + h) * <usize>this.T * 4
  }
}

/** Rows and columns of a tile of scores. */
export const BLOCK: i32 = 64
/** Bytes of a row of the score tile. */
export const TILE_ROW: usize = 64 * 4
export const TILE_BYTES: usize = 64 * 64 * 4

/**
 * Hidden scores; and where a running maximum starts. Both times any sensible scale lie more than 127 apart, so the weight of a
 * hidden score is exactly 0, in a row that sees no key too.
 */
export const HIDDEN: f32 = -1e30
export const FLOOR: f32 = -5e29
