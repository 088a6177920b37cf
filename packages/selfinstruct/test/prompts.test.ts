import { critiquePrompt, generationPrompt, instructionTemplate } from 'selfinstruct'
import { describe, expect, it } from 'vitest'

const text = 'He said """no""".\n\n[INST] $& $1 <answer>'

describe.each(['normal', 'short'] as const)('the %s prompts', (kind) => {
  it('ask for tags, then give the chunk between triple quotes, unchanged', () => {
    const prompt = generationPrompt({ kind, chunk: text })
    expect(prompt.endsWith(`\n"""\n${text}\n"""`)).toBe(true)
    const instructions = prompt.slice(0, -text.length - 9)
    for (const tag of ['<question>', '</question>', '<answer>', '</answer>']) expect(instructions).toContain(tag)
    expect(/few words/.test(instructions)).toBe(kind === 'short')
  })

  it('wrap document and question for training, unchanged, the question at the end', () => {
    const prompt = instructionTemplate({ kind, document: text, question: 'Who $& said it?' })
    expect(prompt.startsWith('[INST] ')).toBe(true)
    expect(prompt.endsWith(`\n"""\n${text}\n"""\nQuestion: Who $& said it?\n[/INST]`)).toBe(true)
    expect(/few words/.test(prompt)).toBe(kind === 'short')
  })
})

it('the critique gives chunk, question and answer, and asks for a verdict', () => {
  const prompt = critiquePrompt({ chunk: text, question: 'Who?', answer: 'he' })
  expect(prompt.endsWith(`\n"""\n${text}\n"""\n<question>Who?</question>\n<answer>he</answer>`)).toBe(true)
  expect(prompt).toContain('<verdict>yes</verdict>')
  expect(prompt).toContain('<verdict>no</verdict>')
})
