// Saves a model of random weights in the sizes of SmolLM2-135M: save-model.ts PLACE float32|float16|gguf|gguf-float16
import * as tf from '@tensorflow/tfjs'
import { exportGguf, initParams, type LlamaConfig, llamaConfig, savePretrained } from 'llama-model'

tf.env().set('IS_TEST', true)
const [, , place = '', form] = process.argv
const config: LlamaConfig = {
  ...llamaConfig('tiny'),
  ...{ vocabSize: 49_152, hiddenSize: 576, intermediateSize: 1536, numLayers: 30, numHeads: 9, numKvHeads: 3, headDim: 64 },
  rope: { headDim: 64, base: 100_000 },
}
const params = initParams(config, 1)
// llama.cpp wants a tokenizer, though it is given tokens: none of these is ever a piece of a text
const tokenizer = JSON.stringify({
  model: { type: 'BPE', vocab: {}, merges: ['a b'] },
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false },
})
if (form === 'gguf') await exportGguf(place, { params, config, dtype: 'q8_0' })
else if (form === 'gguf-float16') await exportGguf(place, { params, config, tokenizer: { 'tokenizer.json': tokenizer } })
else await savePretrained(place, { params, config, dtype: form === 'float16' ? form : 'float32' })
