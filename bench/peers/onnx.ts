import { noise } from '../inputs.ts'
import type { Prepared, Start } from '../serve-peer.ts'
import { meanSize } from './mean-size.ts'
import { residentMemory } from './memory.ts'
import { type OnnxNode, onnxModel } from './onnx-model.ts'
import { loadPeer } from './peers-folder.ts'
import type { AttentionInput } from './tfjs/attention.ts'
import type { MatMulInput } from './tfjs/matmul.ts'

interface Session {
  run(feeds: Record<string, object>): Promise<Record<string, { data: Float32Array }>>
  release(): Promise<void>
}
interface OnnxRuntime {
  InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> }
  Tensor: new (type: string, data: Float32Array | Int32Array, shape: readonly number[]) => object
}

/** onnxruntime-node: attention forward by its GroupQueryAttention, products by its FusedMatMul. */
export const start: Start = async (_variant, threads) => {
  const { InferenceSession, Tensor }: OnnxRuntime = loadPeer('onnx', 'onnxruntime-node')
  const tensor = (shape: readonly number[], seed: number, scale = 1) =>
    new Tensor(
      'float32',
      noise(
        shape.reduce((product, size) => product * size),
        seed,
        scale,
      ),
      shape,
    )

  const prepare = async (node: OnnxNode, feeds: Record<string, object>, part: string): Promise<Prepared> => {
    const options = { intraOpNumThreads: threads, interOpNumThreads: 1, graphOptimizationLevel: 'all' }
    const session = await InferenceSession.create(onnxModel(node), options)
    let check: number[] = []
    const run = async () => {
      const began = performance.now()
      const { out0 } = await session.run(feeds)
      const milliseconds = performance.now() - began
      if (check.length === 0) check = [meanSize(out0!.data)]
      return { [part]: milliseconds }
    }
    return { run, check: () => check, dispose: () => void session.release() }
  }
  return {
    memory: residentMemory,
    works: {
      attention: ({ T, H, D }: AttentionInput) => {
        const inputs = [['query'], ['key'], ['value'], [''], [''], ['lengths', 'int32'], ['total', 'int32']] as const
        const node = { opType: 'GroupQueryAttention', inputs, numOutputs: 3, attributes: { num_heads: H, kv_num_heads: H } }
        const [query, key, value] = [tensor([1, T, H * D], 0, 2), tensor([1, T, H * D], 1, 2), tensor([1, T, H * D], 2)]
        const lengths = new Tensor('int32', Int32Array.of(T - 1), [1])
        return prepare(
          node,
          { query: query!, key: key!, value: value!, lengths, total: new Tensor('int32', Int32Array.of(T), [1]) },
          'forward',
        )
      },
      matmul: ({ a, b, transposeA, transposeB }: MatMulInput) => {
        const attributes = { transA: Number(transposeA), transB: Number(transposeB) }
        const node = { opType: 'FusedMatMul', inputs: [['a'], ['b']] as const, numOutputs: 1, attributes }
        return prepare(node, { a: tensor(a, 0), b: tensor(b, 1) }, '')
      },
    },
  }
}
