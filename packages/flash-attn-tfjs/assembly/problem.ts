/**
 * What a call is about. The host writes it into the heap (../src/wasm/problem.ts, same order) and passes its address: every field
 * is 4 bytes. Letters: B batch, T query time, S key time, H heads, K key/value heads, D head dim.
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
  // padded segment ids and ranges of each block (./segments.ts), or 0
  queryIds: usize
  keyIds: usize
  queryRanges: usize
  keyRanges: usize
  splits: usize // what the parts of a decoding step leave (./decode.ts)
  // scratch of thread i: scratch + i · scratchBytes
  scratch: usize
  scratchBytes: usize
  B: i32
  T: i32
  S: i32
  capacity: i32 // rows from a batch element of key and value to the next: S, or more where they lie in a cache with room
  H: i32
  K: i32
  D: i32
  // a query sees a key when nearest ≤ (position of the query) − (position of the key) ≤ farthest
  nearest: i32
  farthest: i32
  chunkRows: i32 // query rows of a forward task, or key rows of a backward task's step: a multiple of BLOCK
  parts: i32 // backward: parts of the queries, and of the keys; decoding: splits of the keys
  scale: f32
  softcap: f32 // 0: none

  /** Bytes from a query row to the next of the same head. */
  @inline get queryStride(): usize {
    return <usize>(this.H * this.D) * 4
  }

  @inline get keyStride(): usize {
    return <usize>(this.K * this.D) * 4
  }

  /** Byte offset of row t of a head in query, out, dOut, dQuery. */
  @inline queryOffset(b: i32, h: i32, t: i32): usize {
    return (<usize>(b * this.T) + <usize>t) * this.queryStride + <usize>(h * this.D) * 4
  }

  @inline keyOffset(b: i32, k: i32, s: i32): usize {
    return (<usize>(b * this.capacity) + <usize>s) * this.keyStride + <usize>(k * this.D) * 4
  }

  /** Byte offset of row t of a head in logSumExp and delta. */
  @inline rowOffset(b: i32, h: i32, t: i32): usize {
    return (<usize>(b * this.H + h) * <usize>this.T + <usize>t) * 4
  }

  /** D, up to a multiple of 4: the rows of a panel that was multiplied by packed columns. */
  @inline get paddedD(): i32 {
    return (this.D + 3) & ~3
  }
}

/** Rows of a tile of scores, on both sides. */
export const BLOCK: i32 = 64
/** Columns of a panel, and bytes of a panel with BLOCK rows. */
export const WIDTH: i32 = 8
export const PANEL: usize = 64 * 32
/** Bytes of BLOCK columns in such panels. */
export const TILE: usize = 64 * 256
/** Keys of a split of decoding. */
export const SPLIT: i32 = 256
