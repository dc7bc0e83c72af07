// What real images are made of, and careful unpackers have broken: each shape loads in each driver without a warning, has
// the files that it should, and lint says of it what is true and nothing else.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { pathFromText } from '../../src/path/byte-path.ts'
import { END_BLOCKS } from '../../src/tar/writer.ts'
import {
  buildImage,
  dockerArchive20,
  dockerArchive25,
  ociLayout,
  packed,
} from '../support/image.ts'
import { shaleInProcess } from '../support/in-process.ts'
import {
  device,
  dir,
  fifo,
  file,
  layerTar,
  link,
  opaque,
  symlink,
  whiteout,
  type LayerEntryInit,
} from '../support/layer.ts'
import { HOST_LACKS } from '../support/hostile/trial.ts'
import { temporaryDirectory } from '../support/temporary.ts'

interface Shape {
  /** Base first; a Buffer is a tar as it stands. */
  readonly layers: readonly (readonly LayerEntryInit[] | Buffer)[]
  /** Some of its files, by what `cat` gives. */
  readonly holds: Readonly<Record<string, string>>
  /** Rules of lint that have something true to say. */
  readonly lint?: readonly string[]
}

/** An ACL as Linux keeps it: version 2; owner rwx, user 1000 r-x, group r-x, mask r-x, others none. */
const ACL = Buffer.from(
  '0200000001000700ffffffff02000500e803000004000500ffffffff10000500ffffffff20000000ffffffff',
  'hex',
)

const named = (entry: LayerEntryInit, name: string): LayerEntryInit => ({
  ...entry,
  path: pathFromText(name),
})
const dotted = (...entries: readonly LayerEntryInit[]): LayerEntryInit[] =>
  entries.map((each) => named(each, `./${each.path}`))

const SHAPES: Readonly<Record<string, Shape>> = {
  'Debian: merged /usr, alternatives, hardlinks, setuid, sticky': {
    layers: [
      [
        symlink('bin', 'usr/bin'),
        symlink('lib', 'usr/lib'),
        symlink('lib64', 'usr/lib64'),
        dir('usr'),
        dir('usr/bin'),
        file('usr/bin/perl', 'perl', { mode: 0o755 }),
        link('usr/bin/perl5.36.0', 'usr/bin/perl'),
        file('usr/bin/mawk', 'mawk', { mode: 0o755 }),
        symlink('usr/bin/awk', '/etc/alternatives/awk'),
        file('usr/bin/su', 'su', { mode: 0o4755 }),
        file('usr/bin/wall', 'wall', { mode: 0o2755, gid: 5 }),
        dir('usr/lib'),
        dir('usr/lib64'),
        symlink('usr/lib64/ld-linux-x86-64.so.2', '/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2'),
        dir('etc'),
        dir('etc/alternatives'),
        symlink('etc/alternatives/awk', '/usr/bin/mawk'),
        symlink('etc/mtab', '/proc/mounts'),
        file('etc/shadow', 'root:*:', { mode: 0o640, gid: 42 }),
        dir('tmp', { mode: 0o1777 }),
        dir('var'),
        symlink('var/run', '/run'),
        dir('dev'),
        symlink('dev/fd', '/proc/self/fd'),
      ],
      [dir('usr'), dir('usr/bin'), file('usr/bin/tool', 'tool'), whiteout('etc/mtab')],
    ],
    holds: { '/usr/bin/perl5.36.0': 'perl', '/bin/awk': 'mawk', '/bin/tool': 'tool' },
    lint: ['setuid-file'],
  },
  'Alpine: absolute links to busybox, an absolute lib64': {
    layers: [
      [
        dir('bin'),
        file('bin/busybox', 'busybox', { mode: 0o755 }),
        symlink('bin/sh', '/bin/busybox'),
        symlink('bin/ls', '/bin/busybox'),
        dir('lib'),
        file('lib/ld-musl-x86_64.so.1', 'musl', { mode: 0o755 }),
        symlink('lib/libc.musl-x86_64.so.1', 'ld-musl-x86_64.so.1'),
        symlink('lib64', '/lib'),
        dir('lib/apk'),
      ],
      [dir('lib/apk'), dir('lib/apk/db'), file('lib/apk/db/installed', 'P:musl')],
    ],
    holds: { '/bin/sh': 'busybox', '/lib64/libc.musl-x86_64.so.1': 'musl' },
  },
  'npm: scopes, links in .bin, long and foreign names': {
    layers: [
      [
        dir('app'),
        dir('app/node_modules'),
        dir('app/node_modules/.bin'),
        symlink('app/node_modules/.bin/tsc', '../typescript/bin/tsc'),
        dir('app/node_modules/typescript'),
        dir('app/node_modules/typescript/bin'),
        file('app/node_modules/typescript/bin/tsc', 'tsc', { mode: 0o755 }),
        dir('app/node_modules/@scope'),
        dir(`app/node_modules/@scope/${'very-'.repeat(30)}long`),
        file(`app/node_modules/@scope/${'very-'.repeat(30)}long/index.js`, 'long'),
        dir('app/node_modules/münchen'),
        file('app/node_modules/münchen/日本.js', 'named'),
        file('app/node_modules/[id].js', 'brackets'),
        file('app/node_modules/a b & c.js', 'spaces'),
      ],
      [dir('app'), dir('app/node_modules'), opaque('app/node_modules/typescript')],
    ],
    holds: { '/app/node_modules/münchen/日本.js': 'named' },
    lint: ['wasted-bytes'],
  },
  'python: hardlinked caches, a link to another version': {
    layers: [
      [
        dir('usr'),
        dir('usr/lib'),
        dir('usr/lib/python3.12'),
        dir('usr/lib/python3.12/__pycache__'),
        file('usr/lib/python3.12/os.py', 'os'),
        file('usr/lib/python3.12/__pycache__/os.cpython-312.pyc', 'pyc'),
        link(
          'usr/lib/python3.12/__pycache__/os.cpython-312.opt-1.pyc',
          'usr/lib/python3.12/__pycache__/os.cpython-312.pyc',
        ),
        symlink('usr/lib/python3', 'python3.12'),
        dir('usr/lib/python3.12/site-packages'),
        file('usr/lib/python3.12/site-packages/empty.py', ''),
      ],
    ],
    holds: {
      '/usr/lib/python3/os.py': 'os',
      '/usr/lib/python3/__pycache__/os.cpython-312.opt-1.pyc': 'pyc',
    },
  },
  'names with ./, and an entry for the root': {
    layers: [
      [
        named(dir('x'), './'),
        ...dotted(dir('etc'), file('etc/motd', 'hello'), link('same', './etc/motd')),
      ],
      [named(dir('x'), '.'), ...dotted(file('more', 'more'))],
    ],
    holds: { '/etc/motd': 'hello', '/same': 'hello', '/more': 'more' },
  },
  'hardlinks through linked directories': {
    layers: [
      [
        dir('usr'),
        dir('usr/lib'),
        symlink('lib', 'usr/lib'),
        symlink('abs', '/usr/lib'),
        file('usr/lib/a', 'a'),
        link('usr/lib/b', 'lib/a'),
        link('usr/lib/c', 'abs/b'),
      ],
    ],
    holds: { '/usr/lib/c': 'a', '/lib/b': 'a' },
  },
  'layers without entries': {
    layers: [[file('f', 'f')], Buffer.from(END_BLOCKS), [file('g', 'g')], Buffer.alloc(0)],
    holds: { '/f': 'f', '/g': 'g' },
  },
  'owners that this host does not know': {
    layers: [
      [
        dir('home', { uid: 1_000_000, gid: 1_000_000 }),
        file('home/f', 'mine', {
          uid: 3_000_000,
          gid: 4_000_000_000,
          uname: pathFromText('someone'),
        }),
        symlink('home/l', 'f', { uid: 70_000, gid: 70_000 }),
      ],
    ],
    holds: { '/home/l': 'mine' },
  },
  'ACLs and capabilities': {
    layers: [
      [
        file('shared', 'acl', {
          mode: 0o750,
          xattrs: new Map([['system.posix_acl_access', ACL]]),
        }),
        file('ping', 'ping', {
          mode: 0o755,
          xattrs: new Map([
            ['security.capability', Buffer.from('0100000200200000000000000000000000000000', 'hex')],
          ]),
        }),
      ],
    ],
    holds: { '/shared': 'acl', '/ping': 'ping' },
    lint: ['capability-file'],
  },
  'devices and FIFOs of a base system': {
    layers: [
      [
        dir('dev'),
        device('dev/null', 'char', 1, 3, { mode: 0o666 }),
        device('dev/console', 'char', 5, 1),
        fifo('dev/initctl'),
        file('f', 'f'),
      ],
    ],
    holds: { '/f': 'f' },
  },
}

