// `shale overlay` and `mount -t fuse.shale` as their user sees them.

import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { unmountFuse, usersMayAllowOthers } from '../../src/sys/fuse-device.ts'
import { listMounts } from '../../src/sys/mount-table.ts'
import { EXIT } from '../../cli/exit-code.ts'
import { mountExitCode } from '../../cli/mount-exit-code.ts'
import { cleanEnvironment, MAIN, PROJECT, startShale, withoutLoader } from '../support/cli.ts'
import {
  againAsUser,
  FUSE_USER,
  fuseSkip,
  inNamespace,
  makeReady,
  type Ready,
} from '../support/fuse-for-users.ts'
import { findProgram, isRoot, unless } from '../support/host.ts'
import { apart } from '../support/mount-namespace.ts'
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
  t.match(
    again.stderr,
    /nothing of this store is shown there, and no container of that name is mounted/,
  )
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

t.test('nor does it stay where nobody hears that it is there', { skip: fuse }, async (t) => {
  const { dir, places } = layers(t)
  const target = path.join(dir, 'shown')
  t.teardown(() => unmountFuse(target, { lazy: true }))
  const root = ['--root', path.join(dir, 'root')]
  const { child } = startShale([...root, '--json', 'overlay', '--foreground', '-o', places, target])
  child.stdout!.destroy()
  t.same(await once(child, 'exit'), [EXIT.pipeClosed, null])
  t.notOk(listMounts().some((mount) => mount.target === target))
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
      'set +e',
      ...[
        `lowerdir=${dir}/none`,
        `${places},nonsense`,
        `${places},index=on`,
        `lowerdir=${dir}/low,fsync=2`,
      ].map((options) => `mount -t fuse.shale union ${dir}/shown -o ${options}; echo $?`),
      'exit 0',
    ].join('\n')
    const done = spawnSync(...withoutLoader(apart(['sh', '-c', script])), {
      encoding: 'utf8',
    })
    t.equal(done.status, 0, done.stderr)
    t.match(done.stdout, /^fuse\.shale +union +rw,noatime[^\n]*\nbelow32\n1\n32\n1\n$/)
    t.same(fs.readdirSync(path.join(dir, 'up')), ['new'])
  },
)

t.test('the exit codes of mount(8), and the page tells them', async (t) => {
  const page = fs.readFileSync(path.join(PROJECT, 'docs', 'exit-codes.md'), 'utf8')
  const rows = [...page.matchAll(/^\| ([\d, ]+?) +\| (\d+) +\| [a-z ]+\|$/gm)]
  const told = rows.flatMap(([, codes, code]) => codes!.split(', ').map((each) => [each, code]))
  const ours = Object.values(EXIT).map((code) => [String(code), String(mountExitCode(code))])
  t.same(Object.fromEntries(told), Object.fromEntries(ours))
})

t.test('mount.fuse.shale, as podman calls its mount_program', { skip: fuse }, async (t) => {
  const { dir, places } = layers(t)
  const [low, shown] = ['low', 'shown'].map((name) => path.join(dir, name))
  fs.mkdirSync(path.join(low!, 'd'))
  for (const name of ['gone', 'd/hidden']) fs.writeFileSync(path.join(low!, name), '')
  // As containers-storage unpacks a layer for one who may be unable to make whiteouts.
  const above = path.join(dir, 'above')
  fs.mkdirSync(path.join(above, 'd'), { recursive: true })
  for (const name of ['.wh.gone', 'd/.wh..wh..opq', 'd/new'])
    fs.writeFileSync(path.join(above, name), '')
  const helper = path.join(path.dirname(MAIN), 'mount-helper.js')
  const mount = (...args: string[]): { status: number | null; stderr: string } =>
    spawnSync(...withoutLoader([process.execPath, helper, ...args]), { encoding: 'utf8' })
  const done = mount('-o', places.replace('lowerdir=', `lowerdir=${above}:`), shown!)
  t.teardown(() => unmountFuse(shown!, { lazy: true }))
  t.equal(done.status, 0, done.stderr)
  t.same(fs.readdirSync(shown!).sort(), ['below', 'd'])
  t.same(fs.readdirSync(path.join(shown!, 'd')), ['new'])
  fs.writeFileSync(path.join(shown!, 'gone'), 'again')
  t.equal(fs.readFileSync(path.join(shown!, 'gone'), 'utf8'), 'again')
  t.equal(mount('-o', places).status, 1, 'no directory')
  t.equal(mount('a', 'b', 'c').status, 1, 'one too many')
})

const ready = isRoot && fuse === false ? makeReady(MAIN) : 'needs root'
/** As Debian has it; where it is not, no user mounts anything. */
const isSetuid = (fs.statSync(findProgram('mount') ?? '/').mode & 0o4000) !== 0

