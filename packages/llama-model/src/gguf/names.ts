const layerParts: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
}
const others: Readonly<Record<string, string>> = {
  'token_embd.weight': 'model.embed_tokens.weight',
  'output_norm.weight': 'model.norm.weight',
  'output.weight': 'lm_head.weight',
}
const invert = (names: Readonly<Record<string, string>>) => Object.fromEntries(Object.entries(names).map(([key, value]) => [value, key]))
const [ggufParts, ggufOthers] = [invert(layerParts), invert(others)]

/** Name of a weight of llama.cpp in Hugging Face checkpoints: `blk.0.attn_q.weight` → `model.layers.0.self_attn.q_proj.weight`; unknown ones stay. */
export function fromGgufName(name: string): string {
  const [, layer, part = '', kind] = /^blk\.(\d+)\.(\w+)\.(weight|bias)$/.exec(name) ?? []
  if (Object.hasOwn(layerParts, part)) return `model.layers.${layer}.${layerParts[part]}.${kind}`
  return Object.hasOwn(others, name) ? others[name]! : name
}

/** The way back. */
export function toGgufName(name: string): string {
  const [, layer, part = '', kind] = /^model\.layers\.(\d+)\.([\w.]+)\.(weight|bias)$/.exec(name) ?? []
  return layer === undefined ? ggufOthers[name]! : `blk.${layer}.${ggufParts[part]}.${kind}`
}
