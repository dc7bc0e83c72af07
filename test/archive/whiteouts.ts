// The shapes of docs/union-semantics.md, as directories: what one layer's deletions become on disk in each form, and
// what the kernel makes of them where it may mount.

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { makeWhiteout } from '../../src/archive/whiteout-form.ts'
import type { LayerForm } from '../../src/driver/driver.ts'
import { pathFromText } from '../../src/path/byte-path.ts'
import { mountSpec, unmount } from '../../src/sys/mount.ts'
import { probeForm } from '../../src/sys/probe.ts'
import { getXattr } from '../../src/sys/xattr.ts'
import { canMountOverlay, canUnshareUser } from '../support/host.ts'
import { type Member, applyMembers } from '../support/layer-headers.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const best = probeForm('/var/tmp')
const FORMS: LayerForm[] =
  best === 'trusted' ? ['trusted', 'user', 'none'] : best === 'user' ? ['user', 'none'] : ['none']

/** Path to what is there: `file`, `dir`, `opaque`, `whiteout`, `link`. Opacity as `x` is told by nothing but its whiteouts. */
function read(root: string, form: LayerForm): Record<string, string> {
  const found: Record<string, string> = {}
  const prefix = form === 'trusted' ? 'trusted' : 'user'
  const visit = (relative: string): void => {
    const place = path.join(root, relative)
    for (const name of fs.readdirSync(place).sort()) {
      const each = path.join(relative, name)
      const status = fs.lstatSync(path.join(root, each))
      if (form === 'none' && name === '.wh..wh..opq') {
        found[relative] = 'opaque'
      } else if (form === 'none' && name.startsWith('.wh.')) {
        found[path.join(relative, name.slice(4))] = 'whiteout'
      } else if (status.isDirectory()) {
        const opaque = getXattr(path.join(root, each), `${prefix}.overlay.opaque`)
        found[each] = opaque instanceof Uint8Array && opaque[0] === 0x79 ? 'opaque' : 'dir'
        visit(each)
      } else if (status.isSymbolicLink()) found[each] = 'link'
      else if (status.isCharacterDevice() && status.rdev === 0) found[each] = 'whiteout'
      else if (
        form === 'user' &&
        getXattr(path.join(root, each), 'user.overlay.whiteout') instanceof Uint8Array
      ) {
        found[each] = 'whiteout'
        // Without the mark on the directory and on the layer's top the kernel would show a file here.
        for (const dir of [place, root]) {
          t.same(getXattr(dir, 'user.overlay.opaque'), new Uint8Array([0x78]), `${dir} is marked`)
        }
      } else found[each] = 'file'
    }
  }
  visit('')
  return found
}

interface Shape {
  readonly name: string
  readonly lower: readonly (string | Member)[]
  readonly upper: readonly (string | Member)[]
  /** What the upper layer's directory holds. */
  readonly disk: Readonly<Record<string, string>>
  /** All names of the merge. */
  readonly merged: readonly string[]
  readonly rootOpaque?: boolean
}

