// Programs at work in a union shown by FUSE: random I/O with mappings, git, npm, a compiler, cp, two writers at once,
// files deleted while open, a full disk, and a directory that changes while it is read. What came out is held against
// the same work in a plain directory.

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { cleanEnvironment, shaleOk } from '../support/cli.ts'
import { againAsUser, fuseSkip } from '../support/fuse-for-users.ts'
import { isInterop, isRoot, realImage, unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const skip: string | false = unless({ interop: true }) || fuseSkip()

/** Those of its class `filesystem` that need nothing but one, and hold what they find against what they did. */
const STRESSORS: readonly string[] = [
  ...['access', 'chattr', 'chdir', 'chmod', 'chown', 'copy-file', 'dentry', 'dir', 'dirdeep'],
  ...['dirmany', 'dnotify', 'fallocate', 'fcntl', 'file-ioctl', 'filename', 'flock', 'fpunch'],
  ...['fsize', 'fstat', 'getdent', 'handle', 'hdd', 'inode-flags', 'inotify', 'iomix', 'lease'],
  ...['link', 'locka', 'lockf', 'lockofd', 'mknod', 'open', 'rename', 'symlink', 'touch', 'utime'],
  ...['xattr', 'mmap', 'msync', 'seek', 'sendfile', 'readahead'],
]

interface Union {
  readonly home: string
  readonly low: string
  readonly up: string
  readonly merged: string
}

function mounted(t: { teardown(undo: () => void): unknown }, home?: string): Union {
  const dir = home ?? fs.realpathSync(temporaryDirectory(t))
  const at = (name: string): string => {
    const place = path.join(dir, name)
    fs.mkdirSync(place, { recursive: true })
    return place
  }
  const union = { home: dir, low: at('low'), up: at('up'), merged: at('merged') }
  return union
}

function mount(t: { teardown(undo: () => void): unknown }, { home, low, up, merged }: Union): void {
  fs.mkdirSync(path.join(home, 'work'), { recursive: true })
  const options = `lowerdir=${low},upperdir=${up},workdir=${home}/work`
  shaleOk(['--root', path.join(home, 'root'), 'overlay', '--view', 'fuse', '-o', options, merged])
  t.teardown(() => {
    spawnSync('umount', ['-l', merged])
    spawnSync('fusermount3', ['-uzq', merged])
  })
}

function unmount({ home, merged }: Union): void {
  shaleOk(['--root', path.join(home, 'root'), 'umount', merged])
}

function run(cwd: string, program: string, ...args: string[]): string {
  return execFileSync(program, args, {
    cwd,
    encoding: 'utf8',
    env: cleanEnvironment({
      HOME: cwd,
      npm_config_cache: path.join(cwd, '.npm'),
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_SYSTEM: '/dev/null',
    }),
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  })
}

function unreadable(): string | false {
  try {
    fs.accessSync(realImage.tar, fs.constants.R_OK)
    return false
  } catch {
    return `this user may not read ${realImage.tar}`
  }
}

/** Of a tree: type, mode, size, links and content, by find(1) and sha256sum(1). */
function summary(dir: string): string {
  const script =
    "find . -printf '%P %y %m %U:%G %T@ %l\\n' | grep -v '^ d' | LC_ALL=C sort; find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum"
  return run(dir, 'sh', '-c', script)
}

/** As fsx: operations at random places, each read checked against what must be there. */
const FSX = `
import mmap, os, random, sys
place, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rnd = random.Random(seed)
limit = 300000
fd = os.open(place, os.O_RDWR)
good = bytearray(os.pread(fd, limit * 2, 0))
def check(at, got, what):
    want = bytes(good[at:at + len(got)])
    if got != want: sys.exit('%s at %d: differs' % (what, at))
for step in range(count):
    what = rnd.choice(['write', 'read', 'truncate', 'mapread', 'mapwrite', 'append', 'reopen', 'stat', 'stat'])
    if step % 100 == 99: what = 'fsync'
    at = rnd.randrange(0, limit); length = rnd.randrange(1, 70000)
    data = rnd.randbytes(length)
    if what == 'write':
        if at > len(good): good.extend(bytes(at - len(good)))
        os.pwrite(fd, data, at); good[at:at + length] = data
    elif what == 'append':
        os.lseek(fd, 0, os.SEEK_END)
        if len(good) < limit: os.write(fd, data); good.extend(data)
    elif what == 'read':
        got = os.pread(fd, length, at)
        if len(got) != max(0, min(length, len(good) - at)): sys.exit('read at %d: short' % at)
        check(at, got, 'read')
    elif what == 'truncate':
        os.ftruncate(fd, at)
        if at < len(good): del good[at:]
        else: good.extend(bytes(at - len(good)))
    elif what in ('mapread', 'mapwrite') and len(good) > 0:
        with mmap.mmap(fd, len(good)) as m:
            at = at % len(good); end = min(len(good), at + length)
            if what == 'mapread': check(at, m[at:end], 'map')
            else:
                m[at:end] = data[:end - at]; good[at:end] = data[:end - at]
                if rnd.random() < 0.3: m.flush()
    elif what == 'reopen':
        os.close(fd); fd = os.open(place, os.O_RDWR)
    elif what == 'fsync': os.fsync(fd)
    elif os.fstat(fd).st_size != len(good): sys.exit('stat: %d' % os.fstat(fd).st_size)
os.close(fd)
with open(place, 'rb') as f: check(0, f.read(), 'the end')
`

t.test(
  'random reads, writes, mappings and truncations, as fsx makes them',
  { skip: skip || unless({ programs: ['python3'] }) },
  async (t) => {
    const union = mounted(t)
    for (const name of ['a', 'b']) {
      fs.writeFileSync(path.join(union.low, name), Buffer.alloc(100_000, `${name} below `))
    }
    mount(t, union)
    const program = path.join(union.home, 'fsx.py')
    fs.writeFileSync(program, FSX)
    const seed = Number(process.env['SHALE_SEED'] ?? Date.now() & 0xffff)
    const of = (name: string, offset: number): Promise<string> =>
      new Promise((resolve, reject) => {
        const args = [program, path.join(union.merged, name), String(seed + offset), '600']
        const child = spawn('python3', args, { stdio: ['ignore', 'ignore', 'pipe'] })
        let said = ''
        child.stderr.on('data', (text: Buffer) => (said += text.toString('utf8')))
        child.once('error', reject)
        child.once('close', (code) => resolve(code === 0 ? '' : said || `code ${code}`))
      })
    fs.writeFileSync(path.join(union.merged, 'new'), '')
    const said = await Promise.all([of('a', 0), of('b', 1), of('new', 2)])
    t.same(said, ['', '', ''], `SHALE_SEED=${seed}`)
    const before = fs.readFileSync(path.join(union.merged, 'a'))
    unmount(union)
    t.ok(fs.readFileSync(path.join(union.up, 'a')).equals(before))
    t.equal(fs.statSync(path.join(union.low, 'a')).size, 100_000)
  },
)

t.test(
  'git clones, changes, checks itself',
  { skip: skip || unless({ programs: ['git'] }) },
  async (t) => {
    const union = mounted(t)
    const plain = path.join(union.home, 'plain')
    fs.mkdirSync(plain)
    const git = (dir: string, ...args: string[]): string =>
      run(dir, 'git', '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args)
    const origin = path.join(union.home, 'origin')
    fs.mkdirSync(origin)
    git(origin, 'init', '-q')
    for (let i = 0; i < 300; i++) {
      fs.mkdirSync(path.join(origin, `d${i % 20}`), { recursive: true })
      fs.writeFileSync(path.join(origin, `d${i % 20}/f${i}`), `file ${i}\n`.repeat(i))
    }
    git(origin, 'add', '.')
    git(origin, 'commit', '-qm', 'one')
    mount(t, union)
    const work = (dir: string): string => {
      git(dir, 'clone', '-q', '--no-hardlinks', origin, 'copy')
      const copy = path.join(dir, 'copy')
      for (let i = 0; i < 300; i += 7)
        fs.appendFileSync(path.join(copy, `d${i % 20}/f${i}`), 'more')
      fs.rmSync(path.join(copy, 'd3'), { recursive: true })
      fs.renameSync(path.join(copy, 'd4'), path.join(copy, 'renamed'))
      git(copy, 'add', '-A')
      git(copy, 'commit', '-qm', 'two', '--date', '2020-01-01T00:00:00Z')
      git(copy, 'gc', '-q')
      git(copy, 'fsck', '--strict')
      git(copy, 'checkout', '-q', 'HEAD~1')
      git(copy, 'checkout', '-q', '-')
      return git(copy, 'rev-parse', 'HEAD^{tree}') + git(copy, 'status', '--short')
    }
    t.equal(work(union.merged), work(plain))
  },
)

t.test('npm installs a package', { skip: skip || unless({ programs: ['npm'] }) }, async (t) => {
  const union = mounted(t)
  const pack = path.join(union.home, 'pack')
  fs.mkdirSync(path.join(pack, 'lib'), { recursive: true })
  const manifest = { name: 'packed', version: '1.0.0', bin: { packed: 'lib/0.js' } }
  fs.writeFileSync(path.join(pack, 'package.json'), JSON.stringify(manifest))
  for (let i = 0; i < 500; i++) {
    fs.writeFileSync(path.join(pack, `lib/${i}.js`), `#!/usr/bin/env node\nconsole.log(${i})\n`)
  }
  run(pack, 'npm', 'pack', '--silent')
  mount(t, union)
  const project = path.join(union.merged, 'project')
  fs.mkdirSync(project)
  fs.writeFileSync(path.join(project, 'package.json'), '{"private":true}')
  const install = ['install', '--offline', '--no-audit', '--no-fund', '--silent']
  run(project, 'npm', ...install, path.join(pack, 'packed-1.0.0.tgz'))
  t.equal(run(project, 'node_modules/.bin/packed'), '0\n')
  t.equal(fs.readdirSync(path.join(project, 'node_modules/packed/lib')).length, 500)
  run(project, 'npm', 'uninstall', '--silent', '--offline', 'packed')
  t.notOk(fs.existsSync(path.join(project, 'node_modules/packed')))
})

t.test(
  'a C program is built',
  { skip: skip || unless({ programs: ['cc', 'make'] }) },
  async (t) => {
    const union = mounted(t)
    const source = path.join(union.low, 'src')
    fs.mkdirSync(source)
    const units = Array.from({ length: 30 }, (_, i) => i)
    for (const i of units) {
      fs.writeFileSync(
        path.join(source, `u${i}.c`),
        `#include "all.h"\nint u${i}(void){return ${i};}\n`,
      )
    }
    fs.writeFileSync(
      path.join(source, 'all.h'),
      `#include <stdio.h>\n${units.map((i) => `int u${i}(void);`).join('\n')}\n`,
    )
    const sum = units.map((i) => `u${i}()`).join('+')
    fs.writeFileSync(
      path.join(source, 'main.c'),
      `#include "all.h"\nint main(void){printf("%d\\n",${sum});return 0;}\n`,
    )
    const objects = ['main', ...units.map((i) => `u${i}`)].map((name) => `${name}.o`).join(' ')
    fs.writeFileSync(
      path.join(source, 'Makefile'),
      `sum: ${objects}\n\tcc -o $@ $^\n%.o: %.c all.h\n\tcc -O1 -c -o $@ $<\nlib: ${objects}\n\tar rcs libu.a $^\n`,
    )
    mount(t, union)
    const place = path.join(union.merged, 'src')
    run(place, 'make', '-s', '-j2', 'sum', 'lib')
    t.equal(run(place, './sum'), '435\n')
    t.match(run(place, 'make', 'sum'), /up to date/)
    fs.appendFileSync(path.join(place, 'u3.c'), '/* changed */\n')
    const again = run(place, 'make', 'sum').split('\n')
    t.equal(again.filter((line) => / -c /.test(line)).length, 1, 'one unit is compiled again')
  },
)

t.test(
  'a root file system is copied in, as cp -a does',
  {
    skip:
      skip || unless({ realImage: true, programs: ['cp', 'find', 'sha256sum'] }) || unreadable(),
  },
  async (t) => {
    const union = mounted(t)
    const root = path.join(union.home, 'store')
    shaleOk(['--root', root, 'load', '-q', '-i', realImage.tar])
    const image = shaleOk(['--root', root, 'images', '-q']).split('\n')[0]!
    const plain = path.join(union.home, 'plain')
    fs.mkdirSync(plain)
    shaleOk(['--root', root, 'mount', '--view', 'merge', image, plain])
    // What apt brought; large enough, and in reach of a test.
    const from = path.join(plain, 'usr/share')
    mount(t, union)
    run(union.merged, 'cp', '-a', from, 'share')
    const expected = summary(from)
    t.equal(summary(path.join(union.merged, 'share')), expected)
    unmount(union)
    if (isRoot) t.equal(summary(path.join(union.up, 'share')), expected)
    mount(t, union)
    t.equal(summary(path.join(union.merged, 'share')), expected, 'and again, cold')
    fs.rmSync(path.join(union.merged, 'share'), { recursive: true })
    t.same(fs.readdirSync(union.merged), [])
    shaleOk(['--root', root, 'umount', plain])
  },
)

t.test('two writers of one file, and of one directory', { skip }, async (t) => {
  const union = mounted(t)
  fs.writeFileSync(path.join(union.low, 'log'), 'begin\n')
  mount(t, union)
  const writer = (name: string): Promise<number | null> =>
    new Promise((resolve) => {
      const script = `cd "$1"; i=0; while [ $i -lt 400 ]; do echo "$2 $i" >> log; echo $i > "$2-$i"; mv "$2-$i" "d/$2-$i"; i=$((i+1)); done`
      spawn('sh', ['-c', script, 'sh', union.merged, name], { stdio: 'inherit' }).once(
        'close',
        (code) => resolve(code),
      )
    })
  fs.mkdirSync(path.join(union.merged, 'd'))
  t.same(await Promise.all([writer('one'), writer('two')]), [0, 0])
  const lines = fs.readFileSync(path.join(union.merged, 'log'), 'utf8').trimEnd().split('\n')
  t.equal(lines.length, 801, 'no line is lost, and none is torn')
  for (const name of ['one', 'two']) {
    const own = lines.filter((line) => line.startsWith(`${name} `))
    t.same(
      own,
      Array.from({ length: 400 }, (_, i) => `${name} ${i}`),
    )
  }
  t.equal(fs.readdirSync(path.join(union.merged, 'd')).length, 800)
  t.same(fs.readdirSync(union.merged), ['d', 'log'])
})

t.test('files that are deleted while they are open', { skip }, async (t) => {
  const union = mounted(t)
  for (let i = 0; i < 100; i++) fs.writeFileSync(path.join(union.low, `f${i}`), `below ${i}`)
  mount(t, union)
  const open = Array.from({ length: 100 }, (_, i) => {
    const place = path.join(union.merged, `f${i}`)
    return fs.openSync(place, i % 2 === 0 ? 'r' : 'r+')
  })
  for (let i = 0; i < 100; i++) fs.rmSync(path.join(union.merged, `f${i}`))
  t.same(fs.readdirSync(union.merged), [])
  for (const [i, fd] of open.entries()) {
    if (i % 2 === 1) fs.writeSync(fd, 'ABOVE', 0)
    const bytes = Buffer.alloc(20)
    const n = fs.readSync(fd, bytes, 0, 20, 0)
    const want = `${i % 2 === 1 ? 'ABOVE' : 'below'} ${i}`
    // What was never written to is the lower layer's file still, with the name that it has there.
    const links = i % 2 === 1 ? 0 : 1
    if (bytes.toString('latin1', 0, n) !== want || fs.fstatSync(fd).nlink !== links) {
      t.fail(`${i}: ${bytes.toString('latin1', 0, n)}`)
    }
    fs.closeSync(fd)
  }
  for (let i = 0; i < 100; i++) fs.writeFileSync(path.join(union.merged, `f${i}`), 'again')
  t.equal(fs.readFileSync(path.join(union.merged, 'f7'), 'utf8'), 'again')
  t.equal(fs.readFileSync(path.join(union.low, 'f7'), 'utf8'), 'below 7')
})

t.test(
  'what stress-ng does to file systems, all of it at once',
  { skip: skip || unless({ programs: ['stress-ng'] }) },
  async (t) => {
    const union = mounted(t)
    fs.writeFileSync(path.join(union.low, 'below'), 'below')
    mount(t, union)
    const some = ['hdd', 'fallocate', 'copy-file', 'iomix'].flatMap((each) => [
      `--${each}-bytes`,
      '128M',
    ])
    const done = spawnSync(
      'stress-ng',
      [
        ...STRESSORS.flatMap((name) => [`--${name}`, '1']),
        ...[...some, '--timeout', '10', '--verify', '--temp-path', union.merged],
      ],
      { encoding: 'utf8', cwd: union.home, maxBuffer: 1 << 28 },
    )
    const said = `${done.stdout}${done.stderr}`.split('\n')
    t.same(
      said.filter((line) => /\b(?:fail|error):/.test(line)),
      [],
    )
    t.equal(done.status, 0, said.at(-2) ?? 'it ends well')
    t.same(fs.readdirSync(union.merged), ['below'])
    unmount(union)
  },
)

t.test(
  'an upper directory that is full',
  { skip: skip || unless({ root: true, tmpfs: true }) },
  async (t) => {
    const home = fs.realpathSync(temporaryDirectory(t))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'small', home])
    t.teardown(() => spawnSync('umount', ['-l', home]))
    const outside = fs.realpathSync(temporaryDirectory(t))
    const low = path.join(outside, 'low')
    fs.mkdirSync(low)
    fs.writeFileSync(path.join(low, 'big'), Buffer.alloc(4 << 20, 'b'))
    fs.writeFileSync(path.join(low, 'small'), 'small')
    const union = { ...mounted(t, home), low }
    mount(t, union)
    const at = (name: string): string => path.join(union.merged, name)
    const code = (action: () => void): string | undefined => {
      try {
        action()
        return undefined
      } catch (error) {
        return (error as NodeJS.ErrnoException).code
      }
    }
    t.equal(
      code(() => fs.appendFileSync(at('big'), 'x')),
      'ENOSPC',
      'a copy-up that does not fit',
    )
    t.equal(fs.statSync(at('big')).size, 4 << 20, 'leaves what was there')
    t.same(fs.readdirSync(union.up), [], 'and nothing else')
    t.equal(
      code(() => fs.writeFileSync(at('new'), Buffer.alloc(4 << 20, 'n'))),
      'ENOSPC',
    )
    fs.rmSync(at('new'))
    fs.appendFileSync(at('small'), '!')
    t.equal(fs.readFileSync(at('small'), 'utf8'), 'small!', 'room again')
  },
)

