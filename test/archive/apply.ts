import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { LayerForm } from '../../src/driver/driver.ts'
import { probeForm } from '../../src/sys/probe.ts'
import { getXattr, listXattrs } from '../../src/sys/xattr.ts'
import { unless } from '../support/host.ts'
import { type Member, applyMembers } from '../support/layer-headers.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const best = probeForm('/var/tmp')
const FORMS: LayerForm[] =
  best === 'trusted' ? ['trusted', 'user', 'none'] : best === 'user' ? ['user', 'none'] : ['none']
const trusted = best === 'trusted' ? false : 'needs root'
const user = best === 'none' ? 'needs user.* attributes' : false

const text = (place: string, name: string): string | undefined => {
  const value = getXattr(place, name)
  return value instanceof Uint8Array ? Buffer.from(value).toString() : undefined
}

for (const form of FORMS) {
  t.test(`files, directories and links, form ${form}`, async (t) => {
    const dir = temporaryDirectory(t)
    const result = applyMembers(dir, form, [
      { path: './' },
      'd/',
      { path: './d/f', body: 'hello', mode: 0o640 },
      { path: 'd/empty' },
      { path: 'd/s', type: 'symlink', link: '../../../etc/passwd' },
      { path: 'h', type: 'hardlink', link: '/d/f', mode: 0o640 },
      { path: 'hs', type: 'hardlink', link: './d/s' },
      '/abs/implicit/x',
    ])
    t.equal(fs.readFileSync(path.join(dir, 'd/f'), 'utf8'), 'hello')
    t.equal(fs.statSync(path.join(dir, 'd/f')).mode & 0o7777, 0o640)
    t.equal(fs.statSync(path.join(dir, 'd/empty')).size, 0)
    t.equal(fs.readlinkSync(path.join(dir, 'd/s')), '../../../etc/passwd')
    t.equal(fs.statSync(path.join(dir, 'h')).ino, fs.statSync(path.join(dir, 'd/f')).ino)
    t.equal(
      fs.readlinkSync(path.join(dir, 'hs')),
      '../../../etc/passwd',
      'a link to a link is that link',
    )
    t.equal(fs.readFileSync(path.join(dir, 'abs/implicit/x'), 'utf8'), '/abs/implicit/x')
    t.equal(fs.statSync(path.join(dir, 'abs/implicit')).mode & 0o7777, 0o755)
    const target = '../../../etc/passwd'.length
    t.match(result, {
      entries: 8,
      treeBytes: 5 + target + 15,
      headerBytes: 20,
      displaced: false,
      rootOpaque: false,
    })
    t.same(result.warnings, [])
  })

  t.test(`times, form ${form}`, async (t) => {
    const dir = temporaryDirectory(t)
    const ns = 1_234_567_890_123_456_789n
    applyMembers(dir, form, [
      { path: 'd/', mtimeNs: ns },
      { path: 'd/f', mtimeNs: ns, atimeNs: ns + 5n },
      { path: 'd/old-atime', mtimeNs: ns, atimeNs: 7n },
      { path: 'd/s', type: 'symlink', link: 'x', mtimeNs: ns },
      { path: 'd/before', mtimeNs: -5n },
      { path: 'd/after', mtimeNs: 1n << 63n },
      { path: 'd/last', mtimeNs: (1n << 63n) - 1n },
    ])
    const status = (name: string): fs.BigIntStats =>
      fs.lstatSync(path.join(dir, name), { bigint: true })
    t.equal(status('d').mtimeNs, ns, 'after everything was put into it')
    t.equal(status('d/f').mtimeNs, ns)
    t.equal(status('d/f').atimeNs, ns + 5n)
    t.equal(status('d/old-atime').atimeNs, ns)
    t.equal(status('d/s').mtimeNs, ns)
    t.equal(status('d/before').mtimeNs, 0n)
    t.equal(status('d/after').mtimeNs, 0n)
    // ext4 and tmpfs end at other years; what counts is that it is no error and not 1970.
    t.not(status('d/last').mtimeNs, 0n)
  })

  t.test(`the last of several entries of one name wins, form ${form}`, async (t) => {
    const dir = temporaryDirectory(t)
    const result = applyMembers(dir, form, [
      { path: 'f', body: 'first' },
      { path: './f', body: 'last!!' },
      'd/',
      'd/x/',
      'd/x/gone',
      { path: 'd', body: 'a file now' },
      { path: 'e', body: 'four' },
      'e/',
      'e/f',
      { path: 's', type: 'symlink', link: 'e' },
      { path: 's/', type: 'directory' },
      { path: 's/in', body: 'not in e' },
      'm/',
      { path: 'm/', mode: 0o700 },
    ])
    t.equal(fs.readFileSync(path.join(dir, 'f'), 'utf8'), 'last!!')
    t.equal(fs.readFileSync(path.join(dir, 'd'), 'utf8'), 'a file now')
    t.same(fs.readdirSync(path.join(dir, 'e')), ['f'])
    t.same(fs.readdirSync(path.join(dir, 's')), ['in'])
    t.equal(fs.statSync(path.join(dir, 'm')).mode & 0o7777, 0o700)
    t.equal(result.displaced, true)
    t.equal(result.treeBytes, 6 + 10 + 3 + 8)
    t.match(result.warnings, [{ code: 'duplicate-entry', entry: 'f', count: 5 }])
  })

  t.test(`sparse files, form ${form}`, async (t) => {
    const dir = temporaryDirectory(t)
    const pieces = [
      { offset: 4096, length: 3 },
      { offset: 1_000_000, length: 2 },
    ]
    const result = applyMembers(dir, form, [
      { path: 's', body: 'abcde', sparse: { realSizeBytes: 3_000_000, pieces } },
    ])
    const expected = Buffer.alloc(3_000_000)
    expected.write('abc', 4096)
    expected.write('de', 1_000_000)
    t.ok(fs.readFileSync(path.join(dir, 's')).equals(expected))
    t.match(result, { treeBytes: 3_000_000, headerBytes: 3_000_000 })
  })
}

