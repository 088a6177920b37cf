import type { Settings } from './options.ts'
import { messagesOf, type Prompt } from './prompts/prompts.ts'
import { hash } from './random.ts'
import type { Task } from './task.ts'
import type { CompleteOptions } from './types.ts'

/** One question to the model, asked again with another seed until its reply is good, or as often as `retries` says; the last reply. */
export async function ask<Parsed>(
  prompt: Prompt,
  parse: (reply: string) => Parsed,
  isGood: (parsed: Parsed) => boolean,
  options: CompleteOptions,
  { task, settings }: { readonly task: Task; readonly settings: Settings },
): Promise<{ readonly reply: string; readonly value: Parsed }> {
  for (let attempt = 0; ; attempt++) {
    const seed = hash(`${settings.seed}\n${task.documentId}\n${task.index}\n${attempt}`) >>> 1
    const reply: unknown = await settings.complete(messagesOf(prompt), { ...options, seed })
    if (typeof reply !== 'string') throw new TypeError(`complete returned ${String(reply)}; it must return a promise of a text.`)
    const value = parse(reply)
    if (isGood(value) || attempt >= settings.retries) return { reply, value }
  }
}
