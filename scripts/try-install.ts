/**
 * `pnpm try-install`: tries the kernel packages as a new user would. An empty npm project installs their tarballs and tfjs, compiles the
 * programs of scripts/try-install against the types, and trains with them: in Node (import and require), on tfjs-node, and on pages
 * that Vite builds and Chromium opens, with and without cross-origin isolation and under Content-Security-Policies. Every run has to
 * give the losses of tfjs's cpu backend. Needs `pnpm build` first; what is not installed here is left out with a line. `--keep` leaves
 * the project behind and prints where it is.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { chromium } from 'playwright'
import { build, preview } from 'vite'
import { peersFolder } from '../bench/peers/peers-folder.ts'
import { root } from '../test/support/workspace.ts'
import type { Trained } from './try-install/train.ts'

const project = mkdtempSync(join(tmpdir(), 'try-install-'))
const tool = (name: string) => join(root, 'node_modules/.bin', name)
// the user's npm and Node see no settings of the workspace
const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^(npm_|pnpm_|NODE_OPTIONS)/i.test(key)))
const run = (command: string, args: readonly string[], more: Record<string, string> = {}, cwd = project) =>
  execFileSync(command, args, { cwd, env: { ...env, ...more }, encoding: 'utf8', stdio: 'pipe', timeout: 120_000 })
let failures = 0

/** Runs a check and prints its line; a failed one is counted, and the others still run. */
async function check(what: string, body: () => unknown): Promise<void> {
  const start = performance.now()
  try {
    const note = await body()
    console.log(`✓ ${what}${typeof note === 'string' ? `: ${note}` : ''} (${((performance.now() - start) / 1000).toFixed(1)} s)`)
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as Error & { stdout?: string; stderr?: string }
    console.log(`✗ ${what}\n${`${stdout}${stderr}${message}`.trim().replaceAll(/^/gm, '    ')}`)
    failures++
  }
}

/** The losses fall and are those of the cpu backend, on as many threads as they should, and our kernels ran. */
function judge(
  { backend, threads, expected, losses, kernels }: Trained,
  on: { readonly backend: string; readonly threads: number },
): string {
  const said = `${backend}, threads ${threads}, losses ${losses.map((loss) => loss.toFixed(4)).join(' ')}`
  const difference = Math.max(...expected.map((loss, step) => Math.abs(loss - losses[step]!)))
  const falls = losses.length === 3 && losses.every((loss, step) => step === 0 || loss < losses[step - 1]!)
  // float32: some hundred roundings of relative size 2⁻²⁴ in each loss, and Adam divides a gradient by its own size
  if (!(difference < 1e-4) || !falls) throw new Error(`${said}; the cpu backend gives ${expected.join(' ')}`)
  if (backend !== on.backend || threads !== on.threads) throw new Error(`${said}; it should be ${on.backend} on ${on.threads} threads`)
  const crossEntropy = backend === 'wasm' ? 'LinearCrossEntropyWithGrad' : 'LinearCrossEntropyGrad'
  const wanted = ['FlashAttention', 'FlashAttentionGrad', ...(backend === 'tensorflow' ? [] : [crossEntropy, 'AdamWStep'])]
  const missing = wanted.filter((name) => !kernels.includes(name))
  if (missing.length > 0) throw new Error(`${said}; ${missing} did not run`)
  return said
}

// ---- the project -------------------------------------------------------------------------------------------------------------------
cpSync(join(root, 'scripts/try-install'), project, { recursive: true })
writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'new-user', private: true, type: 'module' }))
const pnpm = process.env.npm_execpath ?? '' // set by whoever runs scripts of package.json; npm pack would leave `workspace:` in
if (!pnpm.includes('pnpm')) throw new Error('try-install runs through pnpm: `pnpm try-install`')
const names = ['wasm-heap-tfjs', 'flash-attn-tfjs', 'llama-kernels-tfjs', 'flash-attn-tfjs-linux-x64']
const native = existsSync(join(root, 'packages/flash-attn-tfjs-linux-x64/dist/flash-attention.node'))
const tarballs = names.slice(0, native ? 4 : 3).map((name) => {
  const folder = join(root, 'packages', name)
  if (!existsSync(join(folder, 'dist'))) throw new Error(`packages/${name} has no dist; run pnpm build first.`)
  run(process.execPath, [pnpm, 'pack', '--pack-destination', project], {}, folder)
  return `./${name}-${JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version}.tgz`
})

