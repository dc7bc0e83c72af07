// POSIX ACLs of a layer by FUSE: the kernel asks for them where it asks for permissions (default_permissions).

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { unmountFuse } from '../../../src/sys/fuse-device.ts'
import { getXattr, setXattr } from '../../../src/sys/xattr.ts'
import { ACCESS_ACL, DEFAULT_ACL } from '../../../src/union/posix-acl.ts'
import { mountByFuse } from '../../../src/view/fuse/mount-fuse.ts'
import { must } from '../../../src/sys/errno.ts'
import { fuseSkip } from '../../support/fuse-for-users.ts'
import { findProgram, unless } from '../../support/host.ts'
import { showOverlay } from '../../../src/view/overlay/show-overlay.ts'
import { parseOverlayOptions } from '../../../src/view/overlay/overlay-options.ts'
import { unmountOverlay } from '../../../src/view/overlay/unmount-overlay.ts'
import { latin1, overlaySkip } from '../../support/layer-directory.ts'
import { TAG, arbitraryAcl, encodeAcl, type AclEntry } from '../../support/posix-acl.ts'
import { memoryDirectory } from '../../support/temporary.ts'

const SOMEBODY = 1000
const SOMEBODY_ELSE = 1001

/** The owner may read and write, `SOMEBODY` has `rights`, everybody else `others`. */
function acl(rights: number, others: number): Buffer {
  return encodeAcl([
    [TAG.owner, 6],
    [TAG.user, rights, SOMEBODY],
    [TAG.group, others],
    [TAG.mask, 7],
    [TAG.others, others],
  ])
}

t.test(
  'who is shut out and who is let in',
  { skip: fuseSkip() || unless({ root: true }) },
  async (t) => {
    const home = memoryDirectory(t)
    const [lower, upper, work, target] = ['lower', 'upper', 'work', 'shown'].map((name) => {
      const place = path.join(home, name)
      fs.mkdirSync(place)
      fs.chmodSync(place, 0o755)
      return place
    }) as [string, string, string, string]
    fs.chmodSync(home, 0o755)
    for (const [name, value] of [
      ['denied', acl(0, 4)],
      ['allowed', acl(4, 0)],
    ] as const) {
      const file = path.join(lower, name)
      fs.writeFileSync(file, name)
      if (setXattr(latin1(file), 'system.posix_acl_access', value) < 0) {
        t.comment('skipped: no ACLs here')
        return
      }
    }
    const upperOf = { directory: upper, work }
    await mountByFuse({ target, form: 'trusted', lowers: [lower], upper: upperOf })
    t.teardown(() => unmountFuse(target, { lazy: true }))
    const mayRead = (name: string, uid: number): boolean =>
      spawnSync('cat', [path.join(target, name)], { uid, gid: uid }).status === 0
    const asked = (): boolean[] =>
      ['denied', 'allowed'].flatMap((name) =>
        [SOMEBODY, SOMEBODY_ELSE].map((uid) => mayRead(name, uid)),
      )
    t.same(asked(), [false, true, true, false])
    // Copied up, with what they have.
    for (const name of ['denied', 'allowed']) fs.utimesSync(path.join(target, name), 1, 1)
    t.same(asked(), [false, true, true, false])
  },
)

interface Made {
  readonly directory: string
  /** Its default ACL; undefined: none. */
  readonly acl: readonly AclEntry[] | undefined
  readonly umask: string
  readonly mode: string
  readonly isSetgid: boolean
}

const octal = (max: number): fc.Arbitrary<string> =>
  fc.integer({ min: 0, max }).map((bits) => bits.toString(8).padStart(4, '0'))

const made: fc.Arbitrary<Made[]> = fc
  .array(
    fc.record({
      acl: fc.option(arbitraryAcl, { nil: undefined, freq: 4 }),
      umask: octal(0o777),
      mode: octal(0o777),
      isSetgid: fc.boolean(),
    }),
    { minLength: 30, maxLength: 30 },
  )
  .map((all) => all.map((each, index) => ({ ...each, directory: `d${index}` })))

const GROUP = 50

