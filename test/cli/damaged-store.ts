// A store that somebody reached into, as its user meets it: which layer or image it is about, that it is damage and not
// a typing mistake (exit code 12), and what to do. Doing it mends the store.

import fs from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { openStore } from '../../src/index.ts'
import type { Layer } from '../../src/store/layer-db.ts'
import { dockerArchive25, packed, smallImage } from '../support/image.ts'
import { shaleInProcess, type InProcessOutput } from '../support/in-process.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const image = smallImage()
const archive = packed(dockerArchive25([{ image, tags: ['app:1'] }]))

interface Damaged {
  readonly shale: (...args: string[]) => Promise<InProcessOutput>
  readonly root: string
  /** Base first. */
  readonly layers: readonly Layer[]
  readonly target: string
}

async function loaded(t: Test, driver: 'overlay2' | 'vfs'): Promise<Damaged> {
  const dir = temporaryDirectory(t)
  const root = path.join(dir, 'root')
  const target = path.join(dir, 'shown')
  fs.mkdirSync(target)
  const shale = (...args: string[]): Promise<InProcessOutput> =>
    shaleInProcess(['--quiet', '--driver', driver, ...args], {
      root,
      ...(args[0] === 'load' ? { stdin: archive } : {}),
    })
  t.equal((await shale('load')).code, 0)
  const { layers } = (await openStore(root)).image('app:1')
  return { shale, root, layers, target }
}

for (const driver of ['overlay2', 'vfs'] as const) {
  t.test(`${driver}: the directory of a layer is gone`, async (t) => {
    const { shale, root, layers, target } = await loaded(t, driver)
    const { cacheID } = driver === 'vfs' ? layers.at(-1)! : layers[0]!
    const home = path.join(root, driver === 'vfs' ? 'vfs/dir' : 'overlay2')
    fs.rmSync(path.join(home, cacheID), { recursive: true })
    for (const args of [
      ['ls', 'app:1'],
      ['cat', 'app:1:/etc/motd'],
      ['mount', 'app:1', target],
      ['mount', '--view', 'merge', 'app:1', target],
      ['export', '-o', path.join(target, 'x.tar'), 'app:1'],
      ['save', '-o', path.join(target, 'x.tar'), 'app:1'],
      ['create', 'app:1'],
    ]) {
      const done = await shale(...args)
      t.equal(done.code, 12, args.join(' '))
      t.match(done.stderr, /^shale: [^\n]*\n$/)
      t.match(done.stderr, `${home}/${cacheID}`)
      t.match(
        done.stderr,
        /is missing; remove the images that have (it|layer \w+), and load them again/,
      )
    }
    t.same(fs.readdirSync(target), [])
    for (const args of [
      ['images'],
      ['inspect', 'app:1'],
      ['history', 'app:1'],
      ['layers', 'app:1'],
    ])
      t.equal((await shale(...args)).code, 0, `${args[0]} needs no files of layers`)
    t.equal((await shale('rmi', 'app:1')).code, 0)
    t.equal((await shale('load')).code, 0)
    t.equal((await shale('cat', 'app:1:/etc/motd')).stdout, 'good bye\n', 'mended as it was told')
  })
}

