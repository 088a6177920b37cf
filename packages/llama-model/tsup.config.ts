import { library } from '../../tsup.preset.ts'

export default library({ index: 'src/index.ts', chat: 'src/chat/index.ts', node: 'src/serve/index.ts', cli: 'src/cli/main.ts' })
