import * as tf from '@tensorflow/tfjs-core'
import fc from 'fast-check'
import { generate } from 'llama-model'
import { type CompleteOptions, chat, complete, makeTokenizer, type TextModel, type TextPart } from 'llama-model/chat'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { textStream } from '../src/chat/text-stream.ts'
import { collect } from './support.ts'
import { makeTextModel, tokenizerFiles } from './text-support.ts'

const tokenizer = makeTokenizer(tokenizerFiles)
const end = tokenizer.endTokens[0]!
const textOf = (parts: readonly TextPart[]) => parts.map(({ text }) => text).join('')

describe('tokenizer', () => {
  it('gives any text back', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)))
    expect(tokenizer.encode('in the')).toEqual([259, 258])
  })

  it('turns a conversation into the tokens of its template', () => {
    const ids = tokenizer.encodeChat([{ role: 'user', content: 'hi' }])
    expect(ids.map(tokenizer.spell).join('')).toBe('<|user|>hi<|end|><|assistant|>')
    expect(ids.length).toBe(5)
    expect(tokenizer.decode(ids)).toBe('hi')
    const more = makeTokenizer({ ...tokenizerFiles, 'generation_config.json': JSON.stringify({ eos_token_id: [end, 7] }) })
    expect([tokenizer.endTokens, more.endTokens]).toEqual([[end], [end, 7]])
  })

  it('says which file is missing or broken, and that there is no template', () => {
    expect(() => makeTokenizer({})).toThrow('makeTokenizer: tokenizer.json is missing. Put the one of the model beside its weights.')
    expect(() => makeTokenizer({ ...tokenizerFiles, 'tokenizer_config.json': '{' })).toThrow('tokenizer_config.json is no JSON')
    const plain = makeTokenizer({ 'tokenizer.json': tokenizerFiles['tokenizer.json']! })
    expect(() => plain.encodeChat([])).toThrow('encodeChat: the model has no chat template')
  })
})

describe('pieces of text', () => {
  const pieces = (tokens: readonly number[], stop: readonly string[] = []) => {
    const stream = textStream(tokenizer, stop)
    return [...tokens.map((token) => stream.push(token)), stream.end()]
  }

  it('are together what all tokens are, and never half a character', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\uFFFD')),
        (text) => {
          const own = pieces(tokenizer.encode(text))
          expect(own.join('')).toBe(text)
          expect(own.join('|')).not.toContain('\uFFFD')
          expect(own.filter((piece) => /[\uD800-\uDBFF]$|^[\uDC00-\uDFFF]/.test(piece))).toEqual([])
        },
      ),
    )
    // bytes of any kind: what is no UTF-8 is replaced
    fc.assert(
      fc.property(fc.array(fc.nat(255), { maxLength: 7 }), (tokens) => void expect(pieces(tokens).join('')).toBe(tokenizer.decode(tokens))),
    )
  })

  it('come as soon as they are certain', () => {
    expect(pieces(tokenizer.encode('a€b'))).toEqual(['a', '', '', '€', 'b', ''])
    expect(pieces(Array(20).fill(0x80)).findIndex((piece) => piece !== '')).toBe(7) // and nothing waits for ever
    expect(pieces(tokenizer.encode('xSTy STOP z'), ['STOP'])).toEqual(['x', '', '', 'STy', ' ', '', '', '', '', '', '', ''])
  })

  it('end before the first stop string, wherever tokens divide it', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'é', ' the') })
    fc.assert(
      fc.property(
        text,
        fc.array(
          text.filter((word) => word !== ''),
          { minLength: 1, maxLength: 3 },
        ),
        (own, stop) => {
          const places = stop.map((word) => own.indexOf(word)).filter((place) => place >= 0)
          expect(pieces(tokenizer.encode(own), stop).join('')).toBe(own.slice(0, Math.min(own.length, ...places)))
        },
      ),
    )
  })
})

describe('answers', () => {
  let model: TextModel
  beforeAll(() => {
    model = makeTextModel()
  })
  afterAll(() => tf.dispose(model.params))
  const answer = (options: Partial<CompleteOptions> = {}) =>
    collect(complete(model, 'in the', { maxNewTokens: 40, temperature: 1.5, seed: 3, logitBias: { [end]: -100 }, ...options }))

  it('are the text of what generate makes from the tokens', () =>
    expectNoLeaks(async () => {
      const tokens = tokenizer.encode('in the')
      const sampling = { maxNewTokens: 40, temperature: 1.5, seed: 3, logitBias: { [end]: -100 }, stopTokens: [end] }
      const made = await collect(generate(model.params, model.config, { tokens, ...sampling }))
      const parts = await answer()
      expect(parts.flatMap(({ token }) => token ?? [])).toEqual(made)
      expect(textOf(parts)).toBe(tokenizer.decode(made.map(({ token }) => token)))
      expect(parts.at(-1)!.finishReason).toBe('length')
      expect(await collect(complete(model, tokens, { ...sampling, stopTokens: [end] }))).toEqual(parts)
    }))

  it('to a conversation continue its template', () =>
    expectNoLeaks(async () => {
      const messages = [{ role: 'user', content: 'hi' }] as const
      const parts = await collect(chat(model, messages, { maxNewTokens: 5 }))
      expect(parts).toEqual(await collect(complete(model, tokenizer.encodeChat(messages), { maxNewTokens: 5 })))
    }))

  it('end at a stop token, a stop string and at maxNewTokens, and say so', () =>
    expectNoLeaks(async () => {
      const whole = textOf(await answer())
      const stop = whole.slice(5, 8)
      const parts = await answer({ stop: [stop] })
      expect(textOf(parts)).toBe(whole.slice(0, whole.indexOf(stop)))
      expect(parts.at(-1)!.finishReason).toBe('stop')
      const forced = await collect(complete(model, 'x', { maxNewTokens: 9, logitBias: { [end]: 100 } }))
      expect(forced.map(({ text, token, finishReason }) => [text, token?.token, finishReason])).toEqual([
        ['', end, undefined],
        ['', undefined, 'stop'],
      ])
      expect(await answer({ maxNewTokens: 0 })).toEqual([{ text: '', finishReason: 'length' }])
    }))

  it('can be broken off and aborted', () =>
    expectNoLeaks(async () => {
      for await (const _ of complete(model, 'x', { maxNewTokens: 9 })) break
      const signal = AbortSignal.timeout(30)
      await expect(collect(complete(model, 'x', { maxNewTokens: 1e6, stopTokens: [], signal }))).rejects.toThrow('timeout')
      expect(() => complete(model, 'x', { maxNewTokens: 9, stop: [''] })).toThrow("complete: a text in stop is ''")
      expect(() => complete(model, '', { maxNewTokens: 9 })).toThrow('tokens is empty')
    }))
})