t.test('names are bytes, and as long as they may be', async (t) => {
  const dir = temporaryDirectory(t)
  const long = 'n'.repeat(255)
  const deep = Array.from({ length: 15 }, () => long).join('/')
  applyMembers(dir, FORMS[0]!, [`${deep}/f`, 'ä/ö'])
  t.equal(fs.readFileSync(path.join(dir, 'ä/ö'), 'utf8'), 'ä/ö')
  t.throws(() => applyMembers(dir, FORMS[0]!, [`${'x'.repeat(256)}/f`]), {
    code: /ERR_PATH_MAX/,
  })
})

t.test('more directories than may be open at once', async (t) => {
  const dir = temporaryDirectory(t)
  const names = Array.from({ length: 400 }, (_, i) => `d${i}`)
  const before = fs.readdirSync('/proc/self/fd').length
  applyMembers(dir, FORMS[0]!, [
    ...names.map((name) => `${name}/`),
    ...names.map((name) => `${name}/f`),
  ])
  t.ok(names.every((name) => fs.existsSync(path.join(dir, name, 'f'))))
  t.equal(fs.readdirSync('/proc/self/fd').length, before, 'all are closed again')
})

t.test('owner, special modes, devices', { skip: trusted }, async (t) => {
  const dir = temporaryDirectory(t)
  const { warnings } = applyMembers(dir, 'trusted', [
    { path: 'su', mode: 0o4755, uid: 1000, gid: 2000, body: 'x' },
    { path: 'd/', mode: 0o1777, uid: 5, gid: 6 },
    { path: 'sgid/', mode: 0o2755, gid: 7 },
    { path: 'sgid/f' },
    { path: 's', type: 'symlink', link: 'su', uid: 11, gid: 12 },
    { path: 'c', type: 'char', device: [1, 3], mode: 0o666, uid: 1 },
    { path: 'b', type: 'block', device: [259, 300], mode: 0o660, gid: 6 },
    { path: 'p', type: 'fifo', mode: 0o622 },
    { path: 'huge', uid: 4_000_000_000, gid: 3_000_000_000 },
  ])
  const status = (name: string): object => {
    const { mode, uid, gid, rdev } = fs.lstatSync(path.join(dir, name))
    return { mode: (mode & 0o7777).toString(8), uid, gid, rdev }
  }
  t.match(status('su'), { mode: '4755', uid: 1000, gid: 2000 })
  t.match(status('d'), { mode: '1777', uid: 5, gid: 6 })
  t.match(status('sgid/f'), { gid: 0 })
  t.match(status('s'), { uid: 11, gid: 12 })
  t.match(status('c'), { mode: '666', uid: 1, rdev: 0x103 })
  t.match(status('b'), { mode: '660', gid: 6, rdev: (259 << 8) | 44 | (1 << 20) })
  t.match(status('p'), { mode: '622' })
  t.match(status('huge'), { uid: 4_000_000_000, gid: 3_000_000_000 })
  t.same(warnings, [])
})

