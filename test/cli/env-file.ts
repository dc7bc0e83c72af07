import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { readKeyValueFile } from '../../cli/env-file.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const HERE: Readonly<Record<string, string>> = { FOO: 'here', EMPTY: '' }

t.test('lines as docker reads them', async (t) => {
  const file = path.join(temporaryDirectory(t), 'env')
  const read = (text: string | Buffer): string[] => {
    fs.writeFileSync(file, text)
    return readKeyValueFile(file, 'env file', (name) => HERE[name])
  }
  t.same(read('# comment\nA=1\n  B=2 \nFOO\nNOPE\nEMPTY\n\nC=\n  #x=1\nD=a # b\nE="q"\nF=a=b'), [
    'A=1',
    'B=2 ',
    'FOO=here',
    'EMPTY=',
    'C=',
    'D=a # b',
    'E="q"',
    'F=a=b',
  ])
  t.same(read('\uFEFFA=1\r\nB=\uFEFF\r\n'), ['A=1', 'B=\uFEFF'])
  t.same(
    read('\u3000A=1\n\uFEFFB=2'),
    ['A=1', '\uFEFFB=2'],
    'one that is not the first is a name’s',
  )
  t.same(read('A=1\nA=2\n'), ['A=1', 'A=2'], 'both are docker’s to sort out')
  t.same(read(' \n\t\n'), [])
  t.same(read(''), [])
  for (const [text, reason] of [
    ['A B=1', "variable 'A B' contains whitespaces"],
    ['A=1\nB =1', "variable 'B ' contains whitespaces"],
    ['A B', "variable 'A B' contains whitespaces"],
    ['=x', "no variable name on line '=x'"],
    [Buffer.from([0x41, 0x3d, 0x0a, 0xff, 0x3d]), 'invalid utf8 bytes at line 2'],
  ] as const)
    t.throws(() => read(text), {
      code: 'ERR_OPTION',
      message: `invalid env file (${file}): ${reason}`,
    })
})

t.test('a file that cannot be read', async (t) => {
  const dir = temporaryDirectory(t)
  const read = (file: string): unknown => readKeyValueFile(file, 'label file', () => undefined)
  t.throws(() => read(path.join(dir, 'none')), {
    code: 'ERR_FILE_NOT_FOUND',
    message: `cannot read the label file ${dir}/none: no such file or directory`,
  })
  t.throws(() => read(dir), { code: 'ERR_HOST', message: /it is a directory$/ })
})
