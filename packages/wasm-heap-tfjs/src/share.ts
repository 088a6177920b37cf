import * as tf from '@tensorflow/tfjs-core'
import { shareOwnMemory } from './memory-flag.ts'
import { nodeBuiltin } from './node.ts'

/** `import * as wasm from '@tensorflow/tfjs-backend-wasm'`; the caller passes it, so that there is only one copy of it. */
export interface WasmBackendModule {
  setWasmPaths(paths: Record<string, string>, usePlatformFetch?: boolean): void
}

export interface ShareOptions {
  /** Bytes of `tfjs-backend-wasm-simd.wasm`; default: read from the installed @tensorflow/tfjs-backend-wasm (Node only). */
  readonly binary?: Uint8Array
}

const simdBinary = 'tfjs-backend-wasm-simd.wasm'
let sharedBinaryUrl: string | undefined
let forbidden = false

/**
 * Makes the next `tf.setBackend('wasm')` allocate its heap as shared memory, so that kernels can run on several threads without
 * copying: one byte of the backend's SIMD binary changes (the flag of its memory), nothing of its code.
 *
 * Returns true where the heap will be shared. Browsers: true where tfjs picks its own threaded build (the page is cross-origin
 * isolated), which has a shared heap already; but where a Content-Security-Policy forbids that build's workers, for which tfjs would
 * wait for ever, tfjs is made to take its SIMD build. False there, and where shared memory or SIMD does not exist; everything works
 * then, on one thread.
 *
 * @throws Error when the wasm backend already runs, or when its binary is not found
 */
export async function shareWasmHeap(wasmBackendModule: WasmBackendModule, { binary }: ShareOptions = {}): Promise<boolean> {
  if ('wasm' in tf.engine().registry) {
    throw new Error(`shareWasmHeap: the wasm backend already runs; call shareWasmHeap before tf.setBackend('wasm').`)
  }
  const environment = tf.env()
  if (typeof SharedArrayBuffer === 'undefined' || !(await environment.getAsync('WASM_HAS_SIMD_SUPPORT'))) return false
  if (await environment.getAsync('WASM_HAS_MULTITHREAD_SUPPORT')) {
    forbidden = !(await blobWorkersRun())
    if (forbidden) environment.set('WASM_HAS_MULTITHREAD_SUPPORT', false)
    return !forbidden
  }
  if (!binary && !nodeBuiltin('fs')) return false // a browser page without cross-origin isolation
  const shared = shareOwnMemory(binary ?? readInstalledBinary())
  if (!WebAssembly.validate(shared)) return false
  releaseSharedBinary()
  sharedBinaryUrl = URL.createObjectURL(new Blob([shared], { type: 'application/wasm' }))
  const url = sharedBinaryUrl
  // setWasmPaths wants all three names; tfjs loads only the SIMD one here, with fetch because the others could be files
  wasmBackendModule.setWasmPaths({ 'tfjs-backend-wasm.wasm': url, [simdBinary]: url, 'tfjs-backend-wasm-threaded-simd.wasm': url }, true)
  return true
}

/** Frees the copy of the binary; called when the backend has started. */
export function releaseSharedBinary(): void {
  if (sharedBinaryUrl !== undefined) URL.revokeObjectURL(sharedBinaryUrl)
  sharedBinaryUrl = undefined
}

/** Whether `shareWasmHeap` found that the page's Content-Security-Policy forbids tfjs's workers. */
export const blobWorkersForbidden = () => forbidden

/** Whether a worker starts from a blob and loads a script from another, as the threads of tfjs do. */
async function blobWorkersRun(): Promise<boolean> {
  const [script, program] = [
    '',
    'onmessage = ({ data }) => { try { importScripts(data); postMessage(true) } catch { postMessage(false) } }',
  ].map((text) => URL.createObjectURL(new Blob([text], { type: 'text/javascript' })))
  let worker: Worker | undefined
  try {
    return await new Promise<boolean>((resolve) => {
      worker = new Worker(program!)
      worker.onmessage = ({ data }) => resolve(data)
      worker.onerror = () => resolve(false) // how Chromium and Firefox tell of a forbidden worker; others throw
      worker.postMessage(script)
    })
  } catch {
    return false
  } finally {
    worker?.terminate()
    for (const url of [script, program]) URL.revokeObjectURL(url!)
  }
}

function readInstalledBinary(): Uint8Array {
  const fs = nodeBuiltin('fs')!
  const path = nodeBuiltin('path')!
  const { createRequire } = nodeBuiltin('module')!
  // beside this package first; then beside the program, for installations that keep packages apart
  const bases = [import.meta.url, path.join(process.cwd(), 'package.json'), ...process.argv.slice(1, 2)]
  for (const base of bases) {
    try {
      const folder = path.dirname(createRequire(base).resolve('@tensorflow/tfjs-backend-wasm/package.json'))
      return fs.readFileSync(path.join(folder, 'dist', simdBinary))
    } catch {
      // not here: try the next base
    }
  }
  throw new Error(`shareWasmHeap: ${simdBinary} was not found; install @tensorflow/tfjs-backend-wasm, or pass its bytes as { binary }.`)
}