const { version } = JSON.parse(readFileSync(join(root, 'node_modules/@tensorflow/tfjs/package.json'), 'utf8'))
const tfjs = ['tfjs', 'tfjs-backend-wasm', 'tfjs-backend-webgpu'].map((name) => `@tensorflow/${name}@${version}`)
await check('npm install', () => {
  run('npm', ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', ...tarballs, ...tfjs])
})

await check('tsc --strict', () => {
  const types = { types: ['node', 'vite/client'], typeRoots: [join(root, 'node_modules/@types'), join(root, 'node_modules')] }
  const compilerOptions = { strict: true, noEmit: true, skipLibCheck: true, target: 'es2022', lib: ['es2023', 'dom'], ...types }
  const modules = { module: 'esnext', moduleResolution: 'bundler', allowImportingTsExtensions: true }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: { ...compilerOptions, ...modules }, include: ['*.ts'] }))
  run(tool('tsc'), ['-p', '.', '--pretty', 'false'])
})

// ---- Node --------------------------------------------------------------------------------------------------------------------------
/** Makes one file of a program; packages stay imports, or become `require`. */
function bundle(contents: string, format: 'esm' | 'cjs'): string {
  const outfile = join(project, `program.${format === 'esm' ? 'mjs' : 'cjs'}`)
  buildSync({ stdin: { contents, resolveDir: project }, bundle: true, packages: 'external', platform: 'node', format, outfile })
  return outfile
}
const resultOf = (output: string): Trained => JSON.parse(output.trim().split('\n').at(-1)!)
const program = (start: string, file: string) =>
  `import { train } from './train.ts'; import { ${start} } from './${file}.ts'
   train(${start}).then((result) => console.log(JSON.stringify(result)))`
const threads = Math.min(16, availableParallelism())
for (const [format, how] of [
  ['esm', 'import'],
  ['cjs', 'require'],
] as const)
  await check(`Node ${process.versions.node}, ${how}`, () =>
    judge(resultOf(run('node', [bundle(program('startWasm', 'wasm'), format)])), { backend: 'wasm', threads }),
  )

const tfjsNode = join(peersFolder, 'node_modules/@tensorflow/tfjs-node')
if (existsSync(tfjsNode) && native) {
  // built by bench/setup-peers; a copy, so that it finds this project's tfjs
  cpSync(tfjsNode, join(project, 'node_modules/@tensorflow/tfjs-node'), { recursive: true, verbatimSymlinks: true })
  const contents = `import '@tensorflow/tfjs-node'; ${program('startTfjsNode', 'tfjs-node')}`
  await check('tfjs-node', () => {
    const found = { NODE_PATH: join(peersFolder, 'node_modules'), TF_CPP_MIN_LOG_LEVEL: '2' }
    return judge(resultOf(run('node', [bundle(contents, 'cjs')], found)), { backend: 'tensorflow', threads: availableParallelism() })
  })
} else console.log('- tfjs-node is left out; to try it: bench/setup-peers tfjs-node && pnpm build:native')

