// The recipe that extends a checkpoint, at a size of seconds: once through, once killed in every stage, and what it refuses.
import { execFile, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import * as tf from '@tensorflow/tfjs'
import { exportGguf, extendContext, llamaConfig, loadLora, loadPretrained, mergeLora } from 'llama-model'
import { beforeAll, describe, expect, it } from 'vitest'
import { asAuthor } from '../extend-checkpoint/instruct.ts'
import { openCheckpoint } from '../extend-checkpoint/model.ts'
import { rounded } from '../extend-checkpoint/plan.ts'
import { leastFactor } from '../extend-checkpoint/sweep.ts'
import { saveTinyCheckpoint } from './tiny-checkpoint.ts'

const main = resolve(import.meta.dirname, '../extend-checkpoint/main.ts')
const folder = mkdtempSync(join(tmpdir(), 'extend-'))
const model = join(folder, 'tiny')
const tiny =
  '--length 512 --max-texts 24 --instruct-steps 2 --eval-texts 2 --factors 2,8 --author extractive --pairs 8 ' +
  '--answer-tokens 4 --curriculum 0.5 --yes'
const comparisons = ['--compare', 'linear', '--repeats', '1']

/** Runs the recipe; with `kill`, SIGKILL as soon as that many milliseconds have passed since a stage not in `seen` was begun. */
function extend(
  name: string,
  args: readonly string[] = [],
  kill?: { seen: Set<string>; after: number },
): Promise<{ code: number | null; output: string }> {
  const where = ['--model', model, '--name', name, '--runs', folder]
  const child = spawn(process.execPath, [
    '--import',
    'tsx',
    '--conditions=@repo/source',
    main,
    ...where,
    ...tiny.split(' '),
    ...(args.includes('--hours') ? [] : ['--steps', '4']),
    ...args,
  ])
  let output = ''
  child.stderr.on('data', (text) => (output += text))
  child.stdout.on('data', (text) => {
    output += text
    const titles = output.split('\n').filter((line) => /^(\d\. | {3}(Instruct|Save))/.test(line) && !line.endsWith('(done before)'))
    const fresh = titles.find((title) => kill && !kill.seen.has(title))
    if (!kill || fresh === undefined || child.killed) return
    kill.seen.add(fresh)
    setTimeout(() => child.kill('SIGKILL'), kill.after)
  })
  return new Promise((done) => child.on('close', (code) => done({ code, output })))
}

/** Results of all stages; times and the run's own folder aside. */
const results = (name: string) =>
  readdirSync(join(folder, name, 'results'))
    .sort()
    .map((file) => {
      const text = readFileSync(join(folder, name, 'results', file), 'utf8')
      return [file, text.replaceAll(join(folder, name), '').replace(/"(seconds|secondsPerStep|peakBytes)":[\d.e+-]+/g, '')]
    })

beforeAll(() => saveTinyCheckpoint(model, 256))

describe('the least factor of the base', () => {
  const { rope: llama2, ...shape } = llamaConfig('llama2-7b')
  const smollm = { ...shape, headDim: 64, maxPositionEmbeddings: 8192, rope: { headDim: 64, base: 100_000 } } // the rotations of SmolLM2-135M

  it.each([
    [smollm, 16_384, 3.1],
    [smollm, 32_768, 9.2],
    [{ ...shape, rope: llama2 }, 32_768, 18.1],
    [{ ...shape, rope: { headDim: 128, base: 100 } }, 8192, 1], // whose slowest pair turns in 585 tokens
  ])('%# leaves no angle unseen, and less does', (config, length, least) => {
    const unseen = (factor: number) =>
      extendContext(config, { length, method: 'abf', base: config.rope.base! * factor }).changes.find(({ quantity }) =>
        quantity.includes('not seen'),
      )!.after
    expect(leastFactor(config, length)).toBe(least)
    expect(unseen(least)).toBe(0)
    if (least > 1) expect(unseen(least - 0.1)).toBeGreaterThan(0)
  })
})

it.each([
  [1042.7, '1,040'],
  [412, '412'],
  [0.0000333, '0.0000333'],
])('%d is printed as people write it', (value, text) => {
  expect(rounded(value)).toBe(text)
})

describe('the recipe that extends a checkpoint', () => {
  it('ends in a report, models and an adapter', { timeout: 240_000 }, async () => {
    const { code, output } = await extend('whole', comparisons)
    expect(output).toContain('report.html')
    expect(code).toBe(0)
    const report = readFileSync(join(folder, 'whole', 'report.html'), 'utf8')
    expect(report.match(/<svg/g)?.length).toBeGreaterThan(7)
    expect(report).toMatch(/a step, rows of 128.*50 % of the steps.*a step, rows of 512/s)
    expect(report).toMatch(/ABF ×\d with 2 seeds: [+−]0\.\d{3} ± 0\.\d{3}; [+−]0\.\d{3} ± 0\.\d{3} nats beyond/)
    const steps = ['long', 'seed-2'].map((id) => readFileSync(join(folder, 'whole', 'metrics', `${id}.jsonl`), 'utf8'))
    expect(steps[0]).not.toBe(steps[1])
    expect(report).not.toMatch(/NaN|undefined|https?:\/\/(?!www\.w3\.org)/)
    const models = join(folder, 'whole', 'models')
    const config = JSON.parse(readFileSync(join(models, 'extended', 'config.json'), 'utf8'))
    expect(config).toMatchObject({ max_position_embeddings: 512, rope_theta: expect.any(Number) })
    expect([40_000, 80_000]).toContain(config.rope_theta)

    // the GGUF holds the same weights as the folder, rounded; the adapter on its base computes them too
    const whole = await loadPretrained(join(models, 'extended'))
    const gguf = await loadPretrained(join(models, 'extended.gguf'))
    expect(gguf.config).toMatchObject({ maxPositionEmbeddings: 512, rope: { base: config.rope_theta } })
    const base = await loadPretrained(join(models, 'adapter-base'))
    const adapter = await loadLora(join(models, 'adapter'), base.config)
    const { params: merged } = mergeLora({ ...base.params, ...adapter.params }, adapter.config)
    for (const [name, weight] of Object.entries(whole.params)) {
      const largest = (other: tf.Tensor) => tf.tidy(() => tf.max(tf.abs(tf.sub(weight, other))).dataSync()[0]!)
      expect(largest(merged[name]!)).toBeLessThan(1e-6)
      expect(largest(gguf.params[name]!)).toBeLessThan(1e-3)
    }
    const before = await loadPretrained(model)
    const moved = (name: string) => tf.tidy(() => tf.max(tf.abs(tf.sub(whole.params[name]!, before.params[name]!))).dataSync()[0]!)
    expect(moved('model.layers.0.self_attn.q_proj.weight')).toBeGreaterThan(1e-7)
    expect(moved('model.embed_tokens.weight')).toBeGreaterThan(1e-7)
    expect(moved('model.layers.0.mlp.up_proj.weight')).toBe(0)
  })

  it('killed in every stage, with comparisons added on the way, the figures are the same to the last digit', {
    timeout: 600_000,
  }, async () => {
    const seen = new Set<string>()
    let kills = -1
    let result: Awaited<ReturnType<typeof extend>>
    do {
      kills++
      result = await extend('killed', kills < 6 ? [] : comparisons, { seen, after: (37 * kills) % 150 })
    } while (result.code === null && kills < 40)
    expect(result.output).toContain('report.html')
    expect(kills).toBeGreaterThan(6)
    expect(results('killed')).toEqual(results('whole'))
  })

  it('measures the contexts of a finished training on every held-out text', { timeout: 60_000 }, async () => {
    const check = resolve(main, '../check-contexts.ts')
    const args = ['--import', 'tsx', '--conditions=@repo/source', check, join(folder, 'whole'), '--training', 'long,seed-2,linear']
    const { stdout } = await promisify(execFile)(process.execPath, args)
    const [first, second] = ['long', 'seed-2'].map(
      (training) => stdout.match(new RegExp(`${training}, \\d+ held-out texts.*\n(?:\\d.*\n){3}`))![0],
    )
    expect(first).toMatch(/^256 tokens before them: \d\.\d{4} ± \d\.\d{4}, -?0\.\d{4} ± 0\.\d{4} against 128$/m)
    expect(second!.replace('seed-2', 'long')).not.toBe(first)
    await expect(promisify(execFile)(process.execPath, [...args.slice(0, -1), 'lnear'])).rejects.toThrow('--training lnear: ')
    // on the texts of the report it gives the report's losses
    const inReport = JSON.parse(readFileSync(join(folder, 'whole', 'results', 'after-loss.json'), 'utf8')).result.byContext
    const own = JSON.parse(readFileSync(join(folder, 'whole', 'results', 'contexts-long-0.json'), 'utf8')).result
    for (const { context, perDocument } of own)
      expect(perDocument[0]).toBeCloseTo(inReport.find((other: (typeof own)[0]) => other.context === context).perDocument[0], 5)
  })

  it('the checkpoint in process replies in the form asked for, whatever it says, and leaves nothing behind', async () => {
    const base = await openCheckpoint({ model, length: 512, runs: folder })
    const encodeChat = (turns: readonly { content: string }[]) => Array.from(base.tokenizer.encode(turns[0]!.content)) // it has no template
    const checkpoint = { ...base, chat: { ...base.chat, encodeChat } as typeof base.chat }
    const { params } = await checkpoint.load()
    const tensors = tf.memory().numTensors
    const verdict = { type: 'object', properties: { reason: { type: 'string' }, verdict: { enum: ['yes', 'no'] } } }
    const ask = [{ role: 'user', content: 'Is it true?' }] as const
    const reply = await asAuthor(checkpoint, params)(ask, { schema: { name: 'verdict', schema: verdict }, maxTokens: 8 })
    expect(JSON.parse(reply)).toEqual({ reason: expect.any(String), verdict: expect.stringMatching(/^(yes|no)$/) })
    expect(tf.memory().numTensors).toBe(tensors)
  })

  it('trains every parameter, and measures one text without retrieval, where that is asked for', { timeout: 120_000 }, async () => {
    const { code, output } = await extend('full', ['--method', 'full', '--pairs', '0', '--eval-trials', '0', '--eval-texts', '1'])
    expect(output).toContain('Instruct: left out, there are no pairs')
    expect(code).toBe(0)
    expect(readdirSync(join(folder, 'full', 'models')).sort()).toEqual(['extended', 'extended.gguf'])
  })
})

const python = resolve(import.meta.dirname, '../../node_modules/.cache/peers/trl/bin/python')

it.skipIf(!existsSync(python))('the loss by position is that of transformers', { timeout: 240_000 }, async () => {
  const check = resolve(import.meta.dirname, '../extend-checkpoint/check.ts')
  const args = ['--import', 'tsx', '--conditions=@repo/source', check, model, '--length', '512', '--factors', '1,8', '--python', python]
  const { stdout } = await promisify(execFile)(process.execPath, args) // rejects where a bin differs by more than 1e-3
  expect(stdout.match(/^\d+–\d+ .* \d\.\de-\d$/gm)).toHaveLength(16)
})

describe('what cannot work is said in one line, before any long work', { timeout: 180_000 }, () => {
  const edited = (name: string, edit: (dir: string) => void) => {
    const dir = join(folder, name)
    cpSync(model, dir, { recursive: true })
    edit(dir)
    return dir
  }
  const refusal = async (...args: string[]) => {
    const { code, output } = await extend('refused', args)
    expect(code).toBe(1)
    expect(output).not.toMatch(/\n1\. Before/)
    return output
      .split('\n')
      .filter((line) => line !== '')
      .at(-2)!
  }

  it('another architecture', async () => {
    const gpt2 = edited('gpt2', (dir) =>
      writeFileSync(join(dir, 'config.json'), '{"model_type":"gpt2","architectures":["GPT2LMHeadModel"]}'),
    )
    expect(await refusal('--model', gpt2)).toMatch(/config\.json: .*gpt2/)
  })
  it('no model, and no tokenizer', async () => {
    expect(await refusal('--model', join(folder, 'nowhere'))).toMatch(/nowhere.*config\.json/)
    const mute = edited('mute', (dir) => rmSync(join(dir, 'tokenizer.json')))
    expect(await refusal('--model', mute)).toMatch(/--model .*mute: its tokenizer\.json is missing; put it beside the weights/)
  })
  it('a GGUF file that is cut off', async () => {
    const file = join(folder, 'cut.gguf')
    const { params, config, tokenizer } = await loadPretrained(model)
    await exportGguf(file, { params, config, tokenizer })
    tf.dispose(params)
    truncateSync(file, 20_000)
    expect(await refusal('--model', file)).toMatch(/cut\.gguf is cut off|cut\.gguf.*cut off/)
  })
  it('a length within the trained context', async () => {
    expect(await refusal('--length', '256')).toMatch(/--length 256: .* was trained on 256 tokens already; choose a longer one, such as 512/)
  })
  it('too little memory, too little time', async () => {
    expect(await refusal('--memory', '0.01')).toMatch(/--length 512: too little memory\. .*GiB of a heap of 0\.01 GiB/)
    expect(await refusal('--hours', '1e-7')).toMatch(/--hours 1e-7: too little time\. A step at 512 tokens takes .* 4 are the least/)
  })
  it('settings that are none', async () => {
    expect(await refusal('--factors', '0.5')).toMatch(/--factors "0.5": .*>=1/)
    expect(await refusal('--length', '510')).toMatch(/--length "510": .*multiple of 4/)
    expect(await refusal('--steps', '1')).toMatch(/curriculum: phases\[1\] has no step of 1; .*train longer/)
    expect(await refusal('--compare', 'abf')).toMatch(/--compare "abf": /)
  })
})