const SHAPES: readonly Shape[] = [
  {
    name: '1 opaque marker first',
    lower: ['d/', 'd/old'],
    upper: ['d/', 'd/.wh..wh..opq', 'd/new'],
    disk: { d: 'opaque', 'd/new': 'file' },
    merged: ['d', 'd/new'],
  },
  {
    name: '2 opaque marker last',
    lower: ['d/', 'd/old'],
    upper: ['d/', 'd/new', 'd/.wh..wh..opq'],
    disk: { d: 'opaque', 'd/new': 'file' },
    merged: ['d', 'd/new'],
  },
  {
    name: '3 whiteout, then the directory again',
    lower: ['d/', 'd/old'],
    upper: ['.wh.d', 'd/', 'd/new'],
    disk: { d: 'opaque', 'd/new': 'file' },
    merged: ['d', 'd/new'],
  },
  {
    name: '4 the directory again, then its whiteout',
    lower: ['d/', 'd/old'],
    upper: ['d/', 'd/new', '.wh.d'],
    disk: { d: 'opaque', 'd/new': 'file' },
    merged: ['d', 'd/new'],
  },
  {
    name: '5 a file and its whiteout',
    lower: ['f'],
    upper: ['f', '.wh.f'],
    disk: { f: 'file' },
    merged: ['f'],
  },
  {
    name: '5 the whiteout first',
    lower: ['f'],
    upper: ['.wh.f', 'f'],
    disk: { f: 'file' },
    merged: ['f'],
  },
  {
    name: '6 one of two hardlinks overwritten',
    lower: ['a', { path: 'b', type: 'hardlink', link: 'a' }],
    upper: ['b'],
    disk: { b: 'file' },
    merged: ['a', 'b'],
  },
  {
    name: '7 an opaque directory over a symlink',
    lower: ['t/', 't/kept', { path: 'd', type: 'symlink', link: 't' }],
    upper: ['d/', 'd/.wh..wh..opq', 'd/new'],
    disk: { d: 'opaque', 'd/new': 'file' },
    merged: ['d', 'd/new', 't', 't/kept'],
  },
  {
    name: '8 file becomes directory',
    lower: ['x'],
    upper: ['x/', 'x/new'],
    disk: { x: 'dir', 'x/new': 'file' },
    merged: ['x', 'x/new'],
  },
  {
    name: '9 the same with an implicit parent',
    lower: ['x'],
    upper: ['x/new'],
    disk: { x: 'dir', 'x/new': 'file' },
    merged: ['x', 'x/new'],
  },
  {
    name: '10 directory becomes file',
    lower: ['x/', 'x/old'],
    upper: ['x'],
    disk: { x: 'file' },
    merged: ['x'],
  },
  {
    name: '11 directory becomes symlink',
    lower: ['x/', 'x/old'],
    upper: [{ path: 'x', type: 'symlink', link: 'nowhere' }],
    disk: { x: 'link' },
    merged: ['x'],
  },
  {
    name: '12 whiteout of a missing path',
    lower: ['a'],
    upper: ['.wh.missing'],
    disk: { missing: 'whiteout' },
    merged: ['a'],
  },
  {
    name: '14 opaque marker at the top',
    lower: ['old', 'd/', 'd/old'],
    upper: ['.wh..wh..opq', 'new', '.wh.old'],
    disk: { new: 'file' },
    // Overlay merges top directories whatever their mark says: the driver writes out what rootOpaque asks for.
    merged: ['d', 'd/old', 'new', 'old'],
    rootOpaque: true,
  },
  {
    name: '15 whiteout inside an opaque directory',
    lower: ['d/', 'd/old', 'd/s/', 'd/s/old'],
    upper: ['d/', 'd/.wh.old', 'd/s/', 'd/s/.wh.old', 'd/.wh..wh..opq', 'd/new'],
    disk: { d: 'opaque', 'd/new': 'file', 'd/s': 'dir' },
    merged: ['d', 'd/new', 'd/s'],
  },
  {
    name: '16 whiteout and a file below it, no directory entry',
    lower: ['d/', 'd/old'],
    upper: ['.wh.d', 'd/new'],
    disk: { d: 'opaque', 'd/new': 'file' },
    merged: ['d', 'd/new'],
  },
  {
    name: 'a plain whiteout, of a file and of a directory',
    lower: ['a', 'd/', 'd/old', 'e/', 'e/f', 'e/g'],
    upper: ['.wh.a', '.wh.d', 'e/', 'e/.wh.f'],
    disk: { a: 'whiteout', d: 'whiteout', e: 'dir', 'e/f': 'whiteout' },
    merged: ['e', 'e/g'],
  },
  {
    name: 'a whiteout whose directory the layer does not have',
    lower: ['a/', 'a/b/', 'a/b/f', 'a/b/g'],
    upper: ['a/b/.wh.f'],
    disk: { a: 'dir', 'a/b': 'dir', 'a/b/f': 'whiteout' },
    merged: ['a', 'a/b', 'a/b/g'],
  },
  {
    name: 'whiteouts of a directory and of what is in it',
    lower: ['d/', 'd/x', 'd/s/', 'd/s/y'],
    upper: ['d/.wh.x', 'd/s/.wh.y', '.wh.d'],
    disk: { d: 'whiteout' },
    merged: [],
  },
  {
    name: 'a whiteout through a symlink of the same layer',
    lower: ['usr/', 'usr/lib/', 'usr/lib/f', 'usr/lib/g'],
    upper: ['usr/', 'usr/lib/', { path: 'lib', type: 'symlink', link: '/usr/lib' }, 'lib/.wh.f'],
    disk: { lib: 'link', usr: 'dir', 'usr/lib': 'dir', 'usr/lib/f': 'whiteout' },
    merged: ['lib', 'usr', 'usr/lib', 'usr/lib/g'],
  },
  {
    name: 'a whiteout below what became a file',
    lower: ['d/', 'd/x'],
    upper: ['d', 'd/.wh.x'],
    disk: { d: 'file' },
    merged: ['d'],
  },
  {
    name: 'a whiteout replaced by a symlink and by a FIFO',
    lower: ['a/', 'a/x', 'b'],
    upper: [
      '.wh.a',
      { path: 'a', type: 'symlink', link: 'b' },
      { path: 'b', type: 'fifo' },
      '.wh.b',
    ],
    disk: { a: 'link', b: 'file' },
    merged: ['a', 'b'],
  },
]

