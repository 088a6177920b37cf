import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { peersFolder } from './peers/peers-folder.ts'
import type { Peer } from './row.ts'

/** Engine, way of writing, module of serve-peer.ts (or peers/python/serve.py) and variant in it. */
const table = {
  fma: ['machine', 'fma', 'machine', 'fma'],
  native: ['machine', 'native fma', 'machine', 'native'],
  copy: ['machine', 'copy', 'machine', 'copy'],
  read: ['machine', 'read', 'machine', 'read'],
  ours: ['wasm', 'ours', 'tfjs', 'wasm ours'],
  oursPlain: ['wasm', 'ours, plain SIMD', 'tfjs', 'wasm plain'],
  oursComposed: ['wasm', 'ours, composed', 'tfjs', 'wasm composed'],
  stock: ['wasm', 'stock', 'tfjs', 'wasm stock'],
  bestWritten: ['wasm', 'stock, best written', 'tfjs', 'wasm best'],
  nodeOurs: ['tfjs-node', 'ours', 'tfjs', 'node ours'],
  nodeNaive: ['tfjs-node', 'naive', 'tfjs', 'node naive'],
  webgpuOurs: ['webgpu', 'ours', 'tfjs', 'webgpu ours'],
  webgpuNaive: ['webgpu', 'naive', 'tfjs', 'webgpu naive'],
  torchNaive: ['PyTorch', 'naive', 'python', 'torch-naive'],
  torchSdpa: ['PyTorch', 'SDPA', 'python', 'torch-sdpa'],
  numpy: ['numpy', 'matmul', 'python', 'numpy'],
  onnx: ['onnxruntime', 'own op', 'onnx', ''],
  onnxWeb: ['onnxruntime-web', 'wasm', 'onnx-web', ''],
  llamaCpp: ['llama.cpp', 'F16', 'llama-cpp', ''],
  jaxJs: ['jax-js', 'jit', 'jax-js', ''],
  nanogpt: ['tfjs cpu', '@genai-fi/nanogpt', 'nanogpt', ''],
  packer: ['Node', 'ours', 'packing', ''],
  tokenizer: ['Node', 'ours', 'text', ''],
  tokenizers: ['Python', 'tokenizers', 'trl', 'text'],
  datasets: ['Python', 'datasets', 'trl', 'text'],
  trlBfd: ['TRL', 'bfd', 'trl', 'trl-bfd'],
  trlWrapped: ['TRL', 'wrapped', 'trl', 'trl-wrapped'],
  loader: ['wasm', 'ours', 'files', 'ours'],
  reader: ['Node', 'read', 'files', 'read'],
  wholeReader: ['Node', 'read into new memory', 'files', 'new memory'],
  dedupe: ['Node', 'ours', 'dedupe', 'ours'],
  bruteForce: ['Node', 'brute force', 'dedupe', 'brute force'],
  pipeline: ['Node', 'ours', 'throughput', 'ours'],
  bareLoop: ['Node', 'bare loop', 'throughput', 'bare loop'],
  rougeScore: ['rouge-score', 'brute force', 'rouge', 'rouge'],
} as const
export type PeerId = keyof typeof table

/** Python of a part of setup-peers. */
const pythonOf = (part: string) => `${peersFolder}${part}/bin/python`
const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))

const made = new Map<string, Peer>()

/** One object for each, so that all cases share its process. */
export function peer(id: PeerId, threads = 1): Peer {
  const key = `${id} ${threads}`
  const found = made.get(key) ?? makePeer(id, threads)
  made.set(key, found)
  return found
}

/** On 1 and on 2 threads. */
export const both = (...ids: readonly PeerId[]): Peer[] => ids.flatMap((id) => [peer(id, 1), peer(id, 2)])

function makePeer(id: PeerId, threads: number): Peer {
  const [engine, name, module, variant] = table[id]
  const command: Peer['command'] =
    module === 'python' || module === 'trl' || module === 'rouge'
      ? [pythonOf(module), file('peers/python/serve.py'), variant, String(threads)]
      : [process.execPath, ...process.execArgv, file('serve-peer.ts'), module, variant, String(threads)]
  const environment = {
    TF_NUM_INTRAOP_THREADS: String(threads),
    TF_NUM_INTEROP_THREADS: '1',
    TF_CPP_MIN_LOG_LEVEL: '2',
    OMP_NUM_THREADS: String(threads),
    RAYON_NUM_THREADS: String(threads),
    TOKENIZERS_PARALLELISM: String(threads > 1),
    OPENBLAS_NUM_THREADS: String(threads),
    MKL_NUM_THREADS: String(threads),
  }
  return { engine, peer: name, threads, command, environment }
}

/** The part of bench/setup-peers, or of bench/setup-models, that a peer needs and that has not run. */
export function missing({ engine, peer }: Peer): string | undefined {
  const needed: Readonly<Record<string, readonly [part: string, path: string]>> = {
    'tfjs-node': ['tfjs-node', 'node_modules/@tensorflow/tfjs-node'],
    PyTorch: ['python', 'python/bin/python'],
    numpy: ['python', 'python/bin/python'],
    TRL: ['trl', 'trl/bin/python'],
    Python: ['trl', 'trl/bin/python'],
    'rouge-score': ['rouge', 'rouge/bin/python'],
    'tfjs cpu': ['nanogpt', 'nanogpt/node_modules/@genai-fi/nanogpt'],
    onnxruntime: ['onnx', 'onnx/node_modules/onnxruntime-node'],
    'onnxruntime-web': ['onnx-web', 'onnx-web/node_modules/onnxruntime-web'],
    'llama.cpp': ['llama-cpp', 'llama-cpp/node_modules/node-llama-cpp'],
    'jax-js': ['jax-js', 'jax-js/node_modules/@jax-js/jax'],
    ...(peer === 'native fma' ? { machine: ['peak', 'native-peak'] } : {}),
  }
  const [part, path] = needed[engine] ?? []
  return path === undefined || existsSync(peersFolder + path) ? undefined : part
}
