import { field, integer, text } from './protobuf.ts'

/** One-node ONNX models, as protobuf bytes. @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */
export interface OnnxNode {
  readonly opType: string
  /** Input names and types; `''` for an input that is left out. */
  readonly inputs: readonly (readonly [name: string, type?: 'float' | 'int32'])[]
  readonly numOutputs: number
  readonly attributes: Readonly<Record<string, number>>
}

/** All nodes here are of onnxruntime's own domain, com.microsoft. */
export function onnxModel({ opType, inputs, numOutputs, attributes }: OnnxNode): Uint8Array {
  const outputs = Array.from({ length: numOutputs }, (_, i) => `out${i}`)
  const node = [
    ...inputs.flatMap(([name]) => text(1, name)),
    ...outputs.flatMap((name) => text(2, name)),
    ...text(4, opType),
    ...Object.entries(attributes).flatMap(([name, value]) => field(5, [...text(1, name), ...integer(3, value), ...integer(20, 2)])),
    ...text(7, 'com.microsoft'),
  ]
  const graph = [
    ...field(1, node),
    ...text(2, opType),
    ...inputs.flatMap(([name, type = 'float']) => (name ? field(11, value(name, type)) : [])),
    ...outputs.flatMap((name) => field(12, value(name, 'float'))),
  ]
  const opset = (domain: string, version: number) => field(8, [...text(1, domain), ...integer(2, version)])
  return Uint8Array.from([...integer(1, 8), ...field(7, graph), ...opset('', 17), ...opset('com.microsoft', 1)])
}

/** Name and element type; the shape is left open. */
const value = (name: string, type: 'float' | 'int32') => [...text(1, name), ...field(2, field(1, integer(1, type === 'float' ? 1 : 6)))]
