import { existsSync, readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as tf from '@tensorflow/tfjs-core'
import { buildAddon } from '../../src/node/build.ts'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const peers = join(root, 'node_modules/.cache/peers/')
const sources = join(root, 'packages/flash-attn-tfjs/native')

/** The prebuilt addon's place; not in git. */
export const binary = join(root, 'packages/flash-attn-tfjs-linux-x64/dist/flash-attention.node')

/** Whether `bench/setup-peers` has installed tfjs-node. */
export const hasTfjsNode = existsSync(join(peers, 'node_modules/@tensorflow/tfjs-node/package.json'))

/** Loads tfjs-node and makes it the backend; builds the addon first if a source is newer. False where there is no tfjs-node. */
export async function startTfjsNode(): Promise<boolean> {
  if (!hasTfjsNode) return false
  const changed = Math.max(...readdirSync(sources).map((file) => statSync(join(sources, file)).mtimeMs))
  if (!existsSync(binary) || statSync(binary).mtimeMs < changed) await buildAddon(sources, binary)
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2'
  createRequire(peers)('@tensorflow/tfjs-node')
  return tf.setBackend('tensorflow')
}
