// `shale overlay` and `mount -t fuse.shale` as their user sees them.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { listMounts } from '../../src/sys/mount-table.ts'
import { MAIN, startShale, withoutLoader } from '../support/cli.ts'
import { againAsUser, fuseSkip } from '../support/fuse-for-users.ts'
import { unless } from '../support/host.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const fuse = fuseSkip()

function layers(t: { teardown(undo: () => void): unknown }): { dir: string; places: string } {
  const dir = fs.realpathSync(temporaryDirectory(t))
  for (const name of ['low', 'up', 'work', 'shown']) fs.mkdirSync(path.join(dir, name))
  fs.writeFileSync(path.join(dir, 'low/below'), 'below')
  const places = `lowerdir=${dir}/low,upperdir=${dir}/up,workdir=${dir}/work`
  return { dir, places }
}

t.test('by whatever view there is, away again, and by which', async (t) => {
  const { dir, places } = layers(t)
  const root = path.join(dir, 'root')
  const target = path.join(dir, 'shown')
  const done = await shaleInProcess(['--json', 'overlay', '-o', places, target], { root })
  t.equal(done.code, 0, done.stderr)
  const shown = JSON.parse(done.stdout) as { view: string; target: string }
  t.match(shown, { view: /^(kernel|fuse|merge)$/, target })
  t.equal(fs.readFileSync(path.join(target, 'below'), 'utf8'), 'below')
  fs.writeFileSync(path.join(target, 'new'), 'new')
  t.equal((await shaleInProcess(['umount', target], { root })).code, 0)
  t.same(fs.readdirSync(target), [])
  t.same(fs.readdirSync(path.join(dir, 'up')), ['new'])
  const again = await shaleInProcess(['umount', target], { root })
  t.equal(again.code, 10)
  t.match(again.stderr, /no image of this store is shown there/)
})

t.test('what is wrong is said in one line', async (t) => {
  const { dir, places } = layers(t)
  const target = path.join(dir, 'shown')
  for (const [args, code, message] of [
    [['-o', 'ro', target], 2, /lowerdir: it is missing/],
    [['-o', `${places},nonsense`, target], 2, /nonsense: there is no such option/],
    [['-o', `lowerdir=${dir}/none`, target], 10, /for lowerdir: there is no such directory/],
    [['--view', 'fuse', '-o', `${places},index=on`, target], 1, /the fuse view has no index=on/],
    [['-o', `${places},view=paper`, target], 2, /view: expected auto, kernel, fuse, merge/],
    [[target], 2, /required option/],
  ] as const) {
    const done = await shaleInProcess(['overlay', ...args], { root: path.join(dir, 'root') })
    t.equal(done.code, code)
    t.match(done.stderr, message)
  }
})

t.test('in the foreground until it is unmounted, or a signal comes', { skip: fuse }, async (t) => {
  const { dir, places } = layers(t)
  const target = path.join(dir, 'shown')
  const isMounted = (): boolean => listMounts().some((mount) => mount.target === target)
  for (const end of ['umount', 'SIGTERM'] as const) {
    const args = ['--root', path.join(dir, 'root'), 'overlay', '--foreground', '-o', places, target]
    const { child, done } = startShale(args)
    for (let tries = 0; tries < 500 && !isMounted(); tries++) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    t.ok(isMounted())
    fs.writeFileSync(path.join(target, end), '')
    if (end === 'SIGTERM') child.kill(end)
    else await shaleInProcess(['umount', target], { root: path.join(dir, 'root') })
    const { signal } = await done
    t.equal(signal, null)
    t.notOk(isMounted(), end)
    t.ok(fs.existsSync(path.join(dir, 'up', end)))
  }
})

t.test(
  'mount -t fuse.shale, as mount(8) calls it',
  { skip: fuse || unless({ root: true, programs: ['mount', 'umount', 'unshare'] }) },
  async (t) => {
    const { dir, places } = layers(t)
    fs.mkdirSync(path.join(dir, 'sbin'))
    const helper = path.join(path.dirname(MAIN), 'mount-helper.js')
    const script = [
      'set -e',
      // mount(8) looks for helpers in /sbin alone: in a mount namespace of our own it has one more.
      'sbin=$(readlink -f /sbin)',
      `cp -a "$sbin/." ${dir}/sbin/`,
      `printf '#!/bin/sh\nexec ${process.execPath} ${helper} "$@"\n' > ${dir}/sbin/mount.fuse.shale`,
      `chmod 755 ${dir}/sbin/mount.fuse.shale`,
      `mount --bind ${dir}/sbin "$sbin"`,
      `mount -t fuse.shale union ${dir}/shown -o ${places},noatime,nofail`,
      `findmnt -n -o FSTYPE,SOURCE,OPTIONS ${dir}/shown`,
      `cat ${dir}/shown/below; echo new > ${dir}/shown/new`,
      `umount ${dir}/shown`,
      `mount -f -t fuse.shale union ${dir}/shown -o ${places}`,
      `ls ${dir}/shown`,
    ].join('\n')
    const done = spawnSync(...withoutLoader(['unshare', '-m', 'sh', '-c', script]), {
      encoding: 'utf8',
    })
    t.equal(done.status, 0, done.stderr)
    t.match(done.stdout, /^fuse\.shale +union +rw,noatime[^\n]*\nbelow$/)
    t.same(fs.readdirSync(path.join(dir, 'up')), ['new'])
  },
)

againAsUser(import.meta.url)
