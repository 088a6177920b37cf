// tfjs-core's own tests, all of them, on tfjs-wasm with our kernels in place of its: nothing that passes on stock may fail.
import { fork } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
import { beforeAll, expect, test } from 'vitest'
import { root } from './support/workspace.ts'
import type { Spec } from './upstream/specs.ts'

const bundle = join(root, 'node_modules/.cache/upstream/specs.mjs')
const wasmFolder = join(dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json')), 'dist/')

/** The files of tfjs-core import one another without endings, as only bundlers understand, and name CommonJS's globals. */
const bundleSpecs = () =>
  build({
    entryPoints: [join(root, 'test/upstream/specs.ts')],
    outfile: bundle,
    bundle: true,
    format: 'esm',
    platform: 'node',
    conditions: ['@repo/source'],
    mainFields: ['module', 'main'],
    ignoreAnnotations: true, // tfjs-core says that its tests have no side effects
    external: ['jasmine-core'],
    banner: {
      js: `import { createRequire } from 'node:module'
const require = createRequire(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname`,
    },
  })

const run = (options: object | null) =>
  new Promise<Spec[]>((resolve, reject) => {
    const child = fork(bundle, [JSON.stringify(options), wasmFolder], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    let stderr = '' // many tests provoke a message there
    child.stderr!.on('data', (text) => (stderr += text))
    child.once('message', (specs: Spec[]) => resolve(specs))
    child.once('exit', (code) => reject(new Error(`the tests ended with code ${code} and without results\n${stderr}`)))
  })

let stock: Spec[]
beforeAll(async () => {
  await bundleSpecs()
  stock = await run(null)
}, 120_000)

test.each([
  { threads: 1, simd: 'relaxed' },
  { threads: 2, simd: 'relaxed' },
  { threads: 1, simd: 'simd' },
  { threads: 2, simd: 'simd' },
])(
  '$simd, $threads threads',
  async (options) => {
    const ours = await run(options)
    expect(ours.map(({ name }) => name)).toEqual(stock.map(({ name }) => name))
    const broken = ours.filter(({ status }, i) => status !== 'passed' && stock[i]!.status === 'passed')
    expect(broken).toEqual([])
    // what tfjs-core tests of the ops we replace: on stock some of these fail for lack of a kernel, here none
    for (const group of ['matmul', 'fused matmul', 'gather', 'unsortedSegmentSum', 'gradients']) {
      const specs = ours.filter(({ name }) => name.startsWith(`${group} wasm {}`))
      expect(specs.length, group).toBeGreaterThan(9)
      // int32 products are left to stock, which has none
      expect(specs.filter(({ status, message }) => status !== 'passed' && !/non-float32 tensors/.test(message))).toEqual([])
    }
    expect(ours.filter(({ status }) => status === 'passed').length).toBeGreaterThan(3900)
  },
  120_000,
)
