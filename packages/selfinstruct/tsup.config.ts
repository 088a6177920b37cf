import { library } from '../../tsup.preset.ts'

export default library({ index: 'src/index.ts', openai: 'src/openai.ts', node: 'src/node.ts', viewer: 'src/viewer/viewer-page.ts' })
