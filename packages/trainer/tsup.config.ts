import { library } from '../../tsup.preset.ts'

export default library({ index: 'src/index.ts', node: 'src/node.ts' })
