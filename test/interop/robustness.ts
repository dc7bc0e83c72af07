// What goes wrong on real machines: a full disk, kill -9, Ctrl-C, a second writer, no permission, a damaged copy, a
// reader that goes away. After each the store is the old one or the new one, to the byte, and the message is of use.

import { execFileSync, spawnSync, type ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { readDockerArchive } from '../support/archive-layers.ts'
import { cleanEnvironment, MAIN, shale, shaleJson, shaleOk, startShale } from '../support/cli.ts'
import { realImage, unless } from '../support/host.ts'
import { acquireLock } from '../../src/sys/lock.ts'
import { makeSmallArchive, type SmallArchive } from '../support/small-archive.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { compareTrees, readTree } from '../support/tree.ts'

const skip = unless({ interop: true, realImage: true })
const skipRoot = unless({ interop: true, realImage: true, root: true })
const REAL = 'real/app:1'
const NOBODY = 65_534

/**
 * Everything that dockerd could see, but for when: a tag that came and went leaves its time of day in `lastUpdated` and
 * a repositories.json of the same bytes. ROOT/shale holds the lock.
 */
function fingerprint(root: string): Map<string, object> {
  const facts = new Map<string, object>()
  for (const [name, entry] of readTree(root, { directoryTimes: false })) {
    if (/^shale(\/|$)/.test(name) || name.includes('/imagedb/metadata/')) continue
    const { mtimeNs, ...timeless } = entry
    facts.set(name, name.startsWith('image/') ? timeless : { ...timeless, mtimeNs })
  }
  return facts
}

/** Each directory belongs to a layer that is there, and nothing is left aside. */
function nothingLeftOver(t: Test, root: string): void {
  const layers = path.join(root, 'image/overlay2/layerdb/sha256')
  const caches = fs
    .readdirSync(layers)
    .map((chain) => fs.readFileSync(path.join(layers, chain, 'cache-id'), 'utf8'))
  const home = path.join(root, 'overlay2')
  t.same(fs.readdirSync(home).sort(), [...caches, 'l'].sort(), 'overlay2/ holds the known layers')
  t.equal(fs.readdirSync(path.join(home, 'l')).length, caches.length, 'l/ too')
  t.same(fs.readdirSync(path.join(root, 'image/overlay2/layerdb/tmp')), [], 'nothing aside')
}

/** Resolves once the plan of a write is on disk, of which some steps may be done; or once the write is over. */
async function untilCommitting(root: string, child: ChildProcess): Promise<void> {
  const aside = path.join(root, 'image/overlay2/layerdb/tmp')
  while (child.exitCode === null) {
    // Looks as often as it can, and lets the exit be heard now and then.
    for (let i = 0; i < 500; i++) {
      const names = fs.existsSync(aside) ? fs.readdirSync(aside) : []
      if (names.some((name) => fs.existsSync(path.join(aside, name, 'journal.json')))) return
    }
    await sleep(1)
  }
}

function assertNoStack(t: Test, stderr: string): void {
  t.notMatch(stderr, /^\s+at .+:\d+:\d+/m, 'no stack trace')
}

/** A root that holds one small image. */
function oldStore(dir: string): {
  root: string
  small: SmallArchive
  before: Map<string, object>
} {
  const root = path.join(dir, 'root')
  const small = makeSmallArchive(dir)
  shaleOk(['--root', root, 'load', '-i', small.file])
  return { root, small, before: fingerprint(root) }
}

/** Resolves once a load has begun to write layers, so that what the test does next meets it in the middle. */
async function untilWriting(root: string): Promise<void> {
  const home = path.join(root, 'overlay2')
  const present = fs.existsSync(home) ? fs.readdirSync(home).length : 0
  for (let i = 0; i < 2000; i++) {
    if (fs.existsSync(home) && fs.readdirSync(home).length > present) return
    await sleep(5)
  }
  throw new Error('the load never began to write')
}

t.test('kill -9 at any moment leaves the old store or the new one', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const { root, small, before } = oldStore(dir)
  const wanted = skip === false ? readDockerArchive(realImage.tar)[0]! : undefined
  const began = process.hrtime.bigint()
  const whole = path.join(dir, 'whole')
  shaleOk(['--root', whole, 'load', '-i', realImage.tar])
  const wholeMs = Number((process.hrtime.bigint() - began) / 1_000_000n)
  fs.rmSync(whole, { recursive: true })

  let olds = 0
  let news = 0
  const rounds = 10
  for (let round = 0; round < rounds; round++) {
    const { child, done } = startShale(['--root', root, 'load', '-q', '-i', realImage.tar])
    // Spread over the whole run; the last two in the few milliseconds in which the names are given.
    if (round < rounds - 2) await sleep((wholeMs * (round + 0.5)) / (rounds - 2))
    else await untilCommitting(root, child)
    child.kill('SIGKILL')
    await done
    const names = shaleOk(['--root', root, 'images', '--format', '{{.Repository}}:{{.Tag}}']).split(
      '\n',
    )
    t.ok(names.includes(small.name), 'the old image is still there')
    if (names.includes(REAL)) {
      news++
      const file = path.join(dir, 'saved.tar')
      shaleOk(['--root', root, 'save', '-o', file, REAL])
      t.same(readDockerArchive(file)[0]!.layers, wanted!.diffIDs, 'all of the new image is there')
      fs.rmSync(file)
    } else olds++
    // Any write sweeps what the dead one left.
    shaleOk(['--root', root, 'tag', small.name, 'swept:1'])
    nothingLeftOver(t, root)
    if (names.includes(REAL)) shaleOk(['--root', root, 'rmi', REAL])
    shaleOk(['--root', root, 'rmi', 'swept:1'])
    t.same(compareTrees(fingerprint(root), before), [], `round ${round}`)
  }
  t.ok(olds > 0 && news > 0, `${olds} times the old store, ${news} times the new one`)
})

