/** One measurement, as `--json` prints it. */
export interface Row {
  readonly case: string
  /** What computes: wasm, webgpu, tfjs-node, PyTorch, … */
  readonly engine: string
  /** How it is written: ours, stock, naive, … */
  readonly peer: string
  readonly threads: number
  /** Median over all rounds; null where `note` says why there is none. */
  readonly milliseconds: number | null
  readonly gflops: number | null
  /** Of the machine's peak on as many threads, measured in the same rounds: 128-bit FMA in wasm; for decoding, a copy's bandwidth. */
  readonly fractionOfPeak: number | null
  /** How many times the time of ours on wasm with as many threads (on webgpu: ours on webgpu). */
  readonly ratio: number | null
  /** Most memory held: of the wasm heap for tfjs-wasm, of the whole process (RSS) for all others. */
  readonly peakBytes: number | null
  /** Of what has to be read at least; for decoding, and of the machine. */
  readonly gigabytesPerSecond?: number
  /** FLOPs per byte of inputs and outputs, each moved once: where the case stands in the roofline. */
  readonly intensity?: number
  /** Of what the case counts. */
  readonly itemsPerSecond?: number
  /** CPU time of the process, for each of what the case counts. */
  readonly cpuMilliseconds?: number
  /** Of packing: tokens ÷ (tokens + padding). */
  readonly utilisation?: number
  /** What `memoryPlan` says `peakBytes` will be. */
  readonly plannedBytes?: number
  /** Why there is no time: `> 60 s`, `does not fit`, … */
  readonly note?: string
}

/** A process that takes part. */
export interface Peer extends Pick<Row, 'engine' | 'peer' | 'threads'> {
  readonly command: readonly [string, ...string[]]
  readonly environment?: Readonly<Record<string, string>>
}

export const peerName = ({ engine, peer, threads }: Pick<Row, 'engine' | 'peer' | 'threads'>) => `${engine} ${peer}, ${threads} t`

/** Milliseconds by part of a run, such as forward and backward; `''` where there is but one. */
export type Parts = Readonly<Record<string, number>>

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}
