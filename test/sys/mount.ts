import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { MountSpec } from '../../src/driver/driver.ts'
import { listMounts, parseMountInfo } from '../../src/sys/mount-table.ts'
import { bindReadOnly, mountSpec, takesSingleLowers, unmount } from '../../src/sys/mount.ts'
import { canMountOverlay, unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

t.test('mountinfo is read with its escapes and optional fields', async (t) => {
  const text = [
    '36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue',
    '40 36 0:50 / /a\\040b\\134c\\011d rw - overlay overlay ro,lowerdir=/x:/y',
    '',
  ].join('\n')
  t.same(parseMountInfo(text), [
    {
      id: 36,
      parentID: 35,
      device: '98:0',
      target: '/mnt2',
      root: '/mnt1',
      type: 'ext3',
      source: '/dev/root',
      options: ['rw', 'noatime'],
      superOptions: ['rw', 'errors=continue'],
    },
    {
      id: 40,
      parentID: 36,
      device: '0:50',
      target: '/a b\\c\td',
      root: '/',
      type: 'overlay',
      source: 'overlay',
      options: ['rw'],
      superOptions: ['ro', 'lowerdir=/x:/y'],
    },
  ])
  t.ok(listMounts().some((mount) => mount.target === '/'))
})

t.test('which kernels take lower directories one by one', async (t) => {
  for (const [release, expected] of [
    ['6.8.0-31-generic', true],
    ['6.18.44', true],
    ['7.0', true],
    ['6.7.12', false],
    ['5.15.0', false],
  ] as const) {
    t.equal(takesSingleLowers(release), expected, release)
  }
})

t.test(
  'without the right to mount, it says what that needs',
  { skip: unless({ ordinaryUser: true }) },
  async (t) => {
    const dir = temporaryDirectory(t)
    await t.rejects(mountSpec({ kind: 'bind', source: dir }, dir), {
      code: 'ERR_OVERLAY_UNAVAILABLE',
    })
    t.equal(unmount(path.join(dir, 'missing')), false)
  },
)

const overlay = canMountOverlay() ? false : 'needs a kernel that lets this user mount overlay'

function layers(
  t: { teardown(callback: () => void): unknown },
  count: number,
  deep = '',
): MountSpec & { kind: 'overlay' } {
  const home = path.join(temporaryDirectory(t), deep)
  fs.mkdirSync(path.join(home, 'l'), { recursive: true })
  const lowers = Array.from({ length: count }, (_, i) => {
    const dir = path.join(home, `layer-${String(i).padStart(60, '0')}`)
    fs.mkdirSync(dir)
    fs.writeFileSync(path.join(dir, 'top'), String(i))
    fs.writeFileSync(path.join(dir, `only-${i}`), '')
    fs.symlinkSync(`../${path.basename(dir)}`, path.join(home, 'l', `S${i}`))
    return dir
  })
  return {
    kind: 'overlay',
    home,
    lowers,
    shortLowers: lowers.map((_, i) => `l/S${i}`),
    userxattr: false,
  }
}

t.test(
  'overlay: nearest layer first, read-only, gone after unmount',
  { skip: overlay },
  async (t) => {
    const spec = layers(t, 3)
    const target = path.join(spec.home, 'm')
    fs.mkdirSync(target)
    await mountSpec(spec, target)
    t.equal(fs.readFileSync(path.join(target, 'top'), 'utf8'), '0')
    t.same(fs.readdirSync(target).sort(), ['only-0', 'only-1', 'only-2', 'top'])
    t.throws(() => fs.writeFileSync(path.join(target, 'new'), ''), { code: 'EROFS' })
    t.match(
      listMounts().find((mount) => mount.target === target),
      { type: 'overlay' },
    )
    t.equal(unmount(target, { lazy: true }), true)
    t.equal(unmount(target), false)
    t.same(fs.readdirSync(target), [])
  },
)

t.test('overlay: names with colons, commas and spaces', { skip: overlay }, async (t) => {
  const spec = layers(t, 2, 'a:b,c d\\e')
  const target = path.join(spec.home, 'm')
  fs.mkdirSync(target)
  await mountSpec(spec, target)
  t.equal(fs.readFileSync(path.join(target, 'top'), 'utf8'), '0')
  t.ok(listMounts().some((mount) => mount.target === target))
  unmount(target)
})

t.test('overlay: 120 layers, by either interface', { skip: overlay }, async (t) => {
  const spec = layers(t, 120)
  const target = path.join(spec.home, 'm')
  fs.mkdirSync(target)
  const cwd = process.cwd()
  // The old way is chosen for a lower directory that fsconfig cannot name.
  const long = path.join(spec.home, 'x'.repeat(200), 'y'.repeat(100))
  fs.mkdirSync(long, { recursive: true })
  fs.writeFileSync(path.join(long, 'from-long'), '')
  fs.symlinkSync(path.relative(path.join(spec.home, 'l'), long), path.join(spec.home, 'l/LONG'))
  const old = {
    ...spec,
    lowers: [long, ...spec.lowers],
    shortLowers: ['l/LONG', ...spec.shortLowers],
  }
  for (const each of [spec, old]) {
    await mountSpec(each, target)
    t.equal(fs.readdirSync(target).filter((name) => name.startsWith('only-')).length, 120)
    t.equal(fs.existsSync(path.join(target, 'from-long')), each === old)
    unmount(target)
  }
  t.equal(process.cwd(), cwd)
})

t.test('overlay: an upper directory takes the writes', { skip: overlay }, async (t) => {
  const spec = layers(t, 2, 'a:b,c d\\e')
  for (const name of ['m', 'u', 'w']) fs.mkdirSync(path.join(spec.home, name))
  const target = path.join(spec.home, 'm')
  await mountSpec(
    { ...spec, upper: path.join(spec.home, 'u'), work: path.join(spec.home, 'w') },
    target,
  )
  fs.writeFileSync(path.join(target, 'new'), 'new')
  fs.rmSync(path.join(target, 'only-1'))
  unmount(target)
  t.equal(fs.readFileSync(path.join(spec.home, 'u/new'), 'utf8'), 'new')
  t.ok(fs.lstatSync(path.join(spec.home, 'u/only-1')).isCharacterDevice())
})

t.test('a failed mount tells what the kernel thinks', { skip: overlay }, async (t) => {
  const spec = layers(t, 2)
  const missing = { ...spec, lowers: [path.join(spec.home, 'missing'), ...spec.lowers] }
  await t.rejects(mountSpec(missing, spec.home), {
    name: 'HostError',
    details: { errno: 'ENOENT' },
  })
})

t.test('a bind mount cannot be written through', { skip: unless({ tmpfs: true }) }, async (t) => {
  const dir = temporaryDirectory(t)
  fs.mkdirSync(path.join(dir, 'source'))
  fs.mkdirSync(path.join(dir, 'm'))
  fs.writeFileSync(path.join(dir, 'source/f'), 'f')
  bindReadOnly(path.join(dir, 'source'), path.join(dir, 'm'))
  t.equal(fs.readFileSync(path.join(dir, 'm/f'), 'utf8'), 'f')
  t.throws(() => fs.writeFileSync(path.join(dir, 'm/f'), ''), { code: 'EROFS' })
  fs.writeFileSync(path.join(dir, 'source/g'), '')
  t.ok(fs.existsSync(path.join(dir, 'm/g')))
  t.ok(unmount(path.join(dir, 'm')))
})

t.test(
  'all of it inside a user namespace',
  { skip: unless({ userNamespace: true }) },
  async (t) => {
    const home = temporaryDirectory(t)
    for (const name of ['a', 'b', 'm']) fs.mkdirSync(path.join(home, name))
    fs.writeFileSync(path.join(home, 'a/f'), 'upper')
    fs.writeFileSync(path.join(home, 'b/f'), 'lower')
    fs.writeFileSync(path.join(home, 'b/g'), 'lower')
    const module = new URL('../../src/sys/mount.js', import.meta.url).href
    const spec = {
      kind: 'overlay',
      home,
      lowers: [`${home}/a`, `${home}/b`],
      shortLowers: ['a', 'b'],
      userxattr: true,
    }
    const script = `import fs from 'node:fs'
    import { mountSpec } from ${JSON.stringify(module)}
    await mountSpec(${JSON.stringify(spec)}, ${JSON.stringify(`${home}/m`)})
    console.log(fs.readFileSync(${JSON.stringify(`${home}/m/f`)}, 'utf8'), fs.readdirSync(${JSON.stringify(`${home}/m`)}).sort().join())`
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
    t.equal(out.trim(), 'upper f,g')
  },
)