t.test('SIGINT and SIGTERM undo everything', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const { root, before } = oldStore(dir)
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const writing = untilWriting(root)
    const { child, done } = startShale(['--root', root, 'load', '-i', realImage.tar])
    await writing
    child.kill(signal)
    const ended = await done
    t.equal(ended.code, code, signal)
    assertNoStack(t, ended.stderr)
    nothingLeftOver(t, root)
    t.same(compareTrees(fingerprint(root), before), [], `${signal}: the store is as before`)
  }
})

t.test('SIGTERM during a save leaves no half archive', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const root = path.join(dir, 'root')
  shaleOk(['--root', root, 'load', '-i', realImage.tar])
  const file = path.join(dir, 'out', 'saved.tar')
  fs.mkdirSync(path.dirname(file))
  const { child, done } = startShale(['--root', root, 'save', '-o', file, REAL])
  for (let i = 0; i < 1000 && fs.readdirSync(path.dirname(file)).length === 0; i++) await sleep(2)
  child.kill('SIGTERM')
  t.equal((await done).code, 143)
  t.same(fs.readdirSync(path.dirname(file)), [])
})

t.test('loads go side by side, and readers never wait', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const { root, small } = oldStore(dir)
  const other = makeSmallArchive(dir, 'other:1', 'other')
  const writing = untilWriting(root)
  const first = startShale(['--root', root, 'load', '-q', '-i', realImage.tar])
  await writing
  t.equal(shale(['--root', root, '--lock-timeout', '0', 'load', '-i', other.file]).code, 0)
  t.equal(shaleOk(['--root', root, 'cat', `${small.name}:/data/deep/only`]), 'only')
  const names = (): string[] =>
    shaleOk(['--root', root, 'images', '--format', '{{.Repository}}:{{.Tag}}']).split('\n').sort()
  t.same(names(), [other.name, small.name].sort(), 'and see no half image')
  t.equal(first.child.exitCode, null, 'the first one was still at it')
  t.equal((await first.done).code, 0)
  t.same(names(), [other.name, REAL, small.name].sort())
  nothingLeftOver(t, root)
})

