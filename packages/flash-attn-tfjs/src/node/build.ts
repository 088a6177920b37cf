import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

const FLAGS = ['-O3', '-std=c++17', '-fPIC', '-ffp-contract=fast', '-fvisibility=hidden', '-fno-exceptions', '-fno-rtti', '-w']
/** Flags of the files that are for one instruction set. */
const SIMD_FLAGS: Record<string, readonly string[]> = {
  'avx512.cc': ['-mavx512f', '-mavx512dq', '-mavx2', '-mfma'],
  'avx2.cc': ['-mavx2', '-mfma'],
}
/** The addon takes Node's and TensorFlow's functions from the process that loads it. */
const LINK_FLAGS =
  process.platform === 'darwin' ? ['-shared', '-undefined', 'dynamic_lookup'] : ['-shared', '-static-libstdc++', '-static-libgcc', '-s']

/**
 * Compiles the C++ sources in the folder `sources` to the addon `output`, in about half a minute; nothing of an earlier file is lost when
 * it fails. Returns the compiler: `$CXX`, or the first of c++, g++ and clang++ that there is.
 * @throws Error without a compiler, on Windows, or with what the compiler says
 */
export async function buildAddon(sources: string, output: string): Promise<string> {
  if (process.platform === 'win32') {
    throw new Error('flash-attn-tfjs build: the native op is for Linux and macOS; on Windows flashAttention is composed of tfjs ops.')
  }
  const compiler = await findCompiler()
  const folder = await mkdtemp(join(tmpdir(), 'flash-attn-tfjs-'))
  try {
    const x86 = process.arch === 'x64'
    const files = (await readdir(sources)).filter((file) => file.endsWith('.cc') && (x86 || !(file in SIMD_FLAGS)))
    const compile = async (file: string) => {
      const object = join(folder, `${basename(file, '.cc')}.o`)
      await run(compiler, [...FLAGS, ...(SIMD_FLAGS[file] ?? []), '-c', join(sources, file), '-o', object])
      return object
    }
    const objects = await Promise.all(files.map(compile))
    await mkdir(dirname(output), { recursive: true })
    const linked = `${output}.${process.pid}.tmp` // beside the target: a rename there is atomic
    await run(compiler, [...LINK_FLAGS, ...objects, '-o', linked])
    await rename(linked, output)
    return compiler
  } catch (error) {
    throw new Error(`flash-attn-tfjs build: ${compiler} failed. ${error instanceof Error ? error.message : String(error)}`)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function findCompiler(): Promise<string> {
  const names = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++']
  for (const name of names) {
    const works = await run(name, ['--version']).then(
      () => true,
      () => false,
    )
    if (works) return name
  }
  throw new Error(
    `flash-attn-tfjs build: found no C++ compiler (tried ${names.join(', ')}). Install one (Debian: apt install g++; macOS: xcode-select --install), or name it in the environment variable CXX.`,
  )
}
