import { fileURLToPath } from 'node:url'

/** Where `pnpm build:native` puts the addon of flash-attn-tfjs; not in git. */
export const binary = fileURLToPath(new URL('../packages/flash-attn-tfjs-linux-x64/dist/flash-attention.node', import.meta.url))