/** As root of a group of the directory's, and of none: the bit of a setgid file stays, or goes. */
const MAKE = `
import os, sys, ctypes
libc = ctypes.CDLL(None, use_errno=True)
for line in sys.stdin:
    directory, umask, mode = line.split()
    os.chdir(sys.argv[1] + '/' + directory)
    os.umask(int(umask, 8))
    mode = int(mode, 8)
    os.mkdir('dir', mode)
    os.chmod('dir', 0o700 | os.stat('dir').st_mode)
    os.close(os.open('dir/inner', os.O_CREAT | os.O_WRONLY, mode))
    os.mkdir('dir/dir', mode)
    os.mkfifo('fifo', mode)
    os.symlink('nowhere', 'link')
    os.unlink('was')
    os.mkdir('was', mode)
    os.close(os.open('file', os.O_CREAT | os.O_WRONLY, mode))
    fd = os.open('.', os.O_TMPFILE | os.O_RDWR, mode)
    libc.linkat(-100, b'/proc/self/fd/%d' % fd, -100, b'nameless', 0x400)
    for groups, name in (([${GROUP}], 'member'), ([], 'stranger')):
        if os.fork() == 0:
            os.setgroups(groups)
            os.setresgid(1000, 1000, 1000)
            os.setresuid(1000, 1000, 1000)
            try:
                os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o2000 | mode))
                os.mkdir(name + '-dir', 0o2000 | mode)
            except PermissionError:
                pass
            os._exit(0)
        os.wait()
`

function prepare(directory: string, all: readonly Made[]): void {
  for (const { directory: name, acl, isSetgid } of all) {
    const place = path.join(directory, name)
    fs.mkdirSync(place)
    fs.writeFileSync(path.join(place, 'was'), '')
    fs.chownSync(place, 0, GROUP)
    fs.chmodSync(place, isSetgid ? 0o2777 : 0o777)
    if (acl !== undefined)
      must(setXattr(latin1(place), DEFAULT_ACL, encodeAcl(acl)), 'setxattr', place)
  }
}

/** Of each name below: mode, owner, ACLs. */
function described(directory: string): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const name of (fs.readdirSync(directory, { recursive: true }) as string[]).toSorted()) {
    const place = path.join(directory, name)
    const { mode, uid, gid } = fs.lstatSync(place)
    const [access, given] = [ACCESS_ACL, DEFAULT_ACL].map((key) => {
      const value = getXattr(latin1(place), key)
      return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : undefined
    })
    out[name] = { mode: mode.toString(8), uid, gid, access, given }
  }
  return out
}

async function make(
  t: Test,
  view: 'kernel' | 'fuse',
  all: readonly Made[],
): Promise<{ merged: Record<string, unknown>; upper: Record<string, unknown> }> {
  const home = memoryDirectory(t)
  const at = (name: string): string => path.join(home, name)
  fs.chmodSync(home, 0o755)
  for (const name of ['lower', 'upper', 'work', 'shown']) fs.mkdirSync(at(name))
  prepare(at('lower'), all)
  // What is put together there inherits nothing from it.
  must(setXattr(latin1(at('work')), DEFAULT_ACL, acl(7, 7)), 'setxattr', at('work'))
  const options = parseOverlayOptions(
    `lowerdir=${at('lower')},upperdir=${at('upper')},workdir=${at('work')}`,
  )
  await showOverlay({ options, target: at('shown'), view, merges: at('records') })
  const input = all.map((each) => `${each.directory} ${each.umask} ${each.mode}\n`).join('')
  const python = findProgram('python3')!
  const ran = spawnSync(python, ['-c', MAKE, at('shown')], { input, encoding: 'utf8' })
  t.equal(ran.stderr, '', view)
  const merged = described(at('shown'))
  await unmountOverlay(at('records'), at('shown'))
  return { merged, upper: described(at('upper')) }
}

t.test(
  'what is made has the mode and the ACLs that the kernel’s overlay gives it',
  { skip: fuseSkip() || unless({ root: true, programs: ['python3'] }) || (await overlaySkip()) },
  async (t) => {
    const seed = Number(process.env['SHALE_UNION_SEED'] ?? Date.now())
    t.comment(`SHALE_UNION_SEED=${seed}`)
    for (const all of fc.sample(made, { numRuns: 3, seed })) {
      const kernel = await make(t, 'kernel', all)
      const fuse = await make(t, 'fuse', all)
      t.ok(Object.keys(kernel.merged).length > all.length * 8)
      t.same(fuse.merged, kernel.merged)
      t.same(fuse.upper, kernel.upper)
    }
  },
)