for (const [name, { layers, holds, lint = [] }] of Object.entries(SHAPES)) {
  t.test(name, async (t) => {
    const tars = layers.map((each) => (Buffer.isBuffer(each) ? each : layerTar(...each)))
    const image = buildImage(tars)
    const directory = temporaryDirectory(t)
    const tags = ['benign:1']
    const annotations = { 'org.opencontainers.image.ref.name': 'benign:1' }
    const forms = {
      'docker-20': dockerArchive20([{ image, tags }]),
      'docker-25': dockerArchive25([{ image, tags }]),
      oci: ociLayout([{ image, annotations, compression: 'gzip' }]),
    }
    for (const [form, files] of Object.entries(forms)) {
      const archive = path.join(directory, `${form}.tar`)
      fs.writeFileSync(archive, packed(files))
      const driver = form === 'docker-25' ? 'vfs' : 'overlay2'
      const root = path.join(directory, form)
      const shale = (...args: string[]): ReturnType<typeof shaleInProcess> =>
        shaleInProcess(['--driver', driver, ...args], { root })
      const loaded = await shale('load', '--no-sync', '-i', archive)
      t.equal(loaded.code, 0, `${form} into ${driver}`)
      const warned = loaded.stderr.split('\n').filter((line) => line.includes('warning: '))
      t.same(
        warned.filter((line) => !HOST_LACKS.test(line)),
        [],
        'without a warning',
      )
      for (const [file, content] of Object.entries(holds)) {
        t.equal((await shale('cat', `benign:1:${file}`)).stdout, content, file)
      }
      for (const what of [archive, 'benign:1']) {
        // Written by hand here, in the order of a story.
        const quiet = ['--ignore', 'non-reproducible']
        const { stdout, stderr } = await shale('--json', 'lint', ...quiet, what)
        t.equal(stderr, '')
        const [{ findings }] = JSON.parse(stdout) as [{ findings: Finding[] }]
        t.same(
          findings.filter(({ rule }) => !lint.includes(rule)),
          [],
          `nothing wrong is said of ${what === archive ? form : 'the image'}`,
        )
        const said = new Set(findings.map(({ rule }) => rule))
        t.same([...said].sort(), lint, 'and what is true')
      }
    }
  })
}

interface Finding {
  readonly rule: string
}
