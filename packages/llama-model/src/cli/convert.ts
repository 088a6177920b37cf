import { loadPretrained } from '../checkpoint/load-pretrained.ts'
import { savePretrained } from '../checkpoint/save-pretrained.ts'
import { exportGguf } from '../gguf/export-gguf.ts'
import { loadLora } from '../lora/load-lora.ts'
import { mergeLora } from '../lora/merge-lora.ts'
import { type Command, modelOf } from './command.ts'
import { startEngine } from './engine.ts'

export const convert: Command = {
  name: 'convert',
  summary: 'Writes a model anew: a folder in the Hugging Face layout, or a GGUF file where TARGET ends in .gguf.',
  usage: 'MODEL TARGET [options]',
  options: {
    dtype: { type: 'string', fallback: 'that of the model, float16 for GGUF', about: 'float32, float16, bfloat16 (folder), q8_0 (GGUF)' },
    lora: { type: 'string', about: 'folder of an adapter that is merged in' },
  },
  async run(values, positionals) {
    const path = modelOf(convert, positionals, 2)
    const target = positionals[1]!
    const isGguf = target.toLowerCase().endsWith('.gguf')
    const asked = isGguf
      ? values.oneOf('dtype', ['float32', 'float16', 'q8_0'], 'float16')
      : values.oneOf('dtype', ['as it is', 'float32', 'float16', 'bfloat16'], 'as it is')
    await startEngine(values.count('threads', 1))
    const loaded = await loadPretrained(path)
    const { params, config } = await merged(loaded, values.text('lora'))
    if (isGguf) await exportGguf(target, { ...loaded, params, config, dtype: asked as 'float32' | 'float16' | 'q8_0' })
    else await savePretrained(target, { ...loaded, params, config, ...(asked !== 'as it is' && { dtype: asked as 'float32' }) })
    console.log(`wrote ${target}`)
  },
}

async function merged({ params, config }: Awaited<ReturnType<typeof loadPretrained>>, lora: string | undefined) {
  if (lora === undefined) return { params, config }
  const adapter = await loadLora(lora, config)
  return mergeLora({ ...params, ...adapter.params }, adapter.config)
}
