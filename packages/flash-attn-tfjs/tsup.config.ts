import { library } from '../../tsup.preset.ts'

export default library({ index: 'src/index.ts', wasm: 'src/wasm.ts', webgpu: 'src/webgpu.ts', node: 'src/node.ts', cli: 'src/node/cli.ts' })
