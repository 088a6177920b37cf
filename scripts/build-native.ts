/**
 * Compiles the native op of flash-attn-tfjs into its package of binaries, packages/flash-attn-tfjs-linux-x64/dist. The binary has to
 * run on old systems: the build refuses one that asks for a newer glibc than Node 20 does, or for a shared C++ library.
 */
import { readFileSync } from 'node:fs'
import { sources } from '../packages/flash-attn-tfjs/src/node/addon.ts'
import { buildAddon } from '../packages/flash-attn-tfjs/src/node/build.ts'
import { binary as output } from './native-binary.ts'

const newestGlibc = 17 // 2.17, of 2012; Node 20's own binaries need 2.28

if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.log(`build:native: this is ${process.platform} ${process.arch}; the package is for linux x64, so there is nothing to build.`)
} else {
  const compiler = await buildAddon(sources, output)
  const binary = readFileSync(output, 'latin1')
  const tooNew = [...new Set(binary.match(/GLIBC_2\.\d+/g))].filter((version) => Number(version.split('.')[1]) > newestGlibc)
  if (tooNew.length > 0)
    throw new Error(`${output} needs ${tooNew.join(', ')}; bind the symbols to older versions, as native/threads.cc does.`)
  if (/libstdc\+\+\.so|libgcc_s\.so/.test(binary)) throw new Error(`${output} needs a shared C++ library.`)
  console.log(`${output}: ${binary.length} bytes, by ${compiler}`)
}
