import { readFileSync, writeFileSync } from 'node:fs'

/** Peak resident memory of this process, on Linux; 0 elsewhere. */
export const residentMemory = {
  reset: () => {
    try {
      writeFileSync('/proc/self/clear_refs', '5') // VmHWM starts again from what is resident now
    } catch {
      // not Linux, or not allowed: the peak is that of the whole life
    }
  },
  peak: () => {
    try {
      return 1024 * Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
    } catch {
      return 0
    }
  },
}

interface Heap {
  _malloc(bytes: number): number
  _free(address: number): void
}

/**
 * Follows what is allocated in the heap of tfjs-wasm, whose own size never goes down, and throws where it is full, which tfjs does not
 * notice: it would write its results over other tensors. To be called before kernels are registered, which remember the allocator.
 */
export function watchHeap(heap: Heap): { reset(): void; peak(): number } {
  heap._free(heap._malloc(8)) // Emscripten's stubs replace themselves at the first call
  const { _malloc, _free } = heap
  const sizes = new Map<number, number>()
  let live = 0
  let peak = 0
  heap._malloc = (bytes) => {
    const address = _malloc(bytes)
    if (address === 0) throw new RangeError(`the heap has no ${bytes} bytes left`)
    sizes.set(address >>> 0, bytes)
    live += bytes
    peak = Math.max(peak, live)
    return address
  }
  heap._free = (address) => {
    live -= sizes.get(address >>> 0) ?? 0
    sizes.delete(address >>> 0)
    _free(address)
  }
  return {
    peak: () => peak,
    reset: () => {
      peak = live
    },
  }
}