// ---- pages -------------------------------------------------------------------------------------------------------------------------
const isolation = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }
const policy = (scripts: string, workers: string) => ({
  'Content-Security-Policy': `default-src 'self'; script-src 'self' 'wasm-unsafe-eval' ${scripts}; worker-src 'self' ${workers}`,
})
const blobs = policy('blob:', 'blob:')
const blobWorkers = policy('', 'blob:') // not enough for tfjs, whose workers load a script from a blob, too
const noBlobs = policy('', '')
const notIsolated = { threads: 1, warning: /Cross-Origin-Opener-Policy/ }
const forbidden = { threads: 1, warning: /Content-Security-Policy/ }
interface Page {
  readonly what: string
  readonly file: string
  readonly headers: Record<string, string>
  readonly threads: number
  /** What the one line on the console has to match; default: no line. */
  readonly warning?: RegExp
}
const pages: readonly Page[] = [
  { what: 'page, isolated', file: 'wasm', headers: isolation, threads },
  { what: 'page, not isolated', file: 'wasm', headers: {}, ...notIsolated },
  { what: 'worker, isolated', file: 'wasm-worker', headers: isolation, threads },
  { what: 'worker, not isolated', file: 'wasm-worker', headers: {}, ...notIsolated },
  { what: 'worker, isolated, policy without blobs', file: 'wasm-worker', headers: { ...isolation, ...noBlobs }, ...forbidden },
  { what: 'page, isolated, policy with blob scripts and workers', file: 'wasm', headers: { ...isolation, ...blobs }, threads },
  { what: 'page, isolated, policy with blob workers', file: 'wasm', headers: { ...isolation, ...blobWorkers }, ...forbidden },
  { what: 'page, isolated, policy without blobs', file: 'wasm', headers: { ...isolation, ...noBlobs }, ...forbidden },
  { what: 'page, not isolated, policy without blobs', file: 'wasm', headers: noBlobs, ...notIsolated },
  { what: 'page, WebGPU', file: 'webgpu', headers: noBlobs, threads: 1 },
]
const executablePath = [process.env.CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/google-chrome'].find((path) => path && existsSync(path))
if (executablePath === undefined) console.log('- pages are left out; to try them: apt-get install chromium, or set CHROMIUM')
else {
  const quiet = { root: project, configFile: false, logLevel: 'error' } as const
  await check('vite build', async () => {
    const input = ['wasm.html', 'wasm-worker.html', 'webgpu.html'].map((file) => join(project, file))
    await build({ ...quiet, worker: { format: 'es' }, build: { rollupOptions: { input }, chunkSizeWarningLimit: 1e5 } })
  })
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
  })
  for (const { what, file, headers, threads, warning } of pages)
    await check(what, async () => {
      const server = await preview({ ...quiet, preview: { headers, port: 0 } })
      const page = await browser.newPage()
      try {
        const told: string[] = []
        page.on('console', (message) => void told.push(`${message.type()}: ${message.text()}`))
        page.on('pageerror', (error) => void told.push(`uncaught: ${error.message}`))
        const printed = page
          .waitForEvent('console', { predicate: (message) => message.text().startsWith('{'), timeout: 90_000 })
          .catch(() => undefined)
        await page.goto(`${server.resolvedUrls?.local[0]}${file}.html`)
        const result = JSON.parse((await printed)?.text() ?? '{"error":"no result in 90 s"}')
        if ('error' in result) throw new Error([result.error, ...told].join('\n'))
        const line = judge(result, { backend: file.replace('-worker', ''), threads })
        const ours = told.filter((text) => text.includes('wasm-heap-tfjs') || text.startsWith('uncaught'))
        if (ours.length !== (warning ? 1 : 0) || (warning && !warning.test(ours[0]!)))
          throw new Error([`${line}; it said:`, ...told].join('\n'))
        return line + (warning ? ', one warning' : '')
      } finally {
        await page.close()
        await server.close()
      }
    })
  await browser.close()
}

if (process.argv.includes('--keep')) console.log(`kept ${project}`)
else rmSync(project, { recursive: true })
console.log(failures === 0 ? 'works as installed' : `${failures} failed`)
process.exitCode = failures === 0 ? 0 : 1