for (const form of FORMS) {
  t.test(`shapes on disk, form ${form}`, async (t) => {
    for (const shape of SHAPES) {
      const dir = temporaryDirectory(t)
      const result = applyMembers(dir, form, shape.upper)
      const expected: Record<string, string> = { ...shape.disk }
      if (form === 'none' && shape.rootOpaque) expected[''] = 'opaque'
      t.same(read(dir, form), expected, shape.name)
      t.equal(result.rootOpaque, shape.rootOpaque ?? false, shape.name)
      if (form !== 'none' && shape.rootOpaque) {
        const prefix = form === 'trusted' ? 'trusted' : 'user'
        t.same(getXattr(dir, `${prefix}.overlay.opaque`), new Uint8Array([0x79]))
      }
    }
  })
}

t.test('13 whiteouts that name nothing', async (t) => {
  for (const bad of ['.wh.', '.wh..', '.wh...', 'd/.wh.', './.wh..']) {
    const dir = temporaryDirectory(t)
    t.throws(
      () => applyMembers(dir, FORMS[0]!, [bad]),
      { name: 'ArchiveError', code: 'ERR_WHITEOUT_NAME' },
      bad,
    )
  }
  const dir = temporaryDirectory(t)
  t.throws(() => applyMembers(dir, FORMS[0]!, ['.wh.d/', '.wh.d/x']), { code: 'ERR_WHITEOUT_NAME' })
})

t.test('names that only look like whiteouts are files', async (t) => {
  const dir = temporaryDirectory(t)
  applyMembers(dir, FORMS[0]!, ['a.wh.b', '.whx', 'wh.x', 'd/x.wh.'])
  t.same(fs.readdirSync(dir).sort(), ['.whx', 'a.wh.b', 'd', 'wh.x'])
})

t.test('AUFS leftovers stay out of the tree', async (t) => {
  const dir = temporaryDirectory(t)
  const { warnings } = applyMembers(dir, FORMS[0]!, [
    '.wh..wh.aufs',
    '.wh..wh.plnk/',
    '.wh..wh.plnk/1234.5678',
    '.wh..wh.orph/',
    { path: '.wh..wh..opq/', type: 'directory' },
    'f',
  ])
  t.same(
    fs.readdirSync(dir).filter((name) => name !== '.wh..wh..opq'),
    ['f'],
  )
  t.match(warnings, [{ code: 'aufs-leftover', entry: '.wh..wh.aufs', count: 4 }])
})