t.test('overlay2: a layer does not say any more what is below it', async (t) => {
  const { shale, root, layers, target } = await loaded(t, 'overlay2')
  const home = path.join(root, 'overlay2')
  t.equal((await shale('create', '--name', 'web', 'app:1')).code, 0)
  const top = layers.at(-1)!.cacheID
  const [container] = fs
    .readdirSync(home)
    .flatMap((name) => (name.endsWith('-init') ? [name.slice(0, -'-init'.length)] : []))
  const out = path.join(target, 'x.tar')
  const ofImage = [
    ['ls', 'app:1'],
    ['cat', 'app:1:/etc/motd'],
    ['mount', 'app:1', target],
    ['export', '-o', out, 'app:1'],
    ['squash', 'app:1', '-t', 'flat:1'],
    ['create', 'app:1'],
  ]
  const ofContainer = [
    ['diff', 'web'],
    ['export', '-o', out, 'web'],
    ['mount', 'web', target],
  ]
  for (const [cacheID, verbs] of [
    [top, ofImage],
    [container!, ofContainer],
  ] as const) {
    const lower = path.join(home, cacheID, 'lower')
    const whole = fs.readFileSync(lower, 'latin1')
    const damages: [damage: () => void, said: string][] = [
      [() => fs.rmSync(lower), 'is missing or empty'],
      [() => fs.writeFileSync(lower, ''), 'is missing or empty'],
    ]
    // Cut between two names, every name that is left is a good one.
    const end = whole.lastIndexOf(':')
    if (end !== -1)
      damages.push([() => fs.writeFileSync(lower, whole.slice(0, end)), 'is cut short'])
    for (const [damage, said] of damages) {
      damage()
      for (const args of verbs) {
        const done = await shale(...args)
        t.equal(done.code, 12, args.join(' '))
        t.match(done.stderr, `${home}/${cacheID}: its file "lower" ${said}; remove what has it`)
      }
      t.same(fs.readdirSync(target), [])
      fs.writeFileSync(lower, whole)
    }
  }
  for (const args of [...ofImage.slice(0, 2), ...ofContainer.slice(0, 1)])
    t.equal((await shale(...args)).code, 0, `${args.join(' ')}: as it was`)

  fs.rmSync(path.join(home, container!, 'lower'))
  t.equal((await shale('commit', 'web', 'web:1')).code, 0, 'layerdb knows what is below, too')
  t.equal((await shale('cat', 'web:1:/etc/motd')).stdout, 'good bye\n')
  fs.rmSync(path.join(home, top, 'lower'))
  t.equal((await shale('rm', 'web')).code, 0)
  t.equal((await shale('rmi', 'web:1')).code, 0)
  t.equal((await shale('rmi', 'app:1')).code, 0)
  t.equal((await shale('load')).code, 0)
  t.equal((await shale('cat', 'app:1:/etc/motd')).stdout, 'good bye\n', 'mended as it was told')
})

t.test('what layerdb says of a layer is gone, or says another chain', async (t) => {
  const { shale, layers, target } = await loaded(t, 'overlay2')
  const top = layers.at(-1)!
  const facts: readonly [file: string, damage: (file: string) => void][] = [
    ['cache-id', (file) => fs.rmSync(file)],
    ['parent', (file) => fs.rmSync(file)],
    ['parent', (file) => fs.writeFileSync(file, top.chainID)],
    ['diff', (file) => fs.writeFileSync(file, layers[0]!.diffID)],
  ]
  for (const [name, damage] of facts) {
    damage(path.join(top.path, name))
    for (const args of [
      ['ls', 'app:1'],
      ['layers', 'app:1'],
      ['save', '-o', path.join(target, 'x.tar'), 'app:1'],
    ]) {
      const done = await shale(...args)
      t.equal(done.code, 12, `${name}: ${args.join(' ')}`)
      t.match(
        done.stderr,
        `cannot read image ${image.imageID}: its layer ${top.chainID} is missing`,
      )
      t.match(done.stderr, 'load the image again')
    }
    t.same(fs.readdirSync(target), [])
    t.equal((await shale('load')).code, 0)
    t.equal((await shale('cat', 'app:1:/etc/motd')).stdout, 'good bye\n', 'mended as it was told')
  }
})

t.test('a tar-split or a file of a layer is not what it was', async (t) => {
  const { shale, root, layers, target } = await loaded(t, 'overlay2')
  const [base, top] = [layers[0]!, layers.at(-1)!]
  const out = path.join(target, 'x.tar')
  const splitPath = path.join(top.path, 'tar-split.json.gz')
  const split = fs.readFileSync(splitPath)
  const motd = path.join(root, 'overlay2', base.cacheID, 'diff/etc/motd')
  const content = fs.readFileSync(motd)
  const damages: Readonly<Record<string, [layer: Layer, damage: () => void]>> = {
    'no tar-split': [top, () => fs.rmSync(splitPath)],
    'a tar-split that is none': [top, () => fs.writeFileSync(splitPath, 'garbage')],
    'a tar-split cut short': [
      top,
      () => fs.writeFileSync(splitPath, split.subarray(0, split.length >> 1)),
    ],
    'another byte': [base, () => fs.writeFileSync(motd, 'x', { flag: 'r+' })],
    'no file': [base, () => fs.rmSync(motd)],
  }
  for (const [name, [layer, damage]] of Object.entries(damages)) {
    damage()
    for (const args of [
      ['save', '-o', out, 'app:1'],
      ['save', 'app:1'],
    ]) {
      const done = await shale(...args)
      t.equal(done.code, 12, name)
      t.match(done.stderr, /; remove the images that have (it|layer \w+), and load them again\n$/)
      t.ok(
        [layer.diffID.slice(7, 19), layer.chainID].some((id) => done.stderr.includes(id)),
        `${name}: names the layer`,
      )
    }
    t.notOk(fs.existsSync(out))
    fs.writeFileSync(splitPath, split)
    fs.writeFileSync(motd, content)
  }
  t.equal((await shale('save', '-o', out, 'app:1')).code, 0)
})
