import { by, fractions, goalOf, percent, speedups, times } from '../goals.ts'
import type { Case } from '../measure.ts'
import { both, peer } from '../peers.ts'
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

/** From a prompt of T tokens to the first token: all layers for each, the output layer for the last, half of the square of attention. */
const prefill = (T: number, peers = both('ours', 'torchSdpa')): Case => ({
  name: `prefill ${T}`,
  work: 'prefill',
  input: { config, T },
  peers,
  flops: { '': 2 * weights * T + 2 * V * C + 2 * C * T * T * layers },
})

/** A token behind T others: every weight and the whole cache are read once. */
const token = (T: number, peers = both('copy', 'read', 'ours', 'torchSdpa')): Case => {
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

export const generate: Work = {
  name: 'generate',
  about:
    'Llama of 135M parameters (the shape of SmolLM2-135M), float32, one row: from a prompt to its first token, and one token more behind a cache. PyTorch eager with a preallocated cache. Decoding is held against what a copy moves in the same rounds.',
  cases: (quick) =>
    quick
      ? [token(64, [peer('copy', 2), peer('ours', 2), peer('torchSdpa', 2)]), prefill(128, [peer('ours', 2), peer('torchSdpa', 2)])]
      : [prefill(2048), token(64), token(2048)],
  limits: { rounds: 3, turnMs: 500, spendMs: 15_000, capMs: 60_000 },
  goals: (rows) => [
    ...[1, 2].map((threads) =>
      goalOf({
        goal: `prefill, ${threads} thread(s): ≥ 0.6 × PyTorch eager`,
        values: speedups(
          rows.filter((row) => row.case.startsWith('prefill')),
          by('wasm', 'ours', threads),
          by('PyTorch', 'SDPA', threads),
        ),
        atLeast: 0.6,
        format: times,
      }),
    ),
    ...[1, 2].map((threads) =>
      goalOf({
        goal: `decode, ${threads} thread(s): ≥ 60 % of memory bandwidth`,
        values: fractions(rows.filter((row) => row.case.startsWith('decode') && by('wasm', 'ours', threads)(row))),
        atLeast: 0.6,
        format: percent,
      }),
    ),
  ],
  tables: [
    { title: 'to the first token', cases: /^(prefill \d+)$/, unit: 'ms' },
    { title: 'a token', cases: /^(decode \d+)$/, unit: 'ms' },
    { title: 'a token, bandwidth', cases: /^(decode \d+)$/, unit: 'GB/s' },
  ],
}