t.test(
  'a whiteout belongs to the owner in its header',
  { skip: best === 'trusted' ? false : 'needs root' },
  async (t) => {
    const dir = temporaryDirectory(t)
    applyMembers(dir, 'trusted', [{ path: '.wh.f', uid: 12, gid: 34, mode: 0o777 }])
    const status = fs.lstatSync(path.join(dir, 'f'))
    t.equal(status.uid, 12)
    t.equal(status.gid, 34)
    t.equal(status.mode & 0o7777, 0)
  },
)

t.test('a whiteout at the top of a layer, by itself', async (t) => {
  for (const form of FORMS) {
    const dir = temporaryDirectory(t)
    makeWhiteout(dir, pathFromText('gone'), form)
    t.same(read(dir, form), { gone: 'whiteout' })
  }
})

/** Every name below a directory, as a listing and a lookup both have it. */
const WALK = `import fs from 'node:fs'
import path from 'node:path'
export function walk(root, relative = '') {
  return fs.readdirSync(path.join(root, relative), { withFileTypes: true }).flatMap((entry) => {
    const each = path.join(relative, entry.name)
    fs.lstatSync(path.join(root, each))
    return [each, ...(entry.isDirectory() ? walk(root, each) : [])]
  }).sort()
}`

t.test(
  'shapes as the kernel mounts them',
  { skip: canMountOverlay() && best === 'trusted' ? false : 'needs to mount overlay' },
  async (t) => {
    const { walk } = (await import(`data:text/javascript,${encodeURIComponent(WALK)}`)) as {
      walk: (root: string) => string[]
    }
    for (const shape of SHAPES) {
      const home = temporaryDirectory(t)
      for (const name of ['lower', 'upper', 'm']) fs.mkdirSync(path.join(home, name))
      applyMembers(path.join(home, 'lower'), 'trusted', shape.lower)
      applyMembers(path.join(home, 'upper'), 'trusted', shape.upper)
      const lowers = [path.join(home, 'upper'), path.join(home, 'lower')]
      await mountSpec(
        { kind: 'overlay', home, lowers, shortLowers: ['upper', 'lower'], userxattr: false },
        path.join(home, 'm'),
      )
      try {
        t.same(walk(path.join(home, 'm')), shape.merged, shape.name)
      } finally {
        unmount(path.join(home, 'm'), { lazy: true })
      }
    }
  },
)

const [major = 0, minor = 0] = execFileSync('uname', ['-r'], { encoding: 'utf8' })
  .split('.')
  .map(Number)
const xattrWhiteouts = major > 6 || (major === 6 && minor >= 8)

t.test(
  'shapes in the user form, mounted in a user namespace',
  {
    skip:
      !FORMS.includes('user') || !canUnshareUser()
        ? 'needs user namespaces'
        : xattrWhiteouts
          ? false
          : 'needs Linux 6.8',
  },
  async (t) => {
    const home = temporaryDirectory(t)
    SHAPES.forEach((shape, i) => {
      for (const name of ['lower', 'upper', 'm'])
        fs.mkdirSync(path.join(home, String(i), name), { recursive: true })
      applyMembers(path.join(home, String(i), 'lower'), 'user', shape.lower)
      applyMembers(path.join(home, String(i), 'upper'), 'user', shape.upper)
    })
    const module = new URL('../../src/sys/mount.js', import.meta.url).href
    const script = `${WALK}
    import { mountSpec } from ${JSON.stringify(module)}
    const all = []
    for (let i = 0; i < ${SHAPES.length}; i++) {
      const home = ${JSON.stringify(home)} + '/' + i
      const lowers = [home + '/upper', home + '/lower']
      await mountSpec({ kind: 'overlay', home, lowers, shortLowers: ['upper', 'lower'], userxattr: true }, home + '/m')
      all.push(walk(home + '/m'))
    }
    console.log(JSON.stringify(all))`
    const out = execFileSync(
      'unshare',
      [
        '--user',
        '--map-root-user',
        '--mount',
        process.execPath,
        '--input-type=module',
        '-e',
        script,
      ],
      { encoding: 'utf8' },
    )
    const found = JSON.parse(out) as string[][]
    SHAPES.forEach((shape, i) => t.same(found[i], shape.merged, shape.name))
  },
)
