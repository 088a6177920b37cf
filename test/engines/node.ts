// tfjs-node, as bench/setup-peers installs it, with the native op.
import { registerFlashAttention } from 'flash-attn-tfjs/node'
import { startTfjsNode } from '../support/tfjs-node.ts'

if (!(await startTfjsNode())) throw new Error('node: tfjs-node did not start; run bench/setup-peers')
registerFlashAttention()
