import { library } from '../../tsup.preset.ts'

export default [
  library({ index: 'src/index.ts', openai: 'src/openai.ts', node: 'src/node.ts', viewer: 'src/viewer/viewer-page.ts' }),
  // the command line brings its client along, so that npx needs nothing else
  library({ cli: 'src/cli/main.ts' }, { noExternal: ['openai'], platform: 'node', dts: false, clean: false, sourcemap: false }),
]
