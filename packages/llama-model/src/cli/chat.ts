import { createInterface } from 'node:readline'
import { chat as answer, type CompleteOptions, type TextModel } from '../chat/complete.ts'
import { loadTextModel } from '../chat/load-text-model.ts'
import type { Message } from '../chat/tokenizer.ts'
import { type Command, modelOf, type Values } from './command.ts'
import { startEngine } from './engine.ts'

export const chat: Command = {
  name: 'chat',
  summary: 'Answers what you type, line by line; Ctrl-C ends an answer, Ctrl-D the conversation.',
  usage: 'MODEL [options]',
  options: {
    prompt: { type: 'string', about: 'answer this and end' },
    system: { type: 'string', about: 'what the model is told first' },
    temperature: { type: 'string', fallback: '0.7', about: '0 takes the likeliest token always' },
    'top-p': { type: 'string', fallback: '0.95', about: 'draw among the likeliest tokens that have this share' },
    'repetition-penalty': { type: 'string', fallback: '1', about: 'more than 1 makes words that came less likely' },
    'max-tokens': { type: 'string', fallback: '512', about: 'of one answer' },
    seed: { type: 'string', fallback: 'another each time', about: 'the same seed gives the same answers' },
  },
  async run(values, positionals) {
    const path = modelOf(chat, positionals)
    const options = samplingOf(values)
    const engine = await startEngine(values.count('threads', 1))
    const model = await loadTextModel(path)
    const system = values.text('system')
    const messages: Message[] = system === undefined ? [] : [{ role: 'system', content: system }]
    const prompt = values.text('prompt')
    if (prompt !== undefined) return void (await reply(model, [...messages, { role: 'user', content: prompt }], options))
    console.error(`${path} on ${engine}. Ctrl-C ends an answer, Ctrl-D the conversation.`)
    await converse(model, messages, options)
  },
}

function samplingOf(values: Values): CompleteOptions {
  return {
    maxNewTokens: values.count('max-tokens', 1) ?? 512,
    temperature: values.number('temperature', 0) ?? 0.7,
    topP: values.number('top-p', 0) ?? 0.95,
    repetitionPenalty: values.number('repetition-penalty', 0.01) ?? 1,
    seed: values.count('seed', 0) ?? Math.floor(Math.random() * 2 ** 32),
  }
}

async function converse(model: TextModel, messages: Message[], options: CompleteOptions): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stderr, prompt: '> ' })
  let answering: AbortController | undefined
  lines.on('SIGINT', () => (answering ? answering.abort() : lines.close()))
  lines.prompt()
  for await (const line of lines) {
    if (line.trim() !== '') {
      messages.push({ role: 'user', content: line })
      answering = new AbortController()
      const content = await reply(model, messages, { ...options, signal: answering.signal })
      answering = undefined
      messages.push({ role: 'assistant', content })
    }
    lines.prompt()
  }
}

/** Writes the answer as it comes; what there is of it when it is aborted. */
async function reply(model: TextModel, messages: readonly Message[], options: CompleteOptions): Promise<string> {
  let content = ''
  try {
    for await (const { text } of answer(model, messages, options)) {
      content += text
      process.stdout.write(text)
    }
  } catch (error) {
    if (!options.signal?.aborted) throw error
  }
  process.stdout.write('\n')
  return content
}
