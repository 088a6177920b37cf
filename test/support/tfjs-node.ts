import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { loadPeer, peersFolder } from '../../bench/peers/peers-folder.ts'
import { sources } from '../../packages/flash-attn-tfjs/src/node/addon.ts'
import { buildAddon } from '../../packages/flash-attn-tfjs/src/node/build.ts'
import { binary } from '../../scripts/native-binary.ts'

/** Whether `bench/setup-peers` has installed tfjs-node. */
export const hasTfjsNode = existsSync(`${peersFolder}node_modules/@tensorflow/tfjs-node/package.json`)

/** Loads tfjs-node and makes it the backend; builds the addon first if a source is newer. False where there is no tfjs-node. */
export async function startTfjsNode(): Promise<boolean> {
  if (!hasTfjsNode) return false
  const changed = Math.max(...readdirSync(sources).map((file) => statSync(join(sources, file)).mtimeMs))
  if (!existsSync(binary) || statSync(binary).mtimeMs < changed) await buildAddon(sources, binary)
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2'
  loadPeer('', '@tensorflow/tfjs-node')
  return tf.setBackend('tensorflow')
}
