// The demo as a newcomer meets it: the whole of it once, then on a small archive in the ways it is called. What it
// prints as commands is typed into a shell here, and must print the same.

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { elfInterpreter } from '../../cli/demo/inventory.ts'
import { wrapped } from '../../cli/demo/narration.ts'
import { readDockerArchive } from '../support/archive-layers.ts'
import { cleanEnvironment, type Output } from '../support/cli.ts'
import { unless } from '../support/host.ts'
import { dockerArchive20, ociLayout, packed, smallImage, unpackedTo } from '../support/image.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const DEMO = fileURLToPath(new URL('../../cli/demo/main.js', import.meta.url))
const image = smallImage()

interface DemoRun extends Pick<Output, 'code' | 'stdout' | 'stderr'> {
  /** Where the demo put what it made; gone when the test is over. */
  readonly temporary: string
}

function runDemo(
  t: Test,
  args: readonly string[] = [],
  user: { uid?: number; gid?: number; env?: Record<string, string> } = {},
): DemoRun {
  const temporary = temporaryDirectory(t)
  fs.chmodSync(temporary, 0o777)
  const { env, ...ids } = user
  const done = spawnSync(process.execPath, [DEMO, ...args], {
    env: cleanEnvironment({ TMPDIR: temporary, ...env }),
    encoding: 'utf8',
    ...ids,
  })
  return { temporary, code: done.status, stdout: done.stdout, stderr: done.stderr }
}

function smallArchive(t: Test): string {
  const file = path.join(temporaryDirectory(t), 'small.tar')
  fs.chmodSync(path.dirname(file), 0o755)
  fs.writeFileSync(file, packed(dockerArchive20([{ image, tags: ['small:1'] }])))
  return file
}

function headings(stdout: string): string[] {
  return [...stdout.matchAll(/^\d+\. (.*?)(?: in [\d.]+ s.*)?$/gm)].map((match) => match[1]!)
}

t.test('the whole of it', { timeout: 120_000 }, async (t) => {
  const { code, stdout, stderr, temporary } = runDemo(t)
  t.equal(stderr, '')
  t.equal(code, 0)
  t.same(headings(stdout), [
    'An image of what is at hand',
    'Load',
    'The layers',
    'From the name to the files, by hand',
    'The merge',
    'Out again, byte for byte',
    'Done',
  ])
  for (const layer of [1, 2, 3, 4]) t.match(stdout, new RegExp(`^  ok  layer ${layer}: /`, 'm'))
  t.match(stdout, /^ {2}ok {2}\/opt\/shale\/.* of layer 2 is hidden by a whiteout$/m)
  t.match(stdout, /^ {2}ok {2}\/opt\/shale\/.* of layer 3 is hidden by the opaque directory/m)
  t.match(stdout, /^ {2}ok {2}each saved layer has exactly the bytes/m)
  t.match(stdout, /^ {2}ok {2}and those are the bytes that the archive had$/m)
  t.notMatch(stdout, /WRONG/)
  const [folder] = fs.readdirSync(temporary)
  t.match(stdout, `rm -rf ${temporary}/${folder}`)
  t.same(fs.readdirSync(path.join(temporary, folder!)).sort(), ['image.tar', 'saved.tar', 'store'])
})

t.test('on an archive: the commands that it shows print what it says', async (t) => {
  const archive = smallArchive(t)
  const { code, stdout, stderr, temporary } = runDemo(t, [archive])
  t.equal(stderr, '')
  t.equal(code, 0)
  const [folder] = fs.readdirSync(temporary)
  const store = path.join(temporary, folder!, 'store')
  const commands = shownCommands(stdout).filter(({ command }) => !/^(shale|ls \/)/.test(command))
  t.ok(commands.length > 10, `${commands.length} commands`)
  for (const { command, output } of commands) {
    const typed = spawnSync('sh', ['-c', command], { cwd: store, encoding: 'utf8' })
    t.equal(words(typed.stdout), words(output), command)
  }
  t.match(stdout, /^Layer 1 shows no file: it has none, or the layers above hide them\.$/m)
  t.match(stdout, /^ {2}ok {2}layer 2: \/etc\/motd has the 9 bytes/m)
})

/** `ls` lays names out in columns of its own. */
function words(text: string): string {
  return text.split(/\s+/).filter(Boolean).join(' ')
}

function shownCommands(stdout: string): { command: string; output: string }[] {
  const found: { command: string; output: string }[] = []
  for (const line of stdout.split('\n')) {
    if (line.startsWith('  $ ')) found.push({ command: line.slice(4), output: '' })
    else if (line.startsWith('    ') && found.length > 0)
      found.at(-1)!.output += `${line.slice(4)}\n`
  }
  return found
}

