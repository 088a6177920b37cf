import type { Case, Outcome } from './measure.ts'
import type { Row } from './row.ts'

/** The rows of one case; ratios and fractions are to what was measured in the same rounds. */
export function rowsOf({ name, flops, bytes, traffic, items }: Case, outcomes: readonly Outcome[]): Row[] {
  const rateOf = (loop: string, threads: number) =>
    outcomes.find(({ peer }) => peer.engine === 'machine' && peer.peer === loop && peer.threads === threads)?.parts.rate
  const ours = (engine: string, threads: number) =>
    outcomes.find(
      ({ peer }) =>
        (engine === 'webgpu' ? ['webgpu'] : ['wasm', 'Node']).includes(peer.engine) && peer.peer === 'ours' && peer.threads === threads,
    )
  const rows: Row[] = []
  for (const { peer, parts, peakBytes, note } of outcomes) {
    const { engine, threads } = peer
    if (engine === 'machine') continue
    for (const part of Object.keys(flops)) {
      const milliseconds = note === undefined ? parts[part] : undefined
      if (milliseconds === undefined && note === undefined) continue // a forward pass only
      const gflops = milliseconds === undefined ? null : flops[part]! / milliseconds / 1e6
      const gigabytes = bytes === undefined || milliseconds === undefined ? null : bytes / milliseconds / 1e6
      const peak = rateOf(bytes === undefined ? 'fma' : 'copy', threads)
      const reached = bytes === undefined ? gflops : gigabytes
      const reference = ours(engine, threads)?.parts[part]
      rows.push({
        case: [part, name].filter(Boolean).join(' '),
        engine,
        peer: peer.peer,
        threads,
        milliseconds: milliseconds ?? null,
        gflops: gflops || null,
        fractionOfPeak: reached && peak ? reached / peak : null,
        ratio: milliseconds !== undefined && reference !== undefined ? milliseconds / reference : null,
        peakBytes,
        ...(gigabytes === null ? {} : { gigabytesPerSecond: gigabytes }),
        ...(traffic ? { intensity: flops[part]! / traffic[part]! } : {}),
        ...(items === undefined || milliseconds === undefined ? {} : { itemsPerSecond: (1000 * items) / milliseconds }),
        ...(parts.utilisation === undefined ? {} : { utilisation: parts.utilisation }),
        ...(parts.cpu === undefined ? {} : { cpuMilliseconds: parts.cpu }),
        ...(parts.plannedBytes === undefined ? {} : { plannedBytes: parts.plannedBytes }),
        ...(note === undefined ? {} : { note }),
      })
    }
  }
  return rows
}
