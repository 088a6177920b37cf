import { blobWorkersForbidden } from './share.ts'

let told = false

/** Says once in the life of the program that kernels got one thread although there are more cores, why, and what helps. */
export function tellOneThread(): void {
  if (!told) console.warn(`wasm-heap-tfjs: kernels run on one thread, because ${cause()} Or pass threads: 1 to silence this.`)
  told = true
}

function cause(): string {
  if (globalThis.crossOriginIsolated === false) {
    return (
      'a page shares memory between threads only when it is cross-origin isolated: serve it with the headers ' +
      'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.'
    )
  }
  if (blobWorkersForbidden()) {
    return "the page's Content-Security-Policy forbids the workers of tfjs: allow blob: in worker-src and in script-src."
  }
  return "the heap of tfjs is not shared: await shareWasmHeap(wasm) before tf.setBackend('wasm')."
}
