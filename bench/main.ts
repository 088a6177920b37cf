/**
 * `pnpm bench [attention] [kernels] [step] [--write]`: runs the benchmarks named, or all, each in a process of its own.
 * With --write the output goes into bench/RESULTS.md as well, with date, commit and machine.
 */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'

const all = ['attention', 'kernels', 'step']
const words = process.argv.slice(2).filter((word) => word !== '--')
const unknown = words.filter((word) => word !== '--write' && !all.includes(word))
if (unknown.length > 0) throw new RangeError(`bench: '${unknown.join("', '")}' does not exist; choose from ${all.join(', ')}, --write.`)
const named = words.filter((word) => word !== '--write')

for (const name of named.length > 0 ? named : all) {
  const load = loadavg()[0]?.toFixed(1)
  const output = await run(name)
  if (words.includes('--write')) write(name, output, `load ${load} before it began`)
}

function run(name: string): Promise<string> {
  const child = spawn(process.execPath, [...process.execArgv, fileURLToPath(new URL(`${name}.ts`, import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' },
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    process.stdout.write(text)
  })
  return new Promise((resolve, reject) =>
    child.on('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`bench: ${name} ended with code ${code}`)))),
  )
}

/** Replaces the section of `name`; the others stay. */
function write(name: string, output: string, circumstances: string): void {
  const file = new URL('RESULTS.md', import.meta.url)
  const before = existsSync(file)
    ? readFileSync(file, 'utf8')
    : '# Results\n\nMade by `pnpm bench --write`. Ratios within one run count; absolute numbers are those of one machine at one moment.\n'
  const [head = '', ...sections] = before.split(/^(?=## )/m)
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  const machine = `${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}, ${circumstances}`
  const section = `## ${name}\n\n${new Date().toISOString().slice(0, 10)}, commit ${commit}, ${machine}\n\n\`\`\`\n${output.trim()}\n\`\`\`\n`
  const others = sections.filter((own) => !own.startsWith(`## ${name}\n`))
  const ordered = [...others.map((own) => `${own.trim()}\n`), section].toSorted()
  writeFileSync(file, `${head.trim()}\n\n${ordered.join('\n')}`)
}