t.test('100,000 names, listed while they change', { skip }, async (t) => {
  const union = mounted(t)
  const count = 100_000
  fs.mkdirSync(path.join(union.low, 'd'))
  fs.mkdirSync(path.join(union.up, 'd'))
  for (let i = 0; i < count; i++) {
    fs.closeSync(fs.openSync(path.join(i % 2 === 0 ? union.low : union.up, 'd', `stays-${i}`), 'w'))
  }
  mount(t, union)
  const dir = path.join(union.merged, 'd')
  const script =
    'cd "$1"; i=0; while [ $i -lt 3000 ]; do : > come-$i; rm come-$((i - 20)) 2>/dev/null; i=$((i+1)); done; true'
  const changer = spawn('sh', ['-c', script, 'sh', dir], { stdio: 'inherit' })
  const changed = new Promise<number | null>((resolve) => changer.once('close', resolve))
  const lister = path.join(union.home, 'list.py')
  // Slowly, so that the changes come in between.
  fs.writeFileSync(
    lister,
    [
      'import os, sys',
      'seen = {}',
      'with os.scandir(sys.argv[1]) as names:',
      '    for one in names: seen[one.name] = seen.get(one.name, 0) + 1',
      "stays = [n for n in seen if n.startswith('stays-')]",
      'print(len(stays), max(seen[n] for n in stays))',
    ].join('\n'),
  )
  const listed: string[] = []
  for (let round = 0; round < 3; round++) {
    listed.push(
      await new Promise<string>((resolve) => {
        const child = spawn('python3', [lister, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
        let text = ''
        child.stdout.on('data', (piece: Buffer) => (text += piece.toString('utf8')))
        child.once('close', () => resolve(text.trim()))
      }),
    )
  }
  t.equal(await changed, 0)
  t.same(
    listed,
    Array.from({ length: 3 }, () => `${count} 1`),
    'each that stays, once',
  )
  t.equal(fs.readdirSync(dir).length, count + 20)
})

if (isInterop) againAsUser(import.meta.url)
