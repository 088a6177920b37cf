// The public names of every entry are golden files: a new export, or a lost one, is a line of a diff. `npx vitest run test/exports -u` rewrites them.
import ts from 'typescript'
import { expect, test } from 'vitest'
import { packages, read } from './support/workspace.ts'

const exported = (node: ts.Statement) =>
  ts.canHaveModifiers(node) && ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)

/** Names that a file exports, types marked. An `export *` would hide what it exports. */
function exportsOf(file: string): string[] {
  return ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest).statements.flatMap((node) => {
    if (ts.isExportDeclaration(node)) {
      if (!node.exportClause || ts.isNamespaceExport(node.exportClause)) throw new Error(`${file}: export by name instead of *`)
      return node.exportClause.elements.map((own) => `${node.isTypeOnly || own.isTypeOnly ? 'type ' : ''}${own.name.text}`)
    }
    if (!exported(node)) return []
    if (ts.isVariableStatement(node)) return node.declarationList.declarations.map(({ name }) => (ts.isIdentifier(name) ? name.text : '?'))
    if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return [`type ${node.name.text}`]
    return ts.isFunctionDeclaration(node) ? [node.name?.text ?? 'default'] : [`? ${ts.SyntaxKind[node.kind]}`]
  })
}

test.each(packages)('$name exports the names of its file in test/exports', async ({ name, entries }) => {
  const lines: string[] = []
  for (const { specifier, source } of entries) {
    const names = exportsOf(source).toSorted()
    const values = names.filter((own) => !own.startsWith('type '))
    expect(Object.keys(await import(specifier)).toSorted(), `${specifier}, when imported`).toEqual(values)
    lines.push(specifier, ...values.map((own) => `  ${own}`), ...names.filter((own) => own.startsWith('type ')).map((own) => `  ${own}`))
  }
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(`exports/${name}.txt`)
})
