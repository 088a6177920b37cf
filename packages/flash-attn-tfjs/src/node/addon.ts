import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

/** Instruction sets the addon has code for. 'simd128' runs everywhere: SSE2 on x86-64, NEON on ARM. */
export type Simd = 'avx512' | 'avx2' | 'simd128'

/** What ../../native/addon.cc exports. */
export interface Addon {
  /** Registers the ops in the TensorFlow of tfjs-node, once; the widest instruction set of this processor. */
  register(): Simd
}

const require = createRequire(import.meta.url)
const manifest = require.resolve('flash-attn-tfjs/package.json')

/** C++ sources of the addon. */
export const sources = join(dirname(manifest), 'native')

/** Where `npx flash-attn-tfjs build` puts the addon and `loadAddon` finds it: the user's cache folder, one file per version. */
export function builtAddon(): string {
  const folder = process.env.XDG_CACHE_HOME || join(homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache')
  const { version }: { version: string } = require(manifest)
  return join(folder, 'flash-attn-tfjs', `${version}-${process.platform}-${process.arch}.node`)
}

/** The addon, or a sentence on why there is none and what to do. */
export function loadAddon(): Addon | string {
  const failures: string[] = []
  for (const file of [`flash-attn-tfjs-${process.platform}-${process.arch}`, builtAddon()]) {
    try {
      return require(file)
    } catch (error) {
      // a file that is there and does not load is worth telling; `require` tells of a missing one by this code
      if (!(error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND')) failures.push(String(error))
    }
  }
  const found = failures.length > 0 ? `The native op does not load (${failures.join('; ')})` : 'The native op is not installed'
  return `${found}; \`npx flash-attn-tfjs build\` compiles it for this machine.`
}