t.test('one writer at a time decides', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const { root, small, before } = oldStore(dir)
  const other = makeSmallArchive(dir, 'other:1', 'other')
  using lock = acquireLock(path.join(root, 'shale/lock'))
  t.ok(lock)
  for (const args of [
    ['load', '-i', other.file],
    ['tag', small.name, 'more:1'],
    ['rmi', small.name],
  ]) {
    const refused = shale(['--root', root, '--lock-timeout', '0', ...args])
    t.equal(refused.code, 11)
    t.match(refused.stderr, /writing to it/)
    t.match(refused.stderr, String(process.pid), 'says who')
    assertNoStack(t, refused.stderr)
  }
  t.equal(shaleOk(['--root', root, 'cat', `${small.name}:/data/deep/only`]), 'only')
  t.same(compareTrees(fingerprint(root), before), [], 'the store is as before')
})

t.test('two loads of one image at once leave one image', { skip }, async (t) => {
  const root = path.join(temporaryDirectory(t), 'root')
  const loads = [1, 2].map(() =>
    startShale(['--root', root, '--lock-timeout', '60', 'load', '-q', '-i', realImage.tar]),
  )
  for (const { done } of loads) t.equal((await done).code, 0)
  const layers = shaleJson<object[]>(['--root', root, 'layers', REAL])
  t.equal(fs.readdirSync(path.join(root, 'image/overlay2/layerdb/sha256')).length, layers.length)
  nothingLeftOver(t, root)
})