t.test('a hardlink header speaks for the inode it shares', { skip: trusted }, async (t) => {
  const dir = temporaryDirectory(t)
  applyMembers(dir, 'trusted', [
    { path: 'f', mode: 0o4755, uid: 1000, mtimeNs: 5n },
    { path: 'h', type: 'hardlink', link: 'f', mode: 0o644, uid: 0, mtimeNs: 9n },
    { path: 's', type: 'symlink', link: 'x', mtimeNs: 5n },
    { path: 'hs', type: 'hardlink', link: 's', uid: 3, mtimeNs: 9n },
  ])
  const f = fs.statSync(path.join(dir, 'f'), { bigint: true })
  t.equal(f.mode & 0o7777n, 0o644n)
  t.equal(f.uid, 0n)
  t.equal(f.mtimeNs, 9n)
  const s = fs.lstatSync(path.join(dir, 's'), { bigint: true })
  t.equal(s.uid, 3n)
  t.equal(s.mtimeNs, 5n)
})

t.test('extended attributes', { skip: trusted }, async (t) => {
  const dir = temporaryDirectory(t)
  const capability = '\u0001\0\0\u0002\u0001\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
  const { warnings } = applyMembers(dir, 'trusted', [
    {
      path: 'f',
      uid: 7,
      mode: 0o755,
      body: 'x',
      xattrs: { 'security.capability': capability, 'user.a': 'A' },
    },
    { path: 'd/', xattrs: { 'user.d': 'D', 'trusted.t': 'T' } },
    { path: 's', type: 'symlink', link: 'f', xattrs: { 'trusted.s': 'S', 'user.s': 'never' } },
  ])
  t.equal(text(path.join(dir, 'f'), 'security.capability'), capability, 'not cleared by chown')
  t.equal(text(path.join(dir, 'f'), 'user.a'), 'A')
  t.equal(text(path.join(dir, 'd'), 'user.d'), 'D')
  t.equal(text(path.join(dir, 'd'), 'trusted.t'), 'T')
  t.equal(text(path.join(dir, 's'), 'trusted.s'), 'S')
  t.match(warnings, [{ code: 'xattr-skipped', message: /user\.\*/, entry: 's', count: 1 }])
})

t.test(
  'attributes that the kernel refuses are no reason to refuse the layer',
  { skip: trusted },
  async (t) => {
    const dir = temporaryDirectory(t)
    const { warnings } = applyMembers(dir, 'trusted', [
      {
        path: 'f',
        xattrs: {
          'security.capability': 'no capability',
          'user.large': 'x'.repeat(70_000),
          'user.a': 'A',
        },
      },
    ])
    t.equal(text(path.join(dir, 'f'), 'user.a'), 'A')
    t.equal(warnings.filter((warning) => warning.code === 'xattr-refused').length, 2)
  },
)

t.test('a layer cannot forge what overlay keeps for itself', async (t) => {
  for (const form of FORMS) {
    const dir = temporaryDirectory(t)
    const forged: Member[] = [
      { path: 'gone', type: 'char', device: [0, 0] },
      { path: 'd/', xattrs: { 'trusted.overlay.opaque': 'y', 'user.overlay.opaque': 'y' } },
      { path: 'f', xattrs: { 'trusted.overlay.redirect': '/etc', 'user.overlay.whiteout': 'y' } },
      {
        path: 'g',
        xattrs: {
          'user.containers.override_stat': '0:0:4755:file',
          'user.fuseoverlayfs.origin': '/',
        },
      },
    ]
    const { warnings } = applyMembers(dir, form, forged)
    t.notOk(fs.existsSync(path.join(dir, 'gone')))
    for (const name of ['d', 'f', 'g']) {
      const names = listXattrs(path.join(dir, name)) as string[]
      t.same(
        names.filter((each) => /overlay|fuse/.test(each)),
        [],
        `${form} ${name}`,
      )
      t.not(text(path.join(dir, name), 'user.containers.override_stat'), '0:0:4755:file')
    }
    t.equal(
      warnings
        .filter((warning) => warning.code === 'forged-overlay-metadata')
        .reduce((sum, { count }) => sum + count, 0),
      7,
    )
  }
})

