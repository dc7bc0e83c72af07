// Layers that try to write outside of their directory, each with a twin that looks alike and must unpack.

import fs from 'node:fs'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { probeForm } from '../../src/sys/probe.ts'
import { type Member, applyMembers } from '../support/layer-headers.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const form = probeForm('/var/tmp')
const link = (name: string, target: string): Member => ({
  path: name,
  type: 'symlink',
  link: target,
})
const hard = (name: string, target: string): Member => ({
  path: name,
  type: 'hardlink',
  link: target,
})

/** A directory to unpack into, beside things that must stay as they are. */
function place(t: { teardown(callback: () => void): unknown }): {
  layer: string
  untouched: () => boolean
} {
  const outside = temporaryDirectory(t)
  const layer = path.join(outside, 'a/b/layer')
  fs.mkdirSync(layer, { recursive: true })
  fs.writeFileSync(path.join(outside, 'victim'), 'untouched', { mode: 0o600 })
  fs.mkdirSync(path.join(outside, 'dir'))
  const { ino, mtimeMs, nlink } = fs.statSync(path.join(outside, 'victim'))
  return {
    layer,
    untouched: () => {
      const now = fs.statSync(path.join(outside, 'victim'))
      const same =
        now.ino === ino &&
        now.mtimeMs === mtimeMs &&
        now.nlink === nlink &&
        (now.mode & 0o7777) === 0o600
      return (
        same &&
        fs.readFileSync(path.join(outside, 'victim'), 'utf8') === 'untouched' &&
        fs.readdirSync(outside).sort().join() === 'a,dir,victim' &&
        fs.readdirSync(path.join(outside, 'dir')).length === 0 &&
        fs.readdirSync(path.join(outside, 'a/b')).join() === 'layer'
      )
    },
  }
}

const REFUSED: readonly [string, readonly (string | Member)[], string][] = [
  ['..', ['..'], 'ERR_PATH_ESCAPE'],
  ['../victim', ['../../../victim'], 'ERR_PATH_ESCAPE'],
  ['a/../../victim', ['a/../../../../victim'], 'ERR_PATH_ESCAPE'],
  ['/../victim', ['/../../../victim'], 'ERR_PATH_ESCAPE'],
  ['a whiteout outside', ['../../../.wh.victim'], 'ERR_PATH_ESCAPE'],
  ['an opaque marker outside', ['../../../dir/.wh..wh..opq'], 'ERR_PATH_ESCAPE'],
  ['a link to ../', [hard('h', '../../../victim')], 'ERR_LINK_ESCAPE'],
  ['a link to a/../../', ['a/', hard('h', 'a/../../../../victim')], 'ERR_LINK_ESCAPE'],
  ['a link to what is not there', [hard('h', 'missing')], 'ERR_LINK_TARGET'],
  ['a link before its target', [hard('h', 'f'), 'f'], 'ERR_LINK_TARGET'],
  ['a link to the top', [hard('h', '/')], 'ERR_LINK_TARGET'],
  ['a link to a directory', ['d/', hard('h', 'd')], 'ERR_LINK_TARGET'],
  ['a link to itself', ['f', hard('f', 'f')], 'ERR_LINK_TARGET'],
  ['a link to a whiteout', ['.wh.w', hard('h', 'w')], 'ERR_LINK_TARGET'],
  [
    'a link through a symlink to outside',
    [link('out', '../../..'), hard('h', 'out/victim')],
    'ERR_LINK_TARGET',
  ],
  ['a symlink loop as parent', [link('l1', 'l2'), link('l2', 'l1'), 'l1/f'], 'ERR_TAR_HEADER'],
  ['a symlink without a target', [link('s', '')], 'ERR_LINK_TARGET'],
]

for (const [name, members, code] of REFUSED) {
  t.test(`refuses ${name}`, async (t) => {
    const { layer, untouched } = place(t)
    t.throws(() => applyMembers(layer, form, members), { code })
    t.ok(untouched())
  })
}