t.test('the disk fills up in the middle', { skip: skipRoot }, async (t) => {
  const dir = temporaryDirectory(t)
  const disk = path.join(dir, 'disk')
  fs.mkdirSync(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=200m', 'tmpfs', disk])
  t.teardown(() => spawnSync('umount', [disk]))
  const { root, small, before } = oldStore(disk)
  const failed = shale(['--root', root, 'load', '-i', realImage.tar])
  t.equal(failed.code, 1)
  t.match(failed.stderr, /space|full/i)
  assertNoStack(t, failed.stderr)
  nothingLeftOver(t, root)
  t.same(compareTrees(fingerprint(root), before), [], 'the store is as before')
  const free = fs.statfsSync(disk)
  t.ok(free.bavail * free.bsize > 150 << 20, 'the space is given back')
  const other = makeSmallArchive(dir, 'other:1', 'other')
  shaleOk(['--root', root, 'load', '-i', other.file])

  const out = path.join(disk, 'saved.tar')
  fs.writeFileSync(
    path.join(disk, 'ballast'),
    Buffer.alloc(fs.statfsSync(disk).bavail * fs.statfsSync(disk).bsize - (1 << 20)),
  )
  const unsaved = shale(['--root', root, 'save', '-o', out, small.name])
  t.equal(unsaved.code, 1)
  t.match(unsaved.stderr, /space|full/i)
  t.notOk(fs.existsSync(out), 'no half archive')
})

t.test('no inodes left', { skip: skipRoot }, async (t) => {
  const dir = temporaryDirectory(t)
  const disk = path.join(dir, 'disk')
  fs.mkdirSync(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2g,nr_inodes=2000', 'tmpfs', disk])
  t.teardown(() => spawnSync('umount', [disk]))
  const { root, before } = oldStore(disk)
  const failed = shale(['--root', root, 'load', '-i', realImage.tar])
  t.equal(failed.code, 1)
  t.match(failed.stderr, /space|full|inode/i)
  t.same(compareTrees(fingerprint(root), before), [])
})

t.test('a reader that goes away', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const root = path.join(dir, 'root')
  shaleOk(['--root', root, 'load', '-q', '-i', realImage.tar])
  for (const args of [
    `save ${REAL}`,
    `ls -R ${REAL}`,
    `--json ls -R ${REAL}`,
    `cat ${REAL}:/usr/bin/perl`,
  ]) {
    const command = `'${process.execPath}' '${MAIN}' --root '${root}' ${args} | head -c 100`
    const done = spawnSync('bash', ['-c', `${command} >/dev/null; echo \${PIPESTATUS[0]}`], {
      env: cleanEnvironment(),
      encoding: 'utf8',
    })
    t.equal(done.stderr, '', `${args}: nothing on stderr`)
    t.match(done.stdout.trim(), /^(141|0)$/, `${args}: ended by the pipe`)
  }
})

t.test('no permission', { skip: skipRoot }, async (t) => {
  const dir = temporaryDirectory(t)
  fs.chmodSync(dir, 0o755)
  const { root, before, small } = oldStore(dir)
  fs.chmodSync(path.dirname(small.file), 0o755)
  const user = { uid: NOBODY, gid: NOBODY, env: { HOME: '/nonexistent' } }
  for (const args of [['load', '-i', small.file], ['images'], ['tag', small.name, 'x:1']]) {
    const refused = shale(['--root', root, ...args], user)
    t.equal(refused.code, 1, args[0]!)
    t.match(refused.stderr, /permission/i)
    t.match(refused.stderr, root, 'names the path')
    assertNoStack(t, refused.stderr)
  }
  fs.chmodSync(small.file, 0o600)
  const unread = shale(
    ['--root', path.join('/var/tmp', 'shale-never'), 'load', '-i', small.file],
    user,
  )
  t.equal(unread.code, 1)
  t.match(unread.stderr, small.file)
  t.same(compareTrees(fingerprint(root), before), [])
})

t.test('a truncated archive, cut anywhere', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const { root, before } = oldStore(dir)
  const other = makeSmallArchive(dir, 'other:1', 'other')
  const bytes = fs.readFileSync(other.file)
  const cut = path.join(dir, 'cut.tar')
  // The manifest is the last member; behind it stand only zeros.
  const dataBytes = bytes.findLastIndex((byte) => byte !== 0) + 1
  for (let i = 0; i < 24; i++) {
    const at = Math.floor((dataBytes * i) / 24)
    fs.writeFileSync(cut, bytes.subarray(0, at))
    for (const how of ['file', 'stdin'] as const) {
      const failed =
        how === 'file'
          ? shale(['--root', root, 'load', '-i', cut])
          : shale(['--root', root, 'load'], { stdinFile: cut })
      t.equal(failed.code, 12, `${at} bytes from ${how}: ${failed.stderr.trim()}`)
      assertNoStack(t, failed.stderr)
    }
  }
  t.same(compareTrees(fingerprint(root), before), [])
})

t.test('a compressed archive, cut anywhere', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const { root, before } = oldStore(dir)
  const other = makeSmallArchive(dir, 'other:1', 'other')
  for (const program of ['gzip', 'bzip2', 'xz', 'zstd']) {
    if (unless({ programs: [program] }) !== false) {
      t.comment(`${program} is not installed`)
      continue
    }
    const packed = execFileSync(program, ['-c'], {
      input: fs.readFileSync(other.file),
      maxBuffer: 1 << 26,
    })
    const file = path.join(dir, `packed.${program}`)
    for (const part of [0.1, 0.5, 0.9, 0.999]) {
      fs.writeFileSync(file, packed.subarray(0, Math.floor(packed.length * part)))
      const failed = shale(['--root', root, 'load', '-i', file])
      t.equal(failed.code, 12, `${program} ${part}: ${failed.stderr.trim()}`)
      assertNoStack(t, failed.stderr)
    }
    t.same(compareTrees(fingerprint(root), before), [], program)
    fs.writeFileSync(file, packed)
    shaleOk(['--root', root, 'load', '-i', file])
    shaleOk(['--root', root, 'rmi', other.name])
  }
  t.same(compareTrees(fingerprint(root), before), [])
})

