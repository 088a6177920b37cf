import * as tf from '@tensorflow/tfjs'
import { registerFlashAttention } from 'flash-attn-tfjs/node'

/** The program imports '@tensorflow/tfjs-node' before. */
export async function startTfjsNode() {
  await tf.setBackend('tensorflow')
  return registerFlashAttention()
}
