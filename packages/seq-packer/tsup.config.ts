import { library } from '../../tsup.preset.ts'

export default library({
  index: 'src/index.ts',
  tfjs: 'src/tfjs.ts',
  parquet: 'src/parquet/index.ts',
  node: 'src/node.ts',
  'tokenize-worker': 'src/node/tokenize-worker.ts',
  cli: 'src/cli/main.ts',
})