const CONFINED: readonly [
  string,
  (victim: string) => readonly (string | Member)[],
  readonly string[],
][] = [
  ['an absolute name', () => ['/f'], ['f']],
  ['a/../f', () => ['a/../f'], ['f']],
  [
    'a relative symlink out, then a file through it',
    () => [link('out', '../../..'), 'out/f'],
    ['f', 'out'],
  ],
  [
    'an absolute symlink out, then a file through it',
    (victim) => [link('out', path.dirname(victim)), 'out/f'],
    ['out'],
  ],
  [
    'a symlink onto a file outside, then that file',
    (victim) => [link('f', victim), { path: 'f', body: 'mine' }],
    ['f'],
  ],
  ['a dangling symlink as parent', () => [link('out', '/new/place'), 'out/f'], ['new', 'out']],
  ['a directory over a symlink out', () => [link('out', '../../../dir'), 'out/', 'out/f'], ['out']],
  ['a symlinked top entry', () => [link('./', '../../../dir'), 'f'], ['f']],
  [
    'a whiteout through a symlink out',
    () => [link('out', '../../..'), 'out/.wh.victim'],
    ['out', form === 'none' ? '.wh.victim' : 'victim'],
  ],
  [
    'an opaque marker through a symlink out',
    () => ['x/', link('x/out', '../../../../dir'), 'x/out/.wh..wh..opq'],
    ['dir', 'x'],
  ],
  [
    'a hardlink onto a symlink out, then its content',
    (victim) => [link('s', victim), hard('h', 's'), { path: 'h', body: 'mine' }],
    ['h', 's'],
  ],
  [
    'a hardlink through a symlink inside',
    () => ['d/', 'd/f', link('l', '/d'), hard('h', 'l/f')],
    ['d', 'h', 'l'],
  ],
]

for (const [name, members, expected] of CONFINED) {
  t.test(`keeps inside: ${name}`, async (t) => {
    const { layer, untouched } = place(t)
    applyMembers(layer, form, members(path.resolve(layer, '../../../victim')))
    t.ok(untouched())
    t.same(
      fs.readdirSync(layer).sort(),
      [
        ...expected,
        ...(name.startsWith('an absolute symlink') ? [path.resolve(layer).split('/')[1]!] : []),
      ].sort(),
    )
  })
}

t.test('what every Debian image has must unpack', async (t) => {
  const { layer, untouched } = place(t)
  applyMembers(layer, form, [
    './',
    './usr/',
    './usr/lib/',
    './usr/lib/x86/',
    link('./lib', 'usr/lib'),
    link('./lib64', '/usr/lib/x86'),
    './lib/a',
    './lib64/b',
    hard('./c', './lib64/b'),
    link('./etc/alternatives/awk', '/usr/bin/mawk'),
    link('./dev/fd', '/proc/self/fd'),
  ])
  t.ok(untouched())
  t.equal(fs.readFileSync(path.join(layer, 'usr/lib/a'), 'utf8'), './lib/a')
  t.equal(fs.readFileSync(path.join(layer, 'c'), 'utf8'), './lib64/b')
})

t.test('a directory that is swapped for a link while it is filled', async (t) => {
  const { layer } = place(t)
  const dir = path.resolve(layer, '../../../dir')
  const stop = new Int32Array(new SharedArrayBuffer(4))
  const swap = `const fs = require('node:fs')
    const { layer, dir, stop } = require('node:worker_threads').workerData
    require('node:worker_threads').parentPort.postMessage('ready')
    while (Atomics.load(stop, 0) === 0) {
      try { fs.renameSync(layer + '/d', layer + '/away'); fs.symlinkSync(dir, layer + '/d') } catch {}
      try { fs.unlinkSync(layer + '/d') } catch {}
      try { fs.renameSync(layer + '/away', layer + '/d') } catch {}
    }`
  fs.mkdirSync(path.join(layer, 'd'))
  const worker = new Worker(swap, { eval: true, workerData: { layer, dir, stop } })
  await new Promise((resolve) => worker.once('message', resolve))
  try {
    for (let round = 0; round < 60; round++) {
      const members = Array.from({ length: 20 }, (_, i) => ({
        path: `d/s${round}/f${i}`,
        body: 'x',
      }))
      try {
        applyMembers(layer, form, members)
      } catch {
        // The layer's own names may be missing at the wrong moment; what counts is where nothing went.
      }
    }
  } finally {
    Atomics.store(stop, 0, 1)
    await worker.terminate()
  }
  t.same(fs.readdirSync(dir), [])
})
