// `shale conform` as its user sees it: the table, its forms, the exit codes, the shapes on disk.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { shaleInProcess } from '../support/in-process.ts'
import { temporaryDirectory } from '../support/temporary.ts'

// The servers of FUSE mounts are processes, forty of them: they can do without tap's loader.
delete process.env['NODE_OPTIONS']

interface Report {
  readonly ok: boolean
  readonly shapes: readonly { readonly id: string; readonly rule: string }[]
}

t.test('all right: a table, and 0', async (t) => {
  const root = path.join(temporaryDirectory(t), 'root')
  const done = await shaleInProcess(['conform'], { root })
  t.equal(done.code, 0, done.stderr)
  t.match(done.stdout, /^# +SHAPE +EXPECTED +overlay2 ls/)
  t.match(done.stdout, /^3 +\.wh\.d then d\/, d\/new +d\/new alone +ok/m)
  t.match(done.stdout, /right +16 of 16/)
  t.notMatch(done.stdout, 'WRONG')
  t.match(done.stderr, 'trying overlay2 ls')
  t.notOk(fs.existsSync(root), 'the user’s own store is not touched')
})

t.test('something wrong: which, the rule, and 1', async (t) => {
  const root = temporaryDirectory(t)
  const tool = 'echo "no \u001b[31m" >&2; test -n "{archive}{rootfs}" && exit 1'
  const text = await shaleInProcess(['--quiet', 'conform', '--tool', tool], { root })
  t.equal(text.code, 1)
  t.equal(text.stderr, '', 'a verdict is no error')
  t.match(text.stdout, /^1 .* WRONG$/m)
  t.match(text.stdout, /^13 .* ok$/m)
  t.match(text.stdout, /the rule: https:\/\/github.com\/opencontainers\/image-spec/)
  t.match(text.stdout, '\\x1b[31m')
  t.notMatch(text.stdout, '\u001b', 'what a tool says is escaped')

  const markdown = await shaleInProcess(['conform', '--tool', tool, '--markdown'], { root })
  t.equal(markdown.code, 1)
  const rows = markdown.stdout.split('\n').filter((line) => /^\| \d/.test(line))
  t.equal(rows.length, 22)
  for (const row of rows) t.equal(row.split('|').length, 6, row)
  t.match(
    rows[2],
    /^\| 3 \| \[`\.wh\.d` then .*\]\(https:.*#whiteouts\) \| `d\/new` alone \| \*\*refused\*\* \|$/,
  )

  const json = await shaleInProcess(['--json', 'conform', '--tool', tool], { root })
  t.equal(json.code, 1)
  const report = JSON.parse(json.stdout) as Report
  t.equal(report.ok, false)
  t.equal(report.shapes.length, 22)
})

t.test('--out writes the shapes and runs nothing', async (t) => {
  const root = temporaryDirectory(t)
  const out = path.join(root, 'shapes')
  const done = await shaleInProcess(['conform', '--out', out], { root })
  t.equal(done.code, 0)
  t.equal(done.stdout, '')
  t.match(done.stderr, 'wrote 22 shapes')
  t.same(fs.readdirSync(out).sort(), ['README.md', 'docker-archive', 'expected.json', 'oci-layout'])
  t.equal((await shaleInProcess(['conform', '--out', out], { root })).code, 1)
})

t.test('a tool that is none', async (t) => {
  const root = temporaryDirectory(t)
  t.equal((await shaleInProcess(['conform', '--tool', 'nothing'], { root })).code, 2)
  const env = { PATH: '/nonexistent' }
  const gone = await shaleInProcess(['conform', '--tool', 'umoci'], { root, env })
  t.equal(gone.code, 1)
  t.match(gone.stderr, /cannot try umoci: there is no program umoci/)
})
