// docs/errors.md is the contract that users program against: it lists exactly the codes there are, each under its class.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import * as errors from '../src/errors.ts'
import { PROJECT } from './support/cli.ts'
import { sourcesOf } from './support/sources.ts'

interface Row {
  readonly className: string
  readonly code: string
  readonly meaning: string
  readonly remedy: string
}

function documentedRows(): Row[] {
  const rows: Row[] = []
  let className = ''
  for (const line of fs.readFileSync(path.join(PROJECT, 'docs/errors.md'), 'utf8').split('\n')) {
    if (line.startsWith('## ')) className = line.slice(3).trim()
    const cells = line.split('|').map((cell) => cell.trim())
    const code = /^`(ERR_[A-Z_]+)`$/.exec(cells[1] ?? '')?.[1]
    if (code) rows.push({ className, code, meaning: cells[2] ?? '', remedy: cells[3] ?? '' })
  }
  return rows
}

/** The comments in ERROR_CODES sort the codes by class. */
function declaredClasses(): Map<string, string> {
  const text = fs.readFileSync(path.join(PROJECT, 'src/errors.ts'), 'utf8')
  const list = text.slice(text.indexOf('ERROR_CODES'), text.indexOf('] as const'))
  const classes = new Map<string, string>()
  let className = ''
  for (const [, comment, code] of list.matchAll(/^\s*(?:\/\/ (\w+)|'(ERR_\w+)',)$/gm)) {
    if (comment) className = comment
    if (code) classes.set(code, className)
  }
  return classes
}

const rows = documentedRows()
const classes = declaredClasses()

t.test('every code is documented once, and nothing else is', async (t) => {
  t.same(rows.map((row) => row.code).sort(), [...errors.ERROR_CODES].sort())
})

t.test('each has its class, what happened and what to do', async (t) => {
  for (const { className, code, meaning, remedy } of rows) {
    t.equal(className, classes.get(code), `${code} is documented under its class`)
    t.ok(meaning.length > 10 && remedy.length > 10, `${code} has a meaning and a remedy`)
  }
})

t.test('each class is exported and is a LayerStoreError', async (t) => {
  for (const name of new Set(classes.values())) {
    const Class = (errors as Record<string, unknown>)[name] as typeof errors.LayerStoreError
    const error = new Class('ERR_OPTION', 'cannot x: y')
    t.ok(error instanceof errors.LayerStoreError, name)
    t.equal(error.name, name)
  }
})

t.test('each code is thrown somewhere, always by its own class', async (t) => {
  const sources = sourcesOf('src', 'cli').filter(({ file }) => file !== 'src/errors.ts')
  const text = sources.map((source) => source.text).join('\n')
  for (const code of errors.ERROR_CODES) t.ok(text.includes(`'${code}'`), `${code} is used`)
  const wrong: string[] = []
  for (const { file, text } of sources)
    for (const [, className, code] of text.matchAll(/new (\w+Error)\(\s*'(ERR_\w+)'/g))
      if (classes.get(code!) !== className)
        wrong.push(`${file}: ${className} with ${code}, which belongs to ${classes.get(code!)}`)
  t.same(wrong, [])
})