t.test(
  'a user’s line of an fstab',
  {
    skip:
      (typeof ready === 'string' && ready) ||
      unless({ programs: ['mount', 'umount'] }) ||
      (!isSetuid && 'mount is not setuid root') ||
      (!fs.existsSync('/etc/fstab') && 'there is no /etc/fstab to cover'),
  },
  (t) => {
    const { home, place } = ready as Ready
    const dir = path.join(home, 'fstab')
    const at = (name: string): string => path.join(dir, name)
    for (const name of ['', 'low', 'up', 'work', 'shown', 'sbin']) {
      fs.mkdirSync(at(name))
      fs.chownSync(at(name), FUSE_USER.uid, FUSE_USER.gid)
    }
    fs.writeFileSync(at('low/below'), 'below')
    const sbin = fs.realpathSync('/sbin')
    fs.cpSync(sbin, at('sbin'), { recursive: true, verbatimSymlinks: true })
    const helper = path.join(path.dirname(MAIN), 'mount-helper.js')
    const program = `#!/bin/sh\nexec ${process.execPath} ${helper} "$@"\n`
    fs.writeFileSync(at('sbin/mount.fuse.shale'), program, { mode: 0o755 })
    const places = `lowerdir=${at('low')},upperdir=${at('up')},workdir=${at('work')}`
    const line = `union ${at('shown')} fuse.shale user,noauto,${places} 0 0\n`
    const script = [
      'set -e',
      `mount ${at('shown')}`,
      `grep -o ' ${at('shown')} fuse.shale rw,nosuid,nodev,noexec,relatime,user_id=[0-9]*' /proc/self/mounts`,
      `cat ${at('shown/below')}; echo; echo new > ${at('shown/new')}`,
      // The server is told to end by the kernel, and whoever watches it by the server.
      `umount ${at('shown')}`,
      `! grep ' ${at('shown')} ' /proc/self/mounts`,
    ].join('\n')
    const command = inNamespace(place, ['sh', '-c', script], {
      etc: { '/etc/fstab': line },
      directories: { [sbin]: at('sbin') },
    })
    const done = spawnSync(...command, { encoding: 'utf8', env: cleanEnvironment() })
    t.equal(done.status, 0, done.stderr)
    t.match(done.stdout, new RegExp(`user_id=${FUSE_USER.uid}\nbelow\n$`))
    t.same(fs.readdirSync(at('up')), ['new'])
    t.end()
  },
)

t.test(
  'an ordinary user: mount.fuse.shale, and fusermount3 -u',
  { skip: fuse || unless({ ordinaryUser: true }) },
  async (t) => {
    const { dir, places } = layers(t)
    const target = path.join(dir, 'shown')
    const helper = path.join(path.dirname(MAIN), 'mount-helper.js')
    const mount = (options: string): { status: number | null; stderr: string } =>
      spawnSync(...withoutLoader([process.execPath, helper, 'union', target, '-o', options]), {
        encoding: 'utf8',
        env: cleanEnvironment({ HOME: dir, XDG_DATA_HOME: undefined }),
      })
    const done = mount(`${places},noatime`)
    t.equal(done.status, 0, done.stderr)
    const [mounted] = listMounts().filter((each) => each.target === target)
    t.match(mounted, { type: 'fuse.shale', source: 'union' })
    t.ok(['nosuid', 'nodev', 'noatime'].every((word) => mounted?.options.includes(word)))
    t.ok(mounted?.superOptions.includes('default_permissions'))
    fs.writeFileSync(path.join(target, 'new'), 'new')
    const inside = fs.openSync(path.join(target, 'below'), 'r')
    const busy = await shaleInProcess(['umount', target], { root: path.join(dir, 'root') })
    t.match(busy, { code: 1, stderr: /it is in use \(EBUSY\)/ })
    fs.closeSync(inside)
    t.equal(spawnSync('fusermount3', ['-u', target]).status, 0)
    t.same(fs.readdirSync(target), [])
    t.same(fs.readdirSync(path.join(dir, 'up')), ['new'])
    t.equal(fs.statSync(path.join(dir, 'up/new')).uid, process.getuid!())

    const others = mount(`${places},allow_other`)
    if (usersMayAllowOthers()) {
      t.equal(others.status, 0, others.stderr)
      t.ok(
        listMounts()
          .find((each) => each.target === target)
          ?.superOptions.includes('allow_other'),
      )
      t.equal(spawnSync('fusermount3', ['-u', target]).status, 0)
    } else {
      t.not(others.status, 0)
      t.match(others.stderr, /allow_other only allowed if 'user_allow_other' is set/)
    }
  },
)

t.test(
  'the root of a user namespace mounts by itself',
  { skip: fuse || unless({ userNamespace: true }) },
  (t) => {
    const { dir, places } = layers(t)
    const own = `"$0" ${MAIN} --root ${dir}/root`
    const script = [
      'set -e',
      `${own} overlay --view fuse -o ${places} ${dir}/shown`,
      `cat ${dir}/shown/below; echo; echo new > ${dir}/shown/new; rm ${dir}/shown/below`,
      `stat -c '%n %u:%g' ${dir}/shown/new`,
      `grep -c ' ${dir}/shown fuse.shale ' /proc/self/mounts`,
      `${own} umount ${dir}/shown`,
      `! grep ' ${dir}/shown ' /proc/self/mounts`,
    ].join('\n')
    const command = ['unshare', '-Urm', 'sh', '-c', script, process.execPath]
    const done = spawnSync(...withoutLoader(isRoot ? apart(command) : command), {
      encoding: 'utf8',
      env: cleanEnvironment(),
    })
    t.match(done, { status: 0, stdout: `below\n${dir}/shown/new 0:0\n1\n` }, done.stderr)
    t.same(fs.readdirSync(path.join(dir, 'up')).sort(), ['below', 'new'])
    t.end()
  },
)

againAsUser(import.meta.url)
