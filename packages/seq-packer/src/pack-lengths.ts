import { checkCount } from './check.ts'
import { bestFitDecreasing } from './plan-all.ts'
import { roomStacks } from './room-stacks.ts'

export type LengthStrategy = 'next-fit' | 'first-fit' | 'best-fit' | 'first-fit-decreasing' | 'best-fit-decreasing'

/**
 * Plans without packing: `bins[i]` holds the indices of the lengths that share bin i, and no bin exceeds `capacity`.
 * Bins against the least possible number OPT: 'next-fit', which knows only the last bin, at most `2·OPT`; 'first-fit' and 'best-fit'
 * `1.7·OPT`; sorted by length first, 'first-fit-decreasing' `11/9·OPT + 2/3` and 'best-fit-decreasing' (default) `11/9·OPT + 4`. O(n log n).
 * The indices of a bin stand in the order they were placed; for the default, whose plan is that of `planRows`, in their own order.
 * @throws RangeError for a capacity or length that is no whole number ≥ 1, a length beyond the capacity, or an unknown strategy.
 * @see Johnson 1973 (best-fit-decreasing, next-fit); Dósa 2007 (first-fit-decreasing); Dósa & Sgall 2013, 2014 (first-fit, best-fit)
 */
export function packLengths(lengths: ArrayLike<number>, capacity: number, strategy: LengthStrategy = 'best-fit-decreasing'): number[][] {
  checkCount('packLengths: capacity', capacity)
  for (let i = 0; i < lengths.length; i++) {
    checkCount(`packLengths: lengths[${i}]`, lengths[i]!)
    if (lengths[i]! > capacity)
      throw new RangeError(`packLengths: lengths[${i}] is ${lengths[i]}, beyond the capacity ${capacity}. Split it first.`)
  }
  const inOrder = Array.from(lengths, (_, i) => i)
  switch (strategy) {
    case 'next-fit':
      return nextFit(inOrder, lengths, capacity)
    case 'first-fit':
      return firstFit(inOrder, lengths, capacity)
    case 'first-fit-decreasing':
      return firstFit(
        inOrder.sort((a, b) => lengths[b]! - lengths[a]!),
        lengths,
        capacity,
      )
    case 'best-fit':
      return bestFit(inOrder, lengths, capacity)
    case 'best-fit-decreasing': {
      const { order, starts } = bestFitDecreasing(lengths, capacity)
      return Array.from(starts.subarray(1), (end, row) => Array.from(order.subarray(starts[row], end)))
    }
    default:
      throw new RangeError(
        `packLengths: strategy is '${String(strategy)}'; choose 'next-fit', 'first-fit', 'best-fit', 'first-fit-decreasing' or 'best-fit-decreasing'.`,
      )
  }
}

function nextFit(order: readonly number[], lengths: ArrayLike<number>, capacity: number): number[][] {
  const bins: number[][] = []
  let room = 0
  for (const index of order) {
    if (lengths[index]! > room) {
      bins.push([])
      room = capacity
    }
    bins.at(-1)!.push(index)
    room -= lengths[index]!
  }
  return bins
}

/** Leaf i is the room of bin i, bins not yet begun included: the first leaf that is large enough is first-fit's choice. */
function firstFit(order: readonly number[], lengths: ArrayLike<number>, capacity: number): number[][] {
  const rooms = maximumTree(order.length)
  const bins: number[][] = order.map((_, bin) => {
    rooms.set(bin, capacity)
    return []
  })
  for (const index of order) {
    const bin = rooms.firstAtLeast(lengths[index]!)
    bins[bin]!.push(index)
    rooms.set(bin, rooms.get(bin) - lengths[index]!)
  }
  return bins.filter((bin) => bin.length > 0)
}

function bestFit(order: readonly number[], lengths: ArrayLike<number>, capacity: number): number[][] {
  const rows = roomStacks(capacity)
  const bins: number[][] = []
  for (const index of order) {
    const bin = rows.place(lengths[index]!)
    bins[bin] ??= []
    bins[bin].push(index)
  }
  return bins
}

/** Binary tree of maxima over `size` leaves that start at 0. */
function maximumTree(size: number) {
  let width = 1
  while (width < size) width *= 2
  const nodes = new Float64Array(2 * width)
  return {
    get: (leaf: number): number => nodes[width + leaf]!,
    set(leaf: number, value: number): void {
      let node = width + leaf
      nodes[node] = value
      for (node >>= 1; node >= 1; node >>= 1) nodes[node] = Math.max(nodes[2 * node]!, nodes[2 * node + 1]!)
    },
    /** The first leaf whose value is at least `least`, which one is. */
    firstAtLeast(least: number): number {
      let node = 1
      while (node < width) node = nodes[2 * node]! >= least ? 2 * node : 2 * node + 1
      return node - width
    },
  }
}
