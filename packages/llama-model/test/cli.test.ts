import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import * as tf from '@tensorflow/tfjs-core'
import { initLora, loadPretrained, saveLora, savePretrained } from 'llama-model'
import { complete } from 'llama-model/chat'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { collect } from './support.ts'
import { makeTextModel, tokenizerFiles } from './text-support.ts'

const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
const root = fileURLToPath(new URL('../../../', import.meta.url))
const start = (...argv: string[]) => spawn(process.execPath, ['--conditions=@repo/source', '--import=tsx', main, ...argv], { cwd: root })

async function run(argv: readonly string[], input = ''): Promise<{ code: number; out: string; err: string }> {
  const child = start(...argv)
  const text = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text.out += part
  })
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    text.err += part
  })
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number]
  return { code, ...text }
}

let folder: string
let model: string
let answer: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llama-model-cli-'))
  model = join(folder, 'small')
  const { params, config, tokenizer } = makeTextModel()
  await savePretrained(model, { params, config, tokenizer: tokenizerFiles })
  const lora = { ...config, lora: { rank: 2, alpha: 4, targets: 'all-linear' } }
  const adapter = initLora(lora, 1)
  await saveLora(join(folder, 'lora'), { params: adapter, config: lora })
  const tokens = tokenizer.encodeChat([{ role: 'user', content: 'hi' }])
  answer = (await collect(complete({ params, config, tokenizer }, tokens, { maxNewTokens: 12 }))).map(({ text }) => text).join('')
  tf.dispose([params, adapter])
})
afterAll(() => rm(folder, { recursive: true, force: true }))
const greedy = ['--temperature', '0', '--max-tokens', '12', '--threads', '1']

describe.concurrent('the command line', { timeout: 120_000 }, () => {
  it('says what it can do, and what is wrong, in a line', async () => {
    expect((await run([])).out).toContain('serve     Serves a model by the OpenAI API')
    expect((await run(['chat', '--help'])).out).toContain('--temperature VALUE')
    const wrong: [string[], string][] = [
      [['sing'], "there is no command 'sing'; choose chat, info, convert, serve."],
      [['chat'], 'something is missing; it goes: llama-model chat MODEL [options]'],
      [['info', 'a', 'b'], "'b' is too much; it goes: llama-model info MODEL [options]"],
      [['chat', model, '--max-tokens', 'many'], "--max-tokens is 'many'; it must be a number ≥ 1."],
      [['chat', model, '--loud'], "Unknown option '--loud'"],
      [['info', '/nowhere'], 'loadPretrained: /nowhere/config.json does not exist. Is this the folder of a model?'],
    ]
    for (const [argv, message] of wrong) {
      const { code, out, err } = await run(argv)
      expect({ code, out }).toEqual({ code: 1, out: '' })
      expect(err).toContain(`llama-model: ${message}`)
      expect(err.trim().split('\n').length).toBe(1)
    }
  })

  it('chats: one answer, or a line for a line', async () => {
    expect(await run(['chat', model, ...greedy, '--prompt', 'hi'])).toEqual({ code: 0, out: `${answer}\n`, err: '' })
    const { code, out } = await run(['chat', model, ...greedy], 'hi\n\nhi\n')
    expect(code).toBe(0)
    expect(out.startsWith(`${answer}\n`)).toBe(true)
    expect(out.length).toBeGreaterThan(answer.length + 2) // the second is longer by what came before
  })

  it('says what a model is, and converts it to GGUF and back, merging a LoRA', async () => {
    const { out } = await run(['info', model])
    expect(out).toMatch(/^type +llama\nweights +[\d,]+, stored as float32\nlayers +1, width 8/)
    const [gguf, back] = [join(folder, 'small.gguf'), join(folder, 'back')]
    expect((await run(['convert', model, gguf, '--dtype', 'float32', '--lora', join(folder, 'lora')])).out).toBe(`wrote ${gguf}\n`)
    expect((await run(['convert', gguf, back])).out).toBe(`wrote ${back}\n`)
    const [first, second] = [await loadPretrained(model), await loadPretrained(back)]
    expect(second.config).toMatchObject({ hiddenSize: 8, vocabSize: first.config.vocabSize })
    for (const [name, param] of Object.entries(first.params)) expect(second.params[name]!.dataSync()).toEqual(param.dataSync())
    tf.dispose([first.params, second.params])
    const refused = await run(['convert', model, join(folder, 'x.gguf'), '--dtype', 'bfloat16'])
    expect(refused.err).toContain("--dtype is 'bfloat16'; choose float32, float16, q8_0.")
    expect(existsSync(join(folder, 'x.gguf'))).toBe(false)
  })

  it('serves until it is told to end', async () => {
    const server = start('serve', model, '--port', '0', '--name', 'own', '--api-key', 'secret')
    const [line] = (await once(createInterface(server.stdout), 'line')) as [string]
    const url = /http:\/\/127\.0\.0\.1:\d+\/v1/.exec(line)![0]
    const messages = [{ role: 'user', content: 'hi' }]
    const response = await fetch(`${url}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer secret' },
      body: JSON.stringify({ model: 'own', messages, temperature: 0, max_tokens: 12 }),
    })
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: answer } }] })
    server.kill('SIGTERM')
    expect(await once(server, 'close')).toEqual([0, null])
  })
})
