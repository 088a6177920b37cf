import { memory as engineMemory, type TensorInfo } from '@tensorflow/tfjs-core'
import { releaseSharedBinary } from './share.ts'

/** The linear memory in which tfjs-backend-wasm keeps its tensors. */
export interface WasmHeap {
  readonly memory: WebAssembly.Memory
  /** Whether other threads can work on it (see {@link shareWasmHeap}). */
  readonly shared: boolean
  /** Byte offset of a tensor's data. Read it after every allocation of the same kernel: tensors do not move, but views of `memory.buffer` die when it grows. */
  address(tensor: Pick<TensorInfo, 'dataId'>): number
  /** Scratch of `bytes` bytes, aligned to 64. The caller frees it on every path. @throws RangeError when the heap is full */
  allocate(bytes: number): number
  /** Gives back what `allocate` returned. @throws RangeError for any other address */
  free(address: number): void
  /** An uninitialised tensor; the kernel returns it to the engine, which owns it then. @throws RangeError when the heap is full */
  makeOutput(shape: readonly number[], dtype: 'float32' | 'int32'): TensorInfo
  /** Gives back a tensor of `makeOutput` that is not returned to the engine. */
  dispose(tensor: Pick<TensorInfo, 'dataId'>): void
  /** The same data under a second handle, without a copy; each handle is disposed by itself. */
  alias(tensor: TensorInfo): TensorInfo
  /** From now on allocations of tfjs itself throw too when the heap is full, instead of overwriting memory. Returns the way back. */
  checkAllocations(): () => void
  /** Calls `end` once, when the backend is disposed (`tf.removeBackend('wasm')`): whatever still refers to its memory then keeps it. */
  whenDisposed(end: () => void): void
}

/** The parts of tfjs-backend-wasm 4.x used here. None of the names is minified in any of its bundles. */
interface WasmBackend {
  readonly wasm: {
    readonly asm?: { readonly memory?: WebAssembly.Memory }
    readonly wasmMemory?: WebAssembly.Memory
    _malloc(bytes: number): number
    _free(address: number): void
  }
  readonly dataIdMap: { get(dataId: object): { memoryOffset: number } }
  makeOutput(shape: number[], dtype: string, memoryOffset: number): TensorInfo
  disposeData(dataId: object): boolean
  incRef(dataId: object): void
  dispose(): void
}

const alignment = 64
const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(0)
const heaps = new WeakMap<object, WasmHeap>()

/**
 * The heap of a tfjs-backend-wasm backend (`tf.backend()` after `await tf.setBackend('wasm')`), the same object on every call.
 *
 * tfjs never checks its allocations: on a full heap it goes on with address 0, or with a block that is too small, and overwrites its
 * own state and other tensors. `allocate` and `makeOutput` check, and throw before anything is written.
 *
 * @throws TypeError for another backend
 */
export function wasmHeap(backend: unknown): WasmHeap {
  if (!isWasmBackend(backend)) {
    throw new TypeError(`wasmHeap: the backend is not tfjs-backend-wasm; await tf.setBackend('wasm') and pass tf.backend().`)
  }
  let heap = heaps.get(backend)
  if (!heap) {
    heap = makeHeap(backend)
    heaps.set(backend, heap)
    releaseSharedBinary()
  }
  return heap
}

function isWasmBackend(backend: unknown): backend is WasmBackend {
  const { wasm, dataIdMap } = (backend ?? {}) as Partial<WasmBackend>
  return typeof wasm?._malloc === 'function' && dataIdMap !== undefined && (wasm.asm?.memory ?? wasm.wasmMemory) !== undefined
}

function makeHeap(backend: WasmBackend): WasmHeap {
  const { wasm, dataIdMap } = backend
  const memory = (wasm.wasmMemory ?? wasm.asm?.memory) as WebAssembly.Memory
  const blocks = new Map<number, number>() // aligned address → address of malloc
  let scratchBytes = 0
  const ends: (() => void)[] = []
  const disposeBackend = backend.dispose.bind(backend)
  backend.dispose = () => {
    for (const end of ends) end()
    disposeBackend()
  }

  wasm._free(wasm._malloc(8)) // Emscripten puts a stub there that replaces itself at the first call
  const unchecked = wasm._malloc
  const sizeOf = (block: number) => new Uint32Array(memory.buffer, block - 4, 1)[0]! // emmalloc, its allocator, keeps it there
  const malloc = (bytes: number, what: string) => {
    // malloc takes 32 bits: a larger request would wrap around and succeed with too little
    const address = bytes < 2 ** 32 - 65_536 ? unchecked(bytes) >>> 0 : 0
    // emmalloc hands out a free block that is too small when the heap cannot grow
    const tooSmall = address !== 0 && sizeOf(address) < bytes
    if (tooSmall) wasm._free(address)
    if (address === 0 || tooSmall) {
      throw new RangeError(
        `wasm heap is full: ${bytes} bytes for ${what} do not fit. The heap has ${mib(memory.buffer.byteLength)} MiB of at most 4096; ` +
          `tensors hold ${mib(engineMemory().numBytes)}, scratch ${mib(scratchBytes)}. Dispose tensors, or use shorter rows or a smaller batch.`,
      )
    }
    return address
  }

  return {
    memory,
    shared: typeof SharedArrayBuffer !== 'undefined' && memory.buffer instanceof SharedArrayBuffer,
    address: ({ dataId }) => dataIdMap.get(dataId).memoryOffset >>> 0,
    allocate(bytes) {
      const block = malloc(bytes + alignment, 'scratch')
      const address = Math.ceil(block / alignment) * alignment
      blocks.set(address, block)
      scratchBytes += sizeOf(block)
      return address
    },
    free(address) {
      const block = blocks.get(address)
      if (block === undefined) throw new RangeError(`wasm heap: address ${address} was not allocated here, or was freed before.`)
      blocks.delete(address)
      scratchBytes -= sizeOf(block)
      wasm._free(block)
    },
    makeOutput(shape, dtype) {
      const bytes = 4 * shape.reduce((product, size) => product * size, 1)
      return backend.makeOutput([...shape], dtype, malloc(bytes, `a tensor of shape [${shape}]`))
    },
    dispose: ({ dataId }) => void backend.disposeData(dataId),
    alias({ dataId, shape, dtype }) {
      backend.incRef(dataId)
      return { dataId, shape, dtype }
    },
    checkAllocations() {
      wasm._malloc = (bytes) => malloc(bytes, 'a tensor')
      return () => {
        wasm._malloc = unchecked
      }
    },
    whenDisposed: (end) => void ends.push(end),
  }
}
