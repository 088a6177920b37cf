// The whole recipe, at a size of seconds: once through, and once killed in every stage.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const main = resolve(import.meta.dirname, '../long-context/main.ts')
const runs = mkdtempSync(join(tmpdir(), 'runs-'))
const tiny = (
  'max-texts=24 vocabulary-size=320 hidden-size=16 intermediate-size=32 num-layers=1 num-heads=2 num-kv-heads=1 short-length=64 ' +
  'long-length=512 tokens-per-batch=512 recall-steps=4 pretrain-steps=6 extend-steps=4 instruct-steps=3 checkpoint-every=2 ' +
  'eval-documents=2 eval-trials=1 pairs=10'
)
  .split(' ')
  .flatMap((setting) => setting.split('='))
  .map((word, i) => (i % 2 === 0 ? `--${word}` : word))

/** Runs the recipe; with `kill`, a signal as soon as that many milliseconds have passed since a title not in `seen` was printed. */
function recipe(
  name: string,
  args: readonly string[] = [],
  kill?: { seen: Set<string>; after: number; signal: 'SIGKILL' | 'SIGINT' },
): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [
    '--import',
    'tsx',
    '--conditions=@repo/source',
    main,
    '--name',
    name,
    '--runs',
    runs,
    ...tiny,
    ...args,
  ])
  child.stdin.end('What is it?\n') // for --chat
  let output = ''
  child.stderr.on('data', (text) => (output += text))
  child.stdout.on('data', (text) => {
    output += text
    const titles = output.split('\n').filter((line) => /^\d\. |^ {3}\w/.test(line) && !line.endsWith('(done before)'))
    const fresh = titles.find((title) => kill && !kill.seen.has(title))
    if (!kill || fresh === undefined || child.killed) return
    kill.seen.add(fresh)
    setTimeout(() => child.kill(kill.signal), kill.after)
  })
  return new Promise((done) => child.on('close', (code) => done({ code, output })))
}

/** All steps and measurements; times, and where it was saved and stopped, aside. */
const metrics = (name: string) =>
  readFileSync(join(runs, name, 'metrics.jsonl'), 'utf8').replace(/,"(milliseconds":[\d.e+-]+|stopped":"stop"|checkpoint":"step-\d+")/g, '')

describe('the recipe', () => {
  it('ends in a report, models and metrics', { timeout: 240_000 }, async () => {
    const { code, output } = await recipe('whole')
    expect(output).toContain('report.html')
    expect(code).toBe(0)
    const report = readFileSync(join(runs, 'whole', 'report.html'), 'utf8')
    expect(report.match(/<svg/g)?.length).toBeGreaterThan(8)
    expect(report).not.toMatch(/NaN|undefined|https?:\/\/(?!www\.w3\.org)/)
    const tunings = ['answers', 'pretrain', 'short', 'whole'].map((tuning) => `instruct-${tuning}`)
    const models = ['abf', ...tunings, 'pi', 'recall', 'rope', 'short'].map((model) => `seed-1-${model}`)
    expect(readdirSync(join(runs, 'whole', 'models')).sort()).toEqual(models)
    const config = (model: string) => JSON.parse(readFileSync(join(runs, 'whole', 'models', `seed-1-${model}`, 'config.json'), 'utf8'))
    expect(config('abf')).toMatchObject({ model_type: 'llama', rope_theta: 500_000, max_position_embeddings: 512 })
    expect(config('pi')).toMatchObject({ rope_theta: 10_000, rope_scaling: { rope_type: 'linear', factor: 8 } })
    expect(config('rope')).toMatchObject({ rope_theta: 10_000, rope_scaling: null })
  })

  it('answers questions about a document', { timeout: 60_000 }, async () => {
    const { code, output } = await recipe('whole', ['--chat'])
    expect(output).toMatch(/Ask about “.{100}…” \([\d,]+ characters; an empty line ends\)\n( {2}for example: .+\n)+/)
    expect(code).toBe(0)
  })

  it('killed or stopped in every stage, gives the same numbers to the last digit', { timeout: 600_000 }, async () => {
    const seen = new Set<string>()
    let kills = -1
    let saved = 0
    let result: Awaited<ReturnType<typeof recipe>>
    do {
      kills++
      result = await recipe('killed', [], { seen, after: (37 * kills) % 150, signal: kills % 3 === 1 ? 'SIGINT' : 'SIGKILL' })
      if (result.code === 130 && result.output.includes('saved; the same command goes on from here')) saved++
    } while ((result.code === null || result.code === 130) && kills < 40)
    expect(saved).toBeGreaterThan(0)
    expect(result.output).toContain('report.html')
    expect(kills).toBeGreaterThan(8)
    expect(metrics('killed')).toBe(metrics('whole'))
  })

  it('says what is wrong in a sentence', { timeout: 60_000 }, async () => {
    const engine = await recipe('other', ['--engine', 'node'])
    expect(engine).toMatchObject({ code: 1, output: expect.stringMatching(/--engine node: it does not load .*; install it: `pnpm/) })
    const changed = await recipe('whole', ['--hidden-size', '32'])
    expect(changed).toMatchObject({
      code: 1,
      output: expect.stringMatching(/whole was made with other settings \(hiddenSize was 16, is 32\)/),
    })
  })
})
