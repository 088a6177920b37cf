import { by, fractions, goalOf, percent, speedups, times } from '../goals.ts'
import type { Case } from '../measure.ts'
import { both, peer } from '../peers.ts'
import type { Row } from '../row.ts'
import type { Work } from '../work.ts'

/** The shape of SmolLM2-135M. */
const [V, C, F, layers, H, K] = [49_152, 576, 1536, 30, 9, 3]
const config = {
  architectures: ['LlamaForCausalLM'],
  vocab_size: V,
  hidden_size: C,
  intermediate_size: F,
  num_hidden_layers: layers,
  num_attention_heads: H,
  num_key_value_heads: K,
  tie_word_embeddings: true,
}
const weights = layers * (2 * C * C + (2 * C * C * K) / H + 3 * C * F)
const others = both('torchSdpa', 'llamaCpp')

/** From a prompt of T tokens to the first token: all layers for each, the output layer for the last, half of the square of attention. */
const prefill = (T: number, peers = [...both('ours'), ...others]): Case => ({
  name: `prefill ${T}`,
  work: 'prefill',
  input: { config, T },
  peers,
  flops: { '': 2 * weights * T + 2 * V * C + 2 * C * T * T * layers },
})

const decoding = [...both('copy', 'read', 'ours'), ...others]

/** A token behind T others: every weight and the whole cache are read once. */
const token = (T: number, peers = decoding): Case => {
  const bytes = 4 * (weights + V * C + (2 * layers * T * C * K) / H)
  return {
    name: `decode ${T}`,
    work: 'token',
    input: { config, T },
    peers,
    flops: { '': bytes / 2 },
    traffic: { '': bytes },
    bytes,
    items: 1,
  }
}

const cases = (quick: boolean): Case[] => {
  const two = [peer('ours', 2), peer('torchSdpa', 2), peer('onnxWeb', 2), peer('llamaCpp', 2)]
  if (quick) return [token(64, [peer('copy', 2), ...two]), prefill(128, two)]
  const long = [peer('copy', 2), peer('ours', 2)]
  // onnxruntime-web takes minutes to read 2,048 tokens, so once is enough
  return [
    prefill(2048, [...both('ours'), ...others, peer('onnxWeb', 2)]),
    token(64, [...decoding, ...both('onnxWeb')]),
    token(2048),
    token(8192, long),
  ]
}

/** How many times as long as behind 64 a token takes behind 8,192 others. */
function growth(rows: readonly Row[]) {
  const [short, long] = [64, 8192].map((T) => rows.find((row) => row.case === `decode ${T}` && by('wasm', 'ours', 2)(row))?.milliseconds)
  return short && long ? [{ case: 'decode 8192', value: -long / short }] : []
}

const threadsOf = [1, 2]
const against = (
  kind: 'prefill' | 'decode',
  name: string,
  theirs: readonly [engine: string, peer: string],
  atLeast: number,
  counts = threadsOf,
) =>
  counts.map((threads) => (rows: readonly Row[]) => {
    const own = rows.filter((row) => row.case.startsWith(kind))
    const values = speedups(own, by('wasm', 'ours', threads), by(...theirs, threads))
    return goalOf({ goal: `${kind}, ${threads} thread(s): ≥ ${atLeast} × ${name}`, values, atLeast, format: times })
  })

export const generate: Work = {
  name: 'generate',
  about:
    'Llama of 135M parameters (the shape of SmolLM2-135M), float32, one row: from a prompt to its first token, and one token more behind a cache. PyTorch eager with a preallocated cache; onnxruntime-web on a graph of the operators that the models of transformers.js are made of, without the work of transformers.js in between; llama.cpp through node-llama-cpp with weights and cache as F16, half the bytes that its GB/s are counted by. Decoding is held against what a copy moves in the same rounds.',
  cases,
  limits: { rounds: 3, turnMs: 500, spendMs: 15_000, capMs: 180_000 },
  goals: (rows) => [
    ...against('prefill', 'PyTorch eager', ['PyTorch', 'SDPA'], 0.6).map((goal) => goal(rows)),
    ...against('prefill', 'onnxruntime-web', ['onnxruntime-web', 'wasm'], 1, [2]).map((goal) => goal(rows)),
    ...against('decode', 'onnxruntime-web', ['onnxruntime-web', 'wasm'], 1).map((goal) => goal(rows)),
    ...threadsOf.map((threads) =>
      goalOf({
        goal: `decode, ${threads} thread(s): ≥ 60 % of memory bandwidth`,
        values: fractions(rows.filter((row) => row.case.startsWith('decode') && by('wasm', 'ours', threads)(row))),
        atLeast: 0.6,
        format: percent,
      }),
    ),
    goalOf({
      goal: 'decode behind 8,192 tokens: ≤ 1.5 × the time behind 64',
      values: growth(rows),
      atLeast: -1.5,
      format: (value) => times(-value),
    }),
  ],
  tables: [
    { title: 'to the first token', cases: /^(prefill \d+)$/, unit: 'ms' },
    { title: 'a token', cases: /^(decode \d+)$/, unit: 'ms' },
    { title: 'a token, bandwidth', cases: /^(decode \d+)$/, unit: 'GB/s' },
  ],
}
