import { basename } from 'node:path'
import { loadTextModel } from '../chat/load-text-model.ts'
import { serve as startServer } from '../serve/serve.ts'
import { type Command, modelOf } from './command.ts'
import { startEngine } from './engine.ts'

export const serve: Command = {
  name: 'serve',
  summary: 'Serves a model by the OpenAI API: chat completions, completions, models.',
  usage: 'MODEL [options]',
  options: {
    port: { type: 'string', fallback: '8080', about: 'port to listen at; 0 takes one that is free' },
    host: { type: 'string', fallback: '127.0.0.1', about: 'address to listen at; 0.0.0.0 lets other machines in' },
    name: { type: 'string', fallback: "the file's or folder's", about: 'id of the model' },
    'api-key': { type: 'string', fallback: '$LLAMA_MODEL_API_KEY, or none', about: 'what clients have to send' },
    'max-length': { type: 'string', fallback: "the model's context", about: 'tokens of prompt and answer together' },
    active: { type: 'string', fallback: '4', about: 'answers made at the same time' },
  },
  async run(values, positionals) {
    const path = modelOf(serve, positionals)
    const options = {
      modelName: values.text('name') ?? basename(path).replace(/\.gguf$/i, ''),
      port: values.count('port', 0) ?? 8080,
      host: values.text('host'),
      apiKey: values.text('api-key') ?? process.env.LLAMA_MODEL_API_KEY,
      maxLength: values.count('max-length', 2),
      active: values.count('active', 1),
    }
    const engine = await startEngine(values.count('threads', 1))
    const server = await startServer(await loadTextModel(path), options)
    console.log(`${options.modelName} on ${engine}, at ${server.url}. Ctrl-C ends it.`)
    await new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve))
    await server.close()
  },
}
