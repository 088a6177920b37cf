/**
 * Compiles the AssemblyScript kernels: every `packages/<name>/assembly/index.ts` (the entry; it may import other files of its
 * folder) becomes `packages/<name>/src/kernels.generated.ts` with two base64 strings, `simd` and `relaxedSimd`.
 *
 *   tsx scripts/build-wasm.ts [package …]     builds all packages, or the ones named
 *   tsx scripts/build-wasm.ts --check         builds, writes nothing, fails where a committed file differs
 *
 * A kernel module works inside the heap of another program, so the build refuses a binary that has a data segment (it would
 * overwrite that program's own data), a start function, or no importable memory with a maximum.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import asc from 'assemblyscript/asc'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const maxBytes = 100_000
const flags = [
  '-O3',
  '--noAssert',
  '--runtime',
  'stub',
  '--importMemory',
  '--noExportMemory',
  '--maximumMemory',
  '65536',
  '--enable',
  'simd,bulk-memory',
]

async function compile(entry: string, extra: readonly string[]): Promise<Uint8Array> {
  let binary: Uint8Array | undefined
  const result = await asc.main([entry, ...flags, ...extra, '--outFile', 'kernels.wasm'], {
    readFile: (name, base) => {
      const path = join(base, name)
      return existsSync(path) ? readFileSync(path, 'utf8') : null
    },
    writeFile: (_name, contents) => {
      binary = contents as Uint8Array
    },
    listFiles: () => [],
  })
  if (result.error || !binary) throw new Error(`${entry}: ${result.stderr.toString() || result.error}`)
  return binary
}

/** Ids of the binary's sections; an import of `env.memory` without a maximum cannot be shared. */
function check(binary: Uint8Array, entry: string): void {
  const module = new WebAssembly.Module(binary as BufferSource)
  const sections: number[] = []
  for (let p = 8; p < binary.length; ) {
    sections.push(binary[p++]!)
    let size = 0
    for (let shift = 0, byte = 0x80; byte & 0x80; shift += 7) {
      byte = binary[p++]!
      size |= (byte & 0x7f) << shift
    }
    p += size
  }
  const imports = WebAssembly.Module.imports(module).map(({ module, name, kind }) => `${module}.${name} (${kind})`)
  if (sections.includes(11)) throw new Error(`${entry}: the binary has a data segment; avoid static arrays, strings and Math.log/pow/sin.`)
  if (sections.includes(8)) throw new Error(`${entry}: the binary has a start function; avoid top-level statements.`)
  if (imports.join() !== 'env.memory (memory)') throw new Error(`${entry}: imports ${imports.join()}; only env.memory is provided.`)
  if (binary.length > maxBytes) throw new Error(`${entry}: ${binary.length} bytes; the budget is ${maxBytes}.`)
}

const lines = (name: string, binary: Uint8Array) => {
  const chunks =
    Buffer.from(binary)
      .toString('base64')
      .match(/.{1,120}/g) ?? []
  return `export const ${name} =\n${chunks.map((chunk) => `  '${chunk}'`).join(' +\n')}\n`
}

const names = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const checkOnly = process.argv.includes('--check')
const packages = readdirSync(join(root, 'packages')).filter((name) => existsSync(join(root, 'packages', name, 'assembly/index.ts')))
for (const name of names.length > 0 ? names : packages) {
  const entry = join('packages', name, 'assembly/index.ts')
  process.chdir(root)
  const simd = await compile(entry, [])
  const relaxedSimd = await compile(entry, ['--enable', 'relaxed-simd'])
  // V8 of Node 20 compiles relaxed SIMD only behind a flag, and asc needs no V8 support for it: set it before the check
  if (Number(process.versions.node.split('.')[0]) < 22) (await import('node:v8')).setFlagsFromString('--experimental-wasm-relaxed-simd')
  for (const binary of [simd, relaxedSimd]) check(binary, entry)
  const target = join('packages', name, 'src/kernels.generated.ts')
  const text = `// Made by scripts/build-wasm.ts from ../assembly; do not edit.\n${lines('simd', simd)}\n${lines('relaxedSimd', relaxedSimd)}`
  if (checkOnly) {
    const committed = existsSync(target) ? readFileSync(target, 'utf8') : ''
    if (committed !== text) throw new Error(`${target} differs from its source; run pnpm build:wasm and commit it.`)
  } else writeFileSync(target, text)
  console.log(`${target}: simd ${simd.length} bytes, relaxed SIMD ${relaxedSimd.length} bytes`)
}
