import type { LlamaConfig } from 'llama-model'
import { field, float, integer, lengthOf, longField, type Parts, text } from './protobuf.ts'

/** Matrices [out, in] and vectors by their names in `params`. */
export type Weights = ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>

/**
 * A Llama as one ONNX model, with the operators that the models of transformers.js are made of (onnxruntime-genai's model builder, which
 * onnx-community uses): GroupQueryAttention with its own rotation, (Skip)SimplifiedLayerNormalization, MatMul. Inputs `input_ids`,
 * `seqlens_k`, `total`, `past.N.key`, `past.N.value` [B, K, S, D]; outputs `logits` of the last token, `present.N.key`, `present.N.value`.
 */
export function onnxLlama(config: LlamaConfig, weights: Weights, maxLength: number): Uint8Array {
  const { numLayers, hiddenSize: C, numHeads: H, numKvHeads: K, headDim: D, rmsNormEps } = config
  const nodes: number[][] = []
  const initializers: Parts[] = []
  const constant = (name: string, shape: readonly number[], data: Float32Array | BigInt64Array): string => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    const head = [...shape.flatMap((size) => integer(1, size)), ...integer(2, data instanceof Float32Array ? 1 : 7), ...text(8, name)]
    initializers.push(longField(5, [Uint8Array.from(head), ...longField(9, [bytes])]))
    return name
  }
  const vector = (name: string): string => constant(name, weights.get(name)!.shape, weights.get(name)!.values)
  const matrix = (name: string): string => {
    const { shape, values } = weights.get(name)!
    return constant(name, shape.toReversed(), transposed(values, shape as [number, number]))
  }
  const node = (
    opType: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: readonly number[][] = [],
    domain = '',
  ) => {
    const names = [...inputs.flatMap((name) => text(1, name)), ...outputs.flatMap((name) => text(2, name))]
    nodes.push(
      field(1, [...names, ...text(4, opType), ...attributes.flatMap((each) => field(5, each)), ...(domain ? text(7, domain) : [])]),
    )
    return outputs[0]!
  }
  const own = 'com.microsoft'
  const whole = (name: string, value: number) => [...text(1, name), ...integer(3, value), ...integer(20, 2)]
  const epsilon = [...text(1, 'epsilon'), ...float(2, rmsNormEps), ...integer(20, 1)]
  const multiply = (x: string, name: string) => node('MatMul', [x, matrix(`${name}.weight`)], [`${name}.out`])
  /** x + y, and its norm. */
  const addNorm = (x: string, y: string, name: string): [sum: string, normed: string] => {
    const [normed, sum] = [`${name}.normed`, `${name}.sum`]
    node('SkipSimplifiedLayerNormalization', [x, y, vector(`${name}.weight`)], [normed, '', '', sum], [epsilon], own)
    return [sum, normed]
  }

  const [cos, sin] = [Math.cos, Math.sin].map((f, i) =>
    constant(i === 0 ? 'cos' : 'sin', [maxLength, D / 2], rotations(maxLength, D, config.rope.base ?? 10_000, f)),
  ) as [string, string]
  let sum = node('Gather', [vector('model.embed_tokens.weight'), 'input_ids'], ['embedded'])
  let added: string | undefined
  for (let layer = 0; layer < numLayers; layer++) {
    const at = (name: string) => `model.layers.${layer}.${name}`
    const inputNorm = at('input_layernorm')
    let normed: string
    if (added === undefined) {
      normed = node('SimplifiedLayerNormalization', [sum, vector(`${inputNorm}.weight`)], [`${inputNorm}.normed`], [epsilon])
    } else [sum, normed] = addNorm(sum, added, inputNorm)
    const [q, k, v] = ['q', 'k', 'v'].map((name) => multiply(normed, at(`self_attn.${name}_proj`))) as [string, string, string]
    const attended = node(
      'GroupQueryAttention',
      [q, k, v, `past.${layer}.key`, `past.${layer}.value`, 'seqlens_k', 'total', cos, sin],
      [at('attended'), `present.${layer}.key`, `present.${layer}.value`],
      [whole('num_heads', H), whole('kv_num_heads', K), whole('do_rotary', 1)],
      own,
    )
    ;[sum, normed] = addNorm(sum, multiply(attended, at('self_attn.o_proj')), at('post_attention_layernorm'))
    const gate = multiply(normed, at('mlp.gate_proj'))
    const silu = node('Mul', [gate, node('Sigmoid', [gate], [at('sigmoid')])], [at('silu')])
    node('Mul', [silu, multiply(normed, at('mlp.up_proj'))], [at('gated')])
    added = multiply(at('gated'), at('mlp.down_proj'))
  }
  const [, hidden] = addNorm(sum, added!, 'model.norm')
  const last = node('Gather', [hidden, constant('minus one', [], BigInt64Array.of(-1n))], ['last'], [whole('axis', 1)])
  const embedding = weights.get('model.embed_tokens.weight')!
  const head = constant('head', [C, embedding.shape[0]!], transposed(embedding.values, embedding.shape as [number, number]))
  node('MatMul', [last, head], ['logits'])

  const layers = Array.from({ length: numLayers }, (_, layer) => layer)
  const value = (name: string, type: number) => [...text(1, name), ...field(2, field(1, integer(1, type)))]
  const caches = (kind: string) => layers.flatMap((layer) => [value(`${kind}.${layer}.key`, 1), value(`${kind}.${layer}.value`, 1)])
  const inputs = [value('input_ids', 7), value('seqlens_k', 6), value('total', 6), ...caches('past')].map((each) => field(11, each))
  const outputs = [value('logits', 1), ...caches('present')].map((each) => field(12, each))
  const graph: Parts = [...[...nodes, text(2, 'llama')].map(bytesOf), ...initializers.flat(), ...[...inputs, ...outputs].map(bytesOf)]
  const opset = (domain: string, version: number) => field(8, [...text(1, domain), ...integer(2, version)])
  return joined([bytesOf(integer(1, 8)), ...longField(7, graph), bytesOf([...opset('', 17), ...opset(own, 1)])])
}

const bytesOf = (numbers: readonly number[]) => Uint8Array.from(numbers)

function joined(parts: Parts): Uint8Array {
  const all = new Uint8Array(lengthOf(parts))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

function transposed(values: Float32Array, [rows, columns]: readonly [number, number]): Float32Array {
  const result = new Float32Array(values.length)
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) result[j * rows + i] = values[i * columns + j]!
  return result
}

function rotations(length: number, D: number, base: number, f: (angle: number) => number): Float32Array {
  return Float32Array.from({ length: (length * D) / 2 }, (_, i) => f(Math.floor(i / (D / 2)) * base ** ((-2 * (i % (D / 2))) / D)))
}
