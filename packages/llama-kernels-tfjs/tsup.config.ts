import { library } from '../../tsup.preset.ts'

export default library({ index: 'src/index.ts', webgpu: 'src/webgpu.ts' })
