// The shapes proved on shale itself, in every driver and view of this host, as root and as an ordinary user; and that
// the verdicts can go the other way: tools that are wrong on purpose are found out.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { conform, type ConformReport } from '../../src/conform/conform.ts'
import { shapeName } from '../../src/conform/shape-image.ts'
import { SHAPES } from '../../src/conform/shapes.ts'
import { canMountOverlay, isRoot } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

// The servers of FUSE mounts are processes, forty of them: they can do without tap's loader.
delete process.env['NODE_OPTIONS']
// What is mounted there is of these tests alone: others run beside.
const place = temporaryDirectory(t)
process.env['TMPDIR'] = place

function wrong(report: ConformReport): string[] {
  return report.shapes.flatMap((row) =>
    row.verdicts
      .filter(({ ok }) => !ok)
      .map(({ subject, saw, message }) => `${row.id} by ${subject}: ${saw} ${message ?? ''}`),
  )
}

t.test('shale gets every shape right, in each driver and view', async (t) => {
  const report = await conform()
  t.same(wrong(report), [])
  t.ok(report.ok)
  const names = report.subjects.map(({ name }) => name)
  for (const driver of ['overlay2', 'vfs']) {
    for (const view of ['ls', 'unionfs', 'merge', 'export', 'save', 'commit', 'squash']) {
      t.ok(names.includes(`${driver} ${view}`))
    }
  }
  if (isRoot && canMountOverlay()) {
    t.ok(names.includes('overlay2 mount'))
    t.same(report.unavailable, [])
  } else if (!isRoot) {
    // A view that cannot be tried is told of, not passed over.
    t.ok(report.unavailable.length > 0)
  }
  t.same(
    report.subjects.map(({ right, of }) => [right, of]),
    report.subjects.map(() => [16, 16]),
  )
  t.notOk(fs.readFileSync('/proc/self/mountinfo', 'utf8').includes(place), 'all unmounted')
  t.same(fs.readdirSync(place), [])
})

t.test('a tool by command template: right when it is right', async (t) => {
  const dir = temporaryDirectory(t)
  for (const shape of SHAPES) {
    if (shape.expected === 'error') continue
    const tree = path.join(dir, shapeName(shape))
    fs.mkdirSync(tree)
    for (const [name, node] of Object.entries(shape.expected)) {
      const at = path.join(tree, name)
      fs.mkdirSync(path.dirname(at), { recursive: true })
      if (node.type === 'directory') fs.mkdirSync(at, { recursive: true })
      if (node.type === 'file') fs.writeFileSync(at, node.content)
      if (node.type === 'symlink') fs.symlinkSync(node.target, at)
    }
  }
  const answer = `cp -a "${dir}/$(basename {archive} .tar)/." {rootfs}`
  const report = await conform({ tools: [answer] })
  t.same(wrong(report), [])
  t.same(report.subjects, [{ name: 'cp', right: 16, of: 16 }])
})

t.test('a tool that does the wrong thing is told what it did', async (t) => {
  const cases: readonly [string, RegExp][] = [
    ['echo "not this" >&2; exit 3', /opaque-first .*refused not this/],
    ['true', /opaque-first .*`d` is missing, `d\/new` is missing/],
    ['true', /bare-whiteout .*accepted/],
    ['mkdir d; echo new >d/new; echo old >d/old', /whiteout-then-directory .*`d\/old` is there/],
    ['echo old >f', /file-and-whiteout .*`f` is a file with "old\\n"/],
    ['mkdir x; ln -s elsewhere d', /opaque-first .*`d` is a link to "elsewhere"/],
    ['mkfifo f', /file-and-whiteout .*`f` is something else/],
  ]
  for (const [script, expected] of cases) {
    const report = await conform({ tools: [`cd {rootfs} && : {layout} && { ${script}; }`] })
    t.notOk(report.ok)
    t.match(wrong(report).join('\n'), expected)
  }
})

t.test('templates that cannot work are refused before anything runs', async (t) => {
  for (const [template, reason] of [
    ['unpack {archive}', /no \{rootfs\}/],
    ['unpack {rootfs}', /neither \{archive\} nor \{layout\}/],
    ['dokcer', /known tools are docker/],
  ] as const) {
    await t.rejects(conform({ tools: [template] }), { code: 'ERR_OPTION', message: reason })
  }
})

t.test('stops when it is told to', async (t) => {
  const reason = new Error('enough')
  const controller = new AbortController()
  const running = conform({
    tools: ['sleep 60; true {layout} {rootfs}'],
    signal: controller.signal,
  })
  setTimeout(() => controller.abort(reason), 300)
  await t.rejects(running, reason)
})

t.test('called off, nothing stays on a daemon that is not ours', async (t) => {
  const dir = temporaryDirectory(t)
  const asked = path.join(dir, 'asked')
  const script = `#!/bin/sh
echo "$@" >> '${asked}'
case $1 in create) echo container ;; export) : > '${asked}.export'; exec sleep 60 ;; esac
`
  fs.writeFileSync(path.join(dir, 'docker'), script, { mode: 0o755 })
  const abort = new AbortController()
  const watcher = fs.watch(dir, (_event, name) => {
    if (name === 'asked.export') abort.abort()
  })
  t.teardown(() => watcher.close())
  const env = { ...process.env, PATH: `${dir}:${process.env['PATH']}`, DOCKER_HOST: 'unix:///none' }
  await t.rejects(conform({ tools: ['docker'], env, signal: abort.signal }), { name: 'AbortError' })
  const words = fs.readFileSync(asked, 'utf8').trim().split('\n')
  t.match(words.slice(-2), ['rm -f container', /^rmi -f \S+$/])
})
