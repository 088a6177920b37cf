import type { Settings } from './settings.ts'

/** Threads of a workgroup: full subgroups on every device. */
const THREADS = 64

/** How a workgroup cuts its part of the score matrix. */
export interface Tiling {
  /** Threads side by side, a power of two; each takes every `threadsX`-th column, four of them. */
  readonly threadsX: number
  /** Threads one below the other; each takes `rowsPerThread` rows. */
  readonly threadsY: number
  readonly rowsPerThread: number
  /** Four-vectors of the head dim that are in workgroup memory at a time; a multiple of `threadsX`. */
  readonly chunk: number
}

export const rowsOf = ({ threadsY, rowsPerThread }: Tiling) => threadsY * rowsPerThread
export const columnsOf = ({ threadsX }: Tiling) => 4 * threadsX
export const threadsOf = ({ threadsX, threadsY }: Tiling) => threadsX * threadsY

/** Bytes of workgroup memory: a tile of rows, a tile of columns, the weights between them, and a maximum for each row and thread. */
function workgroupBytes(tiling: Tiling, tiles: 'f32' | 'f16'): number {
  const [rows, columns] = [rowsOf(tiling), columnsOf(tiling)]
  const vectors = (rows + columns) * (tiling.chunk + 1) * (tiles === 'f16' ? 8 : 16)
  return vectors + rows * (tiling.threadsX + 1) * 16 + rows * tiling.threadsX * 4
}

/** Four-vectors of sums that a thread may keep in registers, by how many rows it takes. */
const MAX_SUMS = { 4: 32, 2: Number.POSITIVE_INFINITY }

/**
 * The largest tiling whose tiles fit the workgroup memory and whose sums, `vectors` of each row, fit the registers.
 * @throws RangeError when the device has less than WebGPU's own minimum, 16 KiB and 64 threads
 */
export function chooseTiling({ limits, tiles, threadsX }: Settings, vectors: number): Tiling {
  const fitting = ([4, 2] as const)
    .filter((rowsPerThread) => rowsPerThread * Math.ceil(vectors / threadsX) <= MAX_SUMS[rowsPerThread])
    .map((rowsPerThread) => ({ threadsX, threadsY: THREADS / threadsX, rowsPerThread, chunk: 8 }))
    .find((tiling) => workgroupBytes(tiling, tiles) <= limits.maxComputeWorkgroupStorageSize)
  const threads = Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX)
  if (fitting === undefined || threads < THREADS) {
    throw new RangeError(
      `FlashAttention: the device allows workgroups of ${threads} threads and ${limits.maxComputeWorkgroupStorageSize} bytes; ` +
        `it needs ${THREADS} threads and 16384 bytes. Request the device with the limits of its adapter.`,
    )
  }
  return fitting
}