t.test('device numbers are not cut until they fit: 0:4294967296 would be a whiteout', async (t) => {
  for (const form of FORMS) {
    for (const device of [
      [0, 2 ** 32],
      [4096, 0],
      [0, 2 ** 20],
      [-1, 0],
      [1, -1],
    ] as const) {
      for (const type of ['char', 'block'] as const) {
        const dir = temporaryDirectory(t)
        t.throws(() => applyMembers(dir, form, [{ path: 'gone', type, device }]), {
          code: 'ERR_TAR_HEADER',
        })
        t.same(fs.readdirSync(dir), [])
      }
    }
  }
})

t.test('the user form keeps what it cannot set', { skip: user }, async (t) => {
  const dir = temporaryDirectory(t)
  const { warnings } = applyMembers(dir, 'user', [
    {
      path: 'f',
      uid: 1000,
      gid: 2000,
      mode: 0o4111,
      body: 'x',
      xattrs: { 'user.a': 'A', 'security.capability': 'c', 'trusted.t': 't' },
    },
    { path: 'd/', mode: 0o1555, gid: 3 },
    { path: 'd/in/x', body: 'y' },
    { path: 'c', type: 'char', device: [1, 3], mode: 0o666 },
    { path: 'b', type: 'block', device: [8, 1], mode: 0o660, gid: 6 },
    { path: 'p', type: 'fifo', mode: 0o600 },
    { path: 's', type: 'symlink', link: 'f', uid: 9 },
    { path: 'hc', type: 'hardlink', link: 'c', mode: 0o600 },
  ])
  const kept = (name: string): string | undefined =>
    text(path.join(dir, name), 'user.containers.override_stat')
  t.equal(kept(''), '0:0:0755:dir')
  t.equal(kept('f'), '1000:2000:4111:file')
  t.equal(kept('d'), '0:3:1555:dir')
  t.equal(kept('d/in'), '0:0:0755:dir')
  t.equal(kept('c'), '0:0:0600:char-1-3', 'the later link changed the mode, not the device')
  t.equal(kept('b'), '0:6:0660:block-8-1')
  t.equal(kept('p'), '0:0:0600:pipe')
  t.equal(kept('s'), undefined, 'Linux has no user.* attributes on symlinks')
  t.equal(text(path.join(dir, 'f'), 'user.a'), 'A')
  t.equal(fs.lstatSync(path.join(dir, 'f')).mode & 0o7777, 0o711)
  t.equal(fs.lstatSync(path.join(dir, 'd')).mode & 0o7777, 0o755)
  for (const name of ['c', 'b', 'p']) t.ok(fs.lstatSync(path.join(dir, name)).isFile())
  t.equal(fs.readFileSync(path.join(dir, 'f'), 'utf8'), 'x')
  t.match(
    warnings.map(({ code, count }) => ({ code, count })),
    [
      { code: 'xattr-skipped', count: 1 },
      { code: 'xattr-skipped', count: 1 },
    ],
  )
})

t.test('without attributes, content and mode are what there is', async (t) => {
  const dir = temporaryDirectory(t)
  const { warnings } = applyMembers(dir, 'none', [
    { path: 'f', uid: 1000, mode: 0o4400, body: 'x', xattrs: { 'trusted.x': 'x' } },
    { path: 'c', type: 'char', device: [1, 3] },
    { path: 'p', type: 'fifo', mode: 0o600 },
  ])
  t.equal(fs.lstatSync(path.join(dir, 'f')).mode & 0o7777, 0o600)
  t.ok(fs.lstatSync(path.join(dir, 'c')).isFile())
  t.ok(fs.lstatSync(path.join(dir, 'p')).isFIFO())
  t.same(
    (listXattrs(path.join(dir, 'f')) as string[]).filter((name) => name.startsWith('user.')),
    [],
  )
  t.same(warnings.map((warning) => warning.code).sort(), ['device-as-file', 'xattr-skipped'])
})

t.test('an entry below a file', async (t) => {
  const dir = temporaryDirectory(t)
  t.throws(() => applyMembers(dir, FORMS[0]!, ['f', 'f/x']), {
    name: 'ArchiveError',
    code: 'ERR_TAR_HEADER',
  })
})

t.test('a disk that fills up', { skip: unless({ tmpfs: true }) }, async (t) => {
  const { execFileSync } = await import('node:child_process')
  const dir = temporaryDirectory(t)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'shale-test', dir])
  t.teardown(() => execFileSync('umount', ['-l', dir]))
  const before = fs.readdirSync('/proc/self/fd').length
  t.throws(() => applyMembers(dir, 'trusted', [{ path: 'big', body: 'x'.repeat(1 << 20) }]), {
    code: 'ERR_DISK_FULL',
  })
  t.equal(fs.readdirSync('/proc/self/fd').length, before)
})
