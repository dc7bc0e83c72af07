// shale's answers on a copy of a root beside docker's on the root, line by line. Where the two differ, the difference
// has a name, is taken out of the lines by that name alone, and must be there: docs/differences.md says why it is.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { shale } from '../support/cli.ts'
import {
  copyTree,
  DOCKER_PROGRAMS,
  startDockerd,
  type Dockerd,
  type DockerResult,
} from '../support/dockerd.ts'
import { realImage, unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const skip = unless({
  interop: true,
  root: true,
  programs: [...DOCKER_PROGRAMS, 'tar'],
  realImage: true,
})
const PAGE = fileURLToPath(new URL('../../../docs/differences.md', import.meta.url))
const NAME = 'real/app:1'
const NAMES = ['changed', 'plain', 'failed', 'left']

/** What takes a difference out: of docker's lines, of shale's, or of both. */
interface Difference {
  readonly docker?: (lines: string[]) => string[]
  readonly shale?: (lines: string[]) => string[]
  /** By how names come up, it may not show. */
  readonly sometimes?: boolean
}

const each =
  (change: (line: string) => string) =>
  (lines: string[]): string[] =>
    lines.map(change)
const sorted = (lines: string[]): string[] => [...lines].sort()
/** `a=b,c=d` by its names. */
const labelsSorted = each((line) =>
  line.replace(/[^\s,=]+=[^\s,]*(,[^\s,=]+=[^\s,]*)+/g, (list) => list.split(',').sort().join()),
)
/** Columns of a table by their headings; `keep` may drop some. */
const columns =
  (drop: readonly string[]) =>
  (lines: string[]): string[] => {
    let dropped = new Set<number>()
    return lines.map((line) => {
      const cells = line.split(/ {2,}| \| /)
      if (/^[A-Z |]+$/.test(line) && line !== '')
        dropped = new Set(cells.flatMap((cell, index) => (drop.includes(cell) ? [index] : [])))
      return cells.filter((_, index) => !dropped.has(index)).join(' | ')
    })
  }
const json =
  (change: (document: Record<string, unknown>) => void) =>
  (lines: string[]): string[] => {
    const document = JSON.parse(lines.join('\n')) as Record<string, unknown>
    change(document)
    return JSON.stringify(document, undefined, 1).split('\n')
  }
const withoutTimes = json((config) => {
  config['created'] = 'then'
  ;(config['history'] as { created: string }[]).at(-1)!.created = 'then'
})
const withoutTopLayer = json((config) => {
  ;(config['rootfs'] as { diff_ids: string[] }).diff_ids.pop()
})
const SIZES = ['SIZE', 'RECLAIMABLE', 'SHARED SIZE', 'UNIQUE SIZE']

const DIFFERENCES: Readonly<Record<string, Difference>> = {
  'diff-order': { docker: sorted, shale: sorted, sometimes: true },
  'label-order': { docker: labelsSorted, shale: labelsSorted, sometimes: true },
  'df-blocks': { docker: columns(SIZES), shale: columns(SIZES) },
  'df-frees': { shale: columns(['FREES']) },
  'df-build-cache': {
    docker: each((line) => (line.startsWith('CACHE ID') ? 'CACHE ID' : line)),
    shale: each((line) => (line.startsWith('CACHE ID') ? 'CACHE ID' : line)),
  },
  'commit-time': { docker: withoutTimes, shale: withoutTimes },
  'commit-engine': { docker: json((config) => delete config['docker_version']) },
  'tar-header': { docker: withoutTopLayer, shale: withoutTopLayer },
  'whiteouts-first': { docker: sorted, shale: sorted, sometimes: true },
  'error-words': {
    docker: each((line) =>
      line.replace(/^(Error: |Error response from daemon: )/, '').replace(/ \/\S*\/merged\//, ' /'),
    ),
    shale: each((line) => line.replace(/^shale: /, '').replace(/(directory): .*/, '$1')),
  },
}
const used = new Set<string>()

function compare(
  t: Test,
  what: string,
  [docker, shale]: readonly [string, string],
  names: readonly string[],
): void {
  let left = docker.trimEnd().split('\n')
  let right = shale.trimEnd().split('\n')
  for (const name of names) {
    const difference = DIFFERENCES[name]!
    const before = left.join('\n') === right.join('\n')
    left = difference.docker?.(left) ?? left
    right = difference.shale?.(right) ?? right
    if (!difference.sometimes) t.notOk(before, `${what}: ${name} has something to take out`)
    used.add(name)
  }
  t.same(right, left, what)
}

interface Pair {
  readonly dockerd: Dockerd
  readonly dir: string
  readonly docker: Run
  readonly shale: Run
}

async function besideDocker(t: Test, body: (pair: Pair) => Promise<void>): Promise<void> {
  const dir = temporaryDirectory(t)
  const [root, copy] = [path.join(dir, 'root'), path.join(dir, 'copy')]
  copyTree(realImage.dockerd, root)
  {
    await using dockerd = await startDockerd(root)
    fillRoot(dockerd)
  }
  copyTree(root, copy)
  await using dockerd = await startDockerd(root)
  await body({
    dockerd,
    dir,
    docker: (...args) => dockerd.run(args),
    shale: (...args) => shale(['--root', copy, ...args]),
  })
}

function fillRoot(dockerd: Dockerd): void {
  const script = [
    'rm -r /etc/apt',
    'echo x >/etc/new',
    'chmod 700 /srv',
    'mkdir -p /srv/dir/sub',
    'ln -s ../x /srv/dir/link',
    'echo a >/srv/dir/sub/file',
    'ln /srv/dir/sub/file /srv/hard',
    'mkfifo /srv/fifo',
    'chown 5:6 /srv/dir/sub/file',
    'rm /usr/bin/perl',
    'touch -d 2001-01-01 /etc/motd',
    'mv /etc/skel /etc/skel2',
    'rm -rf /usr/share/doc && mkdir /usr/share/doc && echo 1 >/usr/share/doc/only',
  ].join('\n')
  const options = ['--network=host', '--name']
  dockerd.docker('volume', 'create', 'data')
  dockerd.docker('run', ...options, 'changed', NAME, 'sh', '-c', script)
  const more = ['-l', 'a=b', '-e', 'A=1', '-v', 'data:/data', '-w', '/srv/made', '-u', '5:6']
  dockerd.docker('create', ...options, 'plain', ...more, NAME, 'echo', 'two words')
  const base = dockerd
    .docker('images', '--format', '{{.Repository}}:{{.Tag}}')
    .split('\n')
    .find((name) => name.startsWith('real/debian:'))!
  const failing = 'rm -r /etc/apt; mkdir /srv/new; ln /etc/passwd /srv/new/linked; exit 3'
  dockerd.run(['run', ...options, 'failed', base, 'sh', '-c', failing])
  dockerd.docker('create', ...options, 'left', base, 'true')
}

t.test('line by line', { skip }, (t) =>
  besideDocker(t, async ({ docker, shale, dockerd, dir }) => {
    await t.test('ps -a', async (t) => {
      for (const flags of [
        ['-a'],
        ['-as'],
        ['-as', '--no-trunc'],
        ['-a', '-f', 'label=a'],
        ['-ql'],
      ])
        compare(t, `ps ${flags.join(' ')}`, inOneSecond(docker, shale, ['ps', ...flags]), [])
      for (const filter of [
        ['exited=0'],
        ['exited=3', 'exited=0'],
        ['status=created'],
        ['status=created', 'status=exited', 'label=a=b'],
        ['name=^/(plain|left)$'],
        ['name=e'],
        ['volume=data'],
        ['volume=/data'],
        ['network=host'],
        ['network=bridge'],
        ['before=plain'],
        ['since=plain'],
        [`ancestor=${NAME}`],
        ['health=none'],
        ['health=healthy'],
        ['is-task=false'],
        ['is-task=true'],
        ['expose=80/tcp'],
        ['publish=8000-8010'],
      ]) {
        const args = ['ps', '-aq', '--no-trunc', ...filter.flatMap((each) => ['-f', each])]
        compare(t, args.join(' '), both(docker, shale, args), [])
      }
      const format =
        '{{.ID}} {{.Image}} {{.Command}} {{.Labels}} {{.Mounts}} {{.Networks}} {{.Size}}'
      compare(t, 'ps by a template', both(docker, shale, ['ps', '-as', '--format', format]), [
        'label-order',
      ])
    })

    await t.test('diff', async (t) => {
      compare(t, 'changed', both(docker, shale, ['diff', 'changed']), ['diff-order'])
      compare(t, 'failed', both(docker, shale, ['diff', 'failed']), ['diff-order'])
      for (const name of ['plain', 'left'])
        compare(t, name, both(docker, shale, ['diff', name]), [])
    })

    await t.test('system df', async (t) => {
      compare(t, 'df', both(docker, shale, ['system', 'df']), ['df-blocks'])
      const texts = inOneSecond(docker, shale, ['system', 'df', '-v'])
      compare(t, 'df -v', texts, ['df-frees', 'df-blocks', 'df-build-cache'])
    })

    await t.test('cp out of a container', async (t) => {
      const places = ['/srv/dir', '/srv/dir/.', '/srv/dir/sub/file', '/srv/dir/link', '/srv/fifo']
      for (const place of [...places, '/etc/passwd', '/dev', '/srv/hard', '/srv/odd/long']) {
        const tars = [docker, shale].map((run, index) => {
          // What a client prints is text to this test: no file of these has a byte that is none.
          const { code, stdout } = run('cp', `changed:${place}`, '-')
          const file = path.join(dir, `out-${index}.tar`)
          fs.writeFileSync(file, stdout)
          return code === 0 ? listed(file) : ''
        })
        compare(t, `cp ${place} to a tar`, [tars[0]!, tars[1]!], [])
      }
      for (const place of [
        '/srv/dir/sub',
        '/usr/local/bin/perl-again',
        '/etc/alternatives',
        '/srv',
      ]) {
        const outs = ['docker', 'shale'].map((name) => path.join(dir, `out-${name}`))
        for (const out of outs) fs.mkdirSync(out)
        const codes = [docker, shale].map((run, index) => {
          const { code } = run('cp', `changed:${place}`, `${outs[index]!}/copied`)
          return code === 0
        })
        t.equal(codes[1], codes[0], `cp ${place}`)
        compare(t, place, [treeLines(outs[0]!), treeLines(outs[1]!)], [])
        for (const out of outs) fs.rmSync(out, { recursive: true })
      }
      for (const wrong of ['/nope', '/etc/passwd/']) {
        const [one, two] = [docker, shale].map((run) => run('cp', `changed:${wrong}`, dir))
        t.ok(one!.code !== 0 && two!.code !== 0)
        compare(t, wrong, [one!.stderr, two!.stderr], ['error-words'])
      }
    })

    await t.test('commit', async (t) => {
      const flags = ['-a', 'me', '-m', 'note', '-c', 'CMD ["x"]', '-c', 'LABEL q=r']
      const isNew =
        Number(/^(\d+)/.exec(dockerd.docker('version', '-f', '{{.Server.Version}}'))![1]) > 20
      for (const name of NAMES) {
        const args = ['commit', ...flags, name, `by:${name}`]
        const ids = [docker, shale].map((run) =>
          run(...args)
            .stdout.trim()
            .slice('sha256:'.length),
        )
        const configs = ids.map((id, index) => {
          const file = path.join(
            dir,
            ['root', 'copy'][index]!,
            'image/overlay2/imagedb/content/sha256',
            id,
          )
          return fs.readFileSync(file, 'utf8')
        })
        const hasLayer = name !== 'left'
        compare(
          t,
          `the config of ${name}`,
          [asOf20(configs[0]!, isNew), asOf20(configs[1]!, isNew)],
          ['commit-time', ...(isNew ? [] : ['commit-engine']), ...(hasLayer ? ['tar-header'] : [])],
        )
        if (!hasLayer) continue
        const tars = [docker, shale].map((run, index) => {
          const file = path.join(dir, `saved-${index}.tar`)
          run('save', '-o', file, `by:${name}`)
          return topLayer(file)
        })
        t.not(tars[0]!.compare(tars[1]!), 0, 'there is a difference in the headers')
        const lines = tars.map((tar) => members(tar).join('\n'))
        const order = lines[0]!.includes('.wh.') ? ['whiteouts-first'] : []
        compare(t, `the layer of ${name}, to the byte`, [lines[0]!, lines[1]!], order)
      }
    })

    await t.test('export', async (t) => {
      const files = [docker, shale].map((run, index) => {
        const file = path.join(dir, `exported-${index}.tar`)
        run('export', '-o', file, 'failed')
        return file
      })
      compare(t, 'entries', [listed(files[0]!), listed(files[1]!)], [])
      const [one, two] = files.map((file) => members(fs.readFileSync(file)))
      const other = (of: readonly string[], those: ReadonlySet<string>): string[] =>
        of.filter((line) => !those.has(line)).slice(0, 5)
      t.same(
        [other(one!, new Set(two)), other(two!, new Set(one))],
        [[], []],
        'all bytes but those of tar-header',
      )
      t.ok(one!.join() === two!.join(), 'in the same order')
    })

    // Last: the two copy at different times, and directories keep when.
    await t.test('cp into a container', async (t) => {
      const source = path.join(dir, 'source')
      fs.mkdirSync(path.join(source, 'd'), { recursive: true })
      fs.writeFileSync(path.join(source, 'x'), 'x')
      fs.writeFileSync(path.join(source, 'd/f'), 'f')
      const cases: readonly (readonly [string, string, string[]])[] = [
        ['x', '/etc/', []],
        ['x', '/newname', []],
        ['d', '/opt', []],
        ['d/.', '/opt/d2', []],
        ['d', '/made', []],
        ['x', '/srv/dir/link', []],
        ['x', '/nodir/x', ['error-words']],
        ['d', '/etc/passwd', ['error-words']],
      ]
      for (const [from, to, names] of cases) {
        const args = ['cp', `${source}/${from}`, `changed:${to}`]
        const [one, two] = [docker(...args), shale(...args)]
        t.equal(two.code === 0, one.code === 0, args.join(' '))
        // docker 23 and later tell on stderr what was copied, also where that is no terminal.
        const errors = [one, two].map(({ code, stderr }) => (code === 0 ? '' : stderr))
        compare(t, `${from} to ${to}`, [errors[0]!, errors[1]!], names)
      }
      docker('cp', `${source}/x`, 'plain:/data/x')
      shale('cp', `${source}/x`, 'plain:/data/x')
      compare(t, 'and diff agrees', both(docker, shale, ['diff', 'changed']), ['diff-order'])
      for (const name of ['root', 'copy'])
        t.equal(fs.readFileSync(path.join(dir, name, 'volumes/data/_data/x'), 'utf8'), 'x')
    })

    await t.test('each difference is explained, and each explanation is of one', async (t) => {
      const page = fs.readFileSync(PAGE, 'utf8')
      const named = [...page.matchAll(/^\| `([a-z-]+)` /gm)].map(([, name]) => name!)
      t.same([...named].sort(), Object.keys(DIFFERENCES).sort())
      t.same([...used].sort(), Object.keys(DIFFERENCES).sort())
    })
  }),
)

type Run = (...args: string[]) => DockerResult

function both(docker: Run, shale: Run, args: readonly string[]): [string, string] {
  const results = [docker, shale].map((run) => run(...args))
  for (const { code, stderr } of results)
    if (code !== 0) throw new Error(`${args.join(' ')}: ${stderr}`)
  return [results[0]!.stdout, results[1]!.stdout]
}

/** Ages in seconds tick: docker is asked before and after, until it says the same twice. */
function inOneSecond(docker: Run, shale: Run, args: readonly string[]): [string, string] {
  for (;;) {
    const [before, answer] = both(docker, shale, args)
    if (docker(...args).stdout === before) return [before, answer]
  }
}

/** docker left the container out of images in later versions, and empty settings too. */
function asOf20(text: string, isNew: boolean): string {
  if (!isNew) return text
  const config = JSON.parse(text, (_, value: unknown) =>
    value === null ||
    value === '' ||
    value === false ||
    JSON.stringify(value) === '[]' ||
    JSON.stringify(value) === '{}'
      ? undefined
      : value,
  ) as Record<string, unknown>
  for (const key of ['container', 'container_config', 'docker_version']) delete config[key]
  return JSON.stringify(config)
}

function listed(tar: string): string {
  const flags = ['--numeric-owner', '--full-time', '--xattrs', '-tvvf', tar]
  // GNU tar widens its columns as it goes.
  return execFileSync('tar', flags, { encoding: 'utf8', maxBuffer: 1 << 28 }).replace(/ +/g, ' ')
}

function treeLines(directory: string): string {
  const tar = `${directory}.tar`
  execFileSync('tar', ['--sort=name', '--xattrs', '-C', directory, '-cf', tar, '.'])
  // The folder's own line has the time of its making.
  const lines = listed(tar).split('\n').slice(1).join('\n')
  fs.rmSync(tar)
  return lines
}

function topLayer(archive: string): Buffer {
  const maxBuffer = 1 << 30
  const read = (name: string): Buffer => execFileSync('tar', ['-xOf', archive, name], { maxBuffer })
  const [image] = JSON.parse(read('manifest.json').toString()) as { Layers: string[] }[]
  return read(image!.Layers.at(-1)!)
}

/**
 * The members of a tar as NAME and SHA-256, in the order that they stand in, without what docker's headers have more:
 * the file's type in the mode, names of users, links of whiteouts, the name field beside a PAX path.
 */
function members(tar: Buffer): string[] {
  const found: string[] = []
  let records = ''
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0;) {
    const text = (from: number, length: number): string =>
      tar.toString('latin1', at + from, at + from + length).replace(/\0.*/s, '')
    const end = at + 512 + Math.ceil(parseInt(text(124, 12), 8) / 512) * 512
    const member = Buffer.from(tar.subarray(at, end))
    const mode = (parseInt(text(100, 8), 8) & 0o7777).toString(8).padStart(7, '0')
    member.write(`${mode}\0`, 100, 'latin1')
    member.fill(0, 148, 156)
    member.fill(0, 265, 329)
    const name = text(0, 100)
    if (text(156, 1) === 'x') {
      // What it says, and not how it is called itself; nor what stands in the name field that it is instead of.
      records = tar.toString('latin1', at + 512, at + 512 + parseInt(text(124, 12), 8))
      at = end
      continue
    }
    if (records.includes(' path=')) member.fill(0, 0, 100)
    if (/(^|\/)\.wh\.[^/]+$/.test(name)) member.fill(0, 157, 257)
    const digest = createHash('sha256').update(member).digest('hex')
    found.push(`${records === '' ? name : records} ${digest}`)
    records = ''
    at = end
  }
  return found
}