t.test('what it saved is the image', { skip: unless({ programs: ['tar'] }) }, async (t) => {
  const { temporary } = runDemo(t, [smallArchive(t)])
  const [folder] = fs.readdirSync(temporary)
  const saved = readDockerArchive(path.join(temporary, folder!, 'saved.tar'))
  t.match(saved, [{ imageID: image.imageID, tags: ['small:1'], layers: image.diffIDs }])
})

t.test('on an OCI layout, and with a root of one’s own', async (t) => {
  const work = temporaryDirectory(t)
  const layout = unpackedTo(path.join(work, 'layout'), ociLayout([{ image, compression: 'gzip' }]))
  const root = path.join(work, 'root')
  const first = runDemo(t, [layout, '--root', root])
  t.equal(first.code, 0, first.stderr)
  t.match(first.stdout, `Loaded image ID: ${image.imageID}`)
  t.match(first.stdout, /ok {2}each saved layer has exactly the bytes that its diffID stands for/)
  t.notMatch(first.stdout, /IN THE ARCHIVE/)
  t.ok(fs.existsSync(path.join(root, 'image/overlay2')))
  const again = runDemo(t, [layout, '--root', root])
  t.equal(again.code, 2)
  t.match(again.stderr, /^shale: cannot run the demo: --root .* is in use; [^\n]*\n$/)
})

t.test('as an ordinary user', { skip: unless({ root: true }) }, async (t) => {
  const done = runDemo(t, [smallArchive(t)], {
    uid: 12_345,
    gid: 12_345,
    env: { HOME: '/nonexistent' },
  })
  t.equal(done.code, 0, done.stderr)
  t.match(done.stdout, /No kernel mount here/)
  t.match(done.stdout, /Without root, owners and devices cannot be set on disk/)
})

t.test('what is no image is refused, and nothing is left', async (t) => {
  const file = path.join(temporaryDirectory(t), 'text')
  fs.writeFileSync(file, 'hello\n'.repeat(200))
  for (const [args, code] of [
    [[file], 12],
    [['/nowhere.tar'], 10],
    [['a', 'b'], 2],
    [['--nope'], 2],
  ] as const) {
    const done = runDemo(t, args)
    t.equal(done.code, code, args.join(' '))
    t.match(done.stderr, /^shale: [^\n]*\n$/)
    t.same(fs.readdirSync(done.temporary), [])
  }
})

t.test('Ctrl-C ends it, and nothing is left', async (t) => {
  const temporary = temporaryDirectory(t)
  const env = cleanEnvironment({ TMPDIR: temporary })
  const child = spawn(process.execPath, [DEMO], { env, stdio: ['ignore', 'pipe', 'ignore'] })
  // The first heading is out: the packing has begun.
  await once(child.stdout, 'data')
  child.kill('SIGINT')
  child.stdout.resume()
  const [code] = (await once(child, 'close')) as [number]
  t.equal(code, 130)
  t.same(fs.readdirSync(temporary), [])
})

t.test('colours only on a terminal', async (t) => {
  const escape = /\u001b/ // oxlint-disable-line no-control-regex
  const archive = smallArchive(t)
  t.notMatch(runDemo(t, [archive]).stdout, escape)
  t.test('that may have them', { skip: unless({ programs: ['script'] }) }, async (t) => {
    for (const [name, env] of [
      ['with', {}],
      ['without', { NO_COLOR: '1' }],
    ] as const) {
      const temporary = temporaryDirectory(t)
      const command = `'${process.execPath}' '${DEMO}' '${archive}' 2>/dev/null`
      const seen = execFileSync('script', ['-qec', command, '/dev/null'], {
        env: cleanEnvironment({ TMPDIR: temporary, TERM: 'xterm', ...env }),
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      t.match(seen, /Out again, byte for byte/)
      t.equal(escape.test(seen), name === 'with')
    }
  })
})

t.test('finds the loader of this node', async (t) => {
  const loader = elfInterpreter(process.execPath)
  // A static node has none.
  t.ok(loader === undefined || fs.existsSync(loader), String(loader))
  t.equal(elfInterpreter(fileURLToPath(import.meta.url)), undefined, 'a script is no ELF file')
})

t.test('wraps at spaces', async (t) => {
  t.same(wrapped('one two three', 7), ['one two', 'three'])
  t.same(wrapped('a verylongword b', 5), ['a', 'verylongword', 'b'])
})