t.test('one flipped bit, anywhere', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const { root, before } = oldStore(dir)
  const other = makeSmallArchive(dir, 'other:1', 'other')
  const bytes = fs.readFileSync(other.file)
  const flipped = path.join(dir, 'flipped.tar')
  let refused = 0
  for (let i = 0; i < 60; i++) {
    // Half of them in the headers and JSON at the ends, where a parser meets them.
    const at = i % 2 === 0 ? Math.floor((bytes.length * i) / 60) : (i * 37) % 4096
    const changed = Buffer.from(bytes)
    changed[at]! ^= 1 << (i % 8)
    fs.writeFileSync(flipped, changed)
    const done = shale(['--root', root, 'load', '-i', flipped])
    assertNoStack(t, done.stderr)
    if (done.code === 0) {
      // Padding and fields that nobody reads may change; then all that was promised is there.
      const name = /Loaded image(?: ID)?: (\S+)/.exec(done.stdout)![1]!
      const layers = shaleOk(['--root', root, 'inspect', '-f', '{{json .RootFS.Layers}}', name])
      t.same(JSON.parse(layers), other.diffIDs, `bit ${i % 8} of byte ${at} does not matter`)
      shaleOk(['--root', root, 'rmi', name])
    } else {
      refused++
      t.equal(done.code, 12, `bit ${i % 8} of byte ${at}: ${done.stderr.trim()}`)
    }
    t.same(compareTrees(fingerprint(root), before), [])
  }
  t.ok(refused >= 25, `${refused} of 60 were refused`)
})

t.test('a flipped bit in a compressed blob of a real layout', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const { root, before } = oldStore(dir)
  const layout = path.join(dir, 'layout')
  execFileSync('cp', ['-a', '--reflink=auto', realImage.oci, layout])
  const directory = path.join(layout, 'blobs/sha256')
  const bySize = fs
    .readdirSync(directory)
    .map((blob) => ({ blob, sizeBytes: fs.statSync(path.join(directory, blob)).size }))
    .sort((a, b) => a.sizeBytes - b.sizeBytes)
  // Manifest, config, the small layers; and the largest for all large ones.
  for (const { blob, sizeBytes } of bySize) {
    if (sizeBytes > 1 << 20 && blob !== bySize.at(-1)!.blob) continue
    const file = path.join(directory, blob)
    const fd = fs.openSync(file, 'r+')
    const at = Math.floor(fs.fstatSync(fd).size / 2)
    const byte = Buffer.alloc(1)
    const flip = (): void => {
      fs.readSync(fd, byte, 0, 1, at)
      byte[0]! ^= 4
      fs.writeSync(fd, byte, 0, 1, at)
    }
    flip()
    const failed = shale(['--root', root, 'load', '-q', '-i', layout])
    t.equal(failed.code, 12, `${blob}: ${failed.stderr.trim()}`)
    assertNoStack(t, failed.stderr)
    flip()
    fs.closeSync(fd)
  }
  t.same(compareTrees(fingerprint(root), before), [])
})

t.test('what is no image is told what it looks like', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const { root, before } = oldStore(dir)
  const inputs: Record<string, Buffer> = {
    empty: Buffer.alloc(0),
    text: Buffer.from('hello\n'),
    elf: fs.readFileSync(process.execPath).subarray(0, 100_000),
    zeros: Buffer.alloc(100_000),
    json: Buffer.from('{"a":1}'),
    rootfs: execFileSync('tar', ['-c', '-C', path.dirname(MAIN), '.'], { maxBuffer: 1 << 28 }),
  }
  for (const [name, bytes] of Object.entries(inputs)) {
    const file = path.join(dir, name)
    fs.writeFileSync(file, bytes)
    const failed = shale(['--root', root, 'load', '-i', file])
    t.equal(failed.code, 12, `${name}: ${failed.stderr.trim()}`)
    assertNoStack(t, failed.stderr)
  }
  const missing = shale(['--root', root, 'load', '-i', path.join(dir, 'nowhere')])
  t.equal(missing.code, 10, missing.stderr.trim())
  t.same(compareTrees(fingerprint(root), before), [])
})
