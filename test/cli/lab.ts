// lab on the command line: the list, a lesson in two languages, as a test, as a page.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { shale, shaleJson, shaleOk } from '../support/cli.ts'
import { temporaryDirectory } from '../support/temporary.ts'

t.test('the list, by locale', async (t) => {
  const locale = (LC_ALL: string, LANG = ''): Record<string, string> => ({ LC_ALL, LANG })
  const english = shaleOk(['lab'], { env: locale('C') })
  t.match(english, /^merge +One tree out of three directories$/m)
  t.match(shaleOk(['lab'], { env: locale('zh_CN.UTF-8') }), /^merge +三个目录合成一棵树$/m)
  t.match(shaleOk(['lab'], { env: locale('', 'zh_TW') }), '三个目录')
  t.equal(shaleOk(['lab'], { env: locale('en_GB.UTF-8', 'zh_CN.UTF-8') }), english)
  t.equal(shaleOk(['lab', '--lang', 'en'], { env: locale('zh_CN') }), english)
  const rows = shaleJson<{ id: string; steps: number }[]>(['lab'])
  t.equal(rows.length, english.split('\n').length)
})

t.test('a lesson', async (t) => {
  const said = shaleOk(['lab', '--lang', 'en', 'hardlink'])
  t.match(said, /^2\. One file with two names/m)
  t.match(said, /^ {3}\$ cat M\/a M\/b\n {3}after\n {3}before\n {3}\(expected: .*; as expected\)$/m)
  t.match(said, /The union here is/)
  t.match(shaleOk(['lab', '--lang', 'zh', '--pause', 'hardlink']), / {3}（预期：.*；符合预期）\n/)
  interface Ran {
    readonly lesson: string
    readonly steps: { readonly command: string; readonly asExpected: boolean }[]
  }
  const { lesson, steps } = shaleJson<Ran>(['lab', 'hardlink'])
  t.equal(lesson, 'hardlink')
  t.ok(steps.every(({ asExpected }) => asExpected))
})

t.test('as a test', async (t) => {
  t.match(
    shaleOk(['lab', '--check', 'rename']),
    /^ok rename 9\/9 \((kernel|namespace|fuse|union)\)$/,
  )
  // A host whose sha256sum is another program behaves otherwise than told.
  const dir = temporaryDirectory(t)
  fs.writeFileSync(path.join(dir, 'sha256sum'), '#!/bin/sh\necho none\n', { mode: 0o755 })
  const PATH = `${dir}:${process.env['PATH']}`
  const { code, stdout } = shale(['lab', '--check', 'chainid'], { env: { PATH } })
  t.not(code, 0)
  t.match(stdout, /^FAILED chainid /)
  t.match(stdout, /expected: two digests/)
})

t.test('as a page', async (t) => {
  const file = path.join(temporaryDirectory(t), 'page.html')
  shaleOk(['lab', '--web', file, 'whiteout'])
  const page = fs.readFileSync(file, 'utf8')
  t.match(page, '<!DOCTYPE html>')
  t.match(page, '<svg ')
  fs.writeFileSync(`${file}.any`, '')
  t.equal(fs.statSync(file).mode, fs.statSync(`${file}.any`).mode, 'no secret')
  t.match(page, '符合预期')
  t.notMatch(page, 'class="bad"')
})

t.test('a lesson that there is not', async (t) => {
  const { code, stderr } = shale(['lab', 'none'])
  t.not(code, 0)
  t.match(stderr, /there are merge, whiteout/)
})
