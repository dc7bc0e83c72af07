// The program around the verbs: options in any place, errors in both forms, exit codes, signals, closed pipes.

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import * as errors from '../../src/errors.ts'
import { EXIT, EXIT_BY_CLASS, PartialFailure, exitCodeOf } from '../../cli/exit-code.ts'
import {
  cleanEnvironment,
  MAIN,
  PROJECT,
  shale,
  startShale,
  withoutLoader,
} from '../support/cli.ts'
import { isRoot, unless } from '../support/host.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { fixtureStore } from '../support/store-fixture.ts'
import { temporaryDirectory } from '../support/temporary.ts'

t.test('the exit codes cover every error class, and the page tells them', async (t) => {
  const classes = Object.values(errors)
    .filter((value): value is typeof errors.LayerStoreError => typeof value === 'function')
    .filter((value) => value.prototype instanceof Error)
    .map((value) => value.name)
  t.same(Object.keys(EXIT_BY_CLASS).sort(), classes.sort())
  const page = fs.readFileSync(path.join(PROJECT, 'docs', 'exit-codes.md'), 'utf8')
  const rows = [...page.matchAll(/^\| (\d+) +\| (\w+) +\|[^|]*(?:\\\|[^|]*)*\| ?(.*?) *\|$/gm)]
  t.same(Object.fromEntries(rows.map(([, code, name]) => [name, Number(code)])), { ...EXIT })
  const byClass = rows.flatMap(([, code, , names]) =>
    [...(names ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => [name, Number(code)]),
  )
  t.same(Object.fromEntries(byClass), { ...EXIT_BY_CLASS })
})

t.test('what an error ends with', async (t) => {
  const missing = new errors.NotFoundError('ERR_IMAGE_NOT_FOUND', 'x')
  t.equal(exitCodeOf(missing), 10)
  t.equal(exitCodeOf(new TypeError('x')), 70)
  t.equal(exitCodeOf(Object.assign(new Error('x'), { code: 'EACCES', syscall: 'open' })), 1)
  t.equal(exitCodeOf(new PartialFailure({ doneCount: 1, errors: [missing] })), 3)
  t.equal(exitCodeOf(new PartialFailure({ doneCount: 0, errors: [missing, new Error()] })), 10)
})

t.test('help and version, without a store and without the library', async (t) => {
  const root = path.join(t.testdir(), 'none')
  for (const args of [[], ['--help'], ['help'], ['-h']]) {
    const { code, stdout, stderr } = await shaleInProcess(args, { root })
    t.equal(code, 0)
    t.match(stdout, /^Usage: shale/)
    t.match(stdout, /--log-level/)
    t.equal(stderr, '')
  }
  const group = await shaleInProcess(['image'], { root })
  t.equal(group.code, 0)
  t.match(group.stdout, 'Usage: shale image')
  const { version } = JSON.parse(fs.readFileSync(path.join(PROJECT, 'package.json'), 'utf8'))
  t.equal((await shaleInProcess(['--version'], { root })).stdout, `${version}\n`)
  t.notOk(fs.existsSync(root))
})

t.test('a verb that is loaded by itself is told as one among all', async (t) => {
  const root = path.join(t.testdir(), 'none')
  const print = async (...args: string[]): Promise<string> => {
    const { stdout, stderr } = await shaleInProcess(args, { root })
    return stdout + stderr
  }
  for (const verb of ['images', 'ls', 'cat', 'load', 'save']) {
    const among = await print('help', verb)
    t.match(among, `Usage: shale ${verb}`)
    t.equal(await print(verb, '--help'), among)
    t.equal(await print('--root', 'load', '--json', '--lock-timeout=3', verb, '-h'), among)
    // The word is there, and is no verb: what is complained of needs all verbs.
    t.match(await print('imagse', verb), 'did you mean one of image, images?')
    t.match(await print('--nonsense', verb), "unknown option '--nonsense'")
  }
})

t.test('the help of a noun form, by each way to ask', async (t) => {
  const root = path.join(t.testdir(), 'none')
  const print = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await shaleInProcess(args, { root })
    t.same([code, stderr], [0, ''], args.join(' '))
    return stdout
  }
  for (const [noun, verb] of [
    ['system', 'df'],
    ['image', 'rm'],
    ['container', 'list'],
  ] as const) {
    const asked = await print(noun, verb, '--help')
    t.match(asked, `Usage: shale ${noun} `)
    t.equal(await print('help', noun, verb), asked)
    t.equal(await print(noun, 'help', verb), asked)
    t.equal(await print('--root', 'help', '--json', 'help', noun, '--quiet', verb), asked)
  }
  t.equal(await print('help', 'image', 'help'), await print('image', '--help'))
})

t.test('help, version and completion load nothing of the library', async (t) => {
  const guard = `export async function resolve(specifier, context, next) {
    const found = await next(specifier, context)
    if (found.url.includes('/dist/src/')) throw new Error('loaded ' + found.url)
    return found
  }`
  const register = `import { register } from 'node:module'
    register('data:text/javascript,' + ${JSON.stringify(encodeURIComponent(guard))})`
  // DEP0205 of Node 26 is about the guard: what takes its place is not in Node 20.
  const load = `--import=data:text/javascript,${encodeURIComponent(register)}`
  const env = { NODE_OPTIONS: `--disable-warning=DEP0205 ${load}` }
  for (const args of [['--help'], ['--version'], ['load', '--help'], ['completion', 'bash']]) {
    const done = shale(args, { env })
    t.equal(done.stderr, '', args.join(' '))
    t.equal(done.code, 0)
  }
  t.match(shale(['images'], { env }).stderr, 'loaded ', 'the guard guards')
})

t.test('every verb has a summary, a description and examples', async (t) => {
  const root = path.join(t.testdir(), 'none')
  const { stdout } = await shaleInProcess(['--help'], { root })
  const list = stdout.slice(stdout.indexOf('Commands:'))
  const verbs = [...list.matchAll(/^ {2}([a-z-]+)/gm)].map(([, verb]) => verb!)
  t.ok(verbs.includes('images') && verbs.includes('load'))
  for (const verb of verbs.filter((name) => name !== 'help')) {
    const help = await shaleInProcess([verb, '--help'], { root })
    t.equal(help.code, 0)
    t.match(help.stdout, /Examples:\n {2}\$ shale /, verb)
    t.match(help.stdout, /Usage: shale \S+.*\n\n\S+/, `${verb} says what it does`)
  }
})

t.test('a command line that is wrong ends with 2 and says how to go on', async (t) => {
  const root = path.join(t.testdir(), 'none')
  const cases: readonly (readonly [args: readonly string[], message: RegExp])[] = [
    [['frob'], /unknown command 'frob'/],
    [['imges'], /did you mean images\?/],
    [['image', 'frob'], /unknown command 'frob'/],
    [['images', '--frob'], /unknown option '--frob'/],
    [['images', 'a', 'b'], /too many arguments/],
    [['inspect'], /missing required argument 'name'/],
    [['images', '--root'], /argument missing/],
    [['--driver', 'zfs', 'images'], /Allowed choices are overlay2, vfs/],
    [['--log-level', 'loud', 'images'], /debug, info, warn, error/],
    [['--lock-timeout', 'soon', 'images'], /number of seconds/],
    [['--lock-timeout=-1', 'images'], /number of seconds/],
  ]
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await shaleInProcess(args, { root })
    t.equal(code, 2, args.join(' '))
    t.equal(stdout, '')
    t.match(stderr, message)
    t.match(stderr, /^shale: .*\nTry 'shale( [a-z]+)* --help'\.\n$/)
    const json = await shaleInProcess([...args.slice(0, -1), '--json', args.at(-1)!], { root })
    if (json.code === 2 && !args.includes('--root')) {
      t.equal(JSON.parse(json.stderr).error.code, 'ERR_USAGE')
    }
  }
})

t.test('a current directory that is gone is told as such', async (t) => {
  const dir = path.join(t.testdir(), 'gone')
  fs.mkdirSync(dir)
  const script = 'cd "$1" && rmdir "$1" && shift && exec "$@"'
  const program = [process.execPath, MAIN, '--root', 'relative', 'images']
  const [command, args] = withoutLoader(['sh', '-c', script, 'sh', dir, ...program])
  const done = spawnSync(command, args, { env: cleanEnvironment(), encoding: 'utf8' })
  t.equal(done.status, 1)
  t.match(done.stderr, /^shale: cannot tell the current directory: it is not there any more/)
})

t.test('short options with = and their value, as Go’s flags are written', async (t) => {
  const { root } = await fixtureStore(t)
  const dir = t.testdir()
  const of = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await shaleInProcess(args, { root })
    t.same([code, stderr], [0, ''], args.join(' '))
    return stdout
  }
  t.equal(
    await of('images', '-f=dangling=true', '-q'),
    await of('images', '-f', 'dangling=true', '-q'),
  )
  t.equal(await of('inspect', '-f={{.Id}}', 'app'), await of('inspect', '-f', '{{.Id}}', 'app'))
  await of('save', `-o=${path.join(dir, 'out.tar')}`, 'app')
  t.same(fs.readdirSync(dir), ['out.tar'])
})

t.test('where more is to be read: the help of the verb that refused', async (t) => {
  const root = path.join(t.testdir(), 'none')
  const told = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await shaleInProcess(args, { root })
    t.same([code, stdout], [2, ''], args.join(' '))
    return stderr
  }
  t.match(await told('images', '--frob'), "Try 'shale images --help'.")
  t.match(await told('image', 'ls', 'a', 'b'), "Try 'shale image ls --help'.")
  t.match(await told('image', 'frob'), "Try 'shale image --help'.")
  t.match(await told('frob'), "Try 'shale --help'.")
  t.equal(await told('help', 'frob'), "shale: unknown command 'frob'\nTry 'shale --help'.\n")
  t.match(await told('--quiet', 'help', 'frob'), "unknown command 'frob'")
  for (const noun of [
    ['help', 'image', 'frob'],
    ['image', 'help', 'frob'],
  ])
    t.equal(await told(...noun), "shale: unknown command 'frob'\nTry 'shale image --help'.\n")
  for (const args of [['help'], ['help', 'help'], ['help', 'image'], ['image'], []])
    t.equal((await shaleInProcess(args, { root })).code, 0, args.join(' '))
})

t.test('an empty name is no root, or a store would be made of the current directory', async (t) => {
  const { code, stderr } = await shaleInProcess(['images', '--root', ''], { root: t.testdir() })
  t.equal(code, 2)
  t.match(stderr, /'--root <dir>' argument '' is invalid\. Expected the name of a directory\./)
})

t.test('global options stand before or after the verb', async (t) => {
  const fixture = await fixtureStore(t)
  const other = path.join(t.testdir(), 'none')
  const { root } = fixture
  const ids = await shaleInProcess(['images', '-q'], { root })
  t.equal(ids.code, 0)
  for (const args of [
    ['images', '-q', '--root', root],
    ['image', '--root', root, 'ls', '-q'],
    ['image', 'list', `--root=${root}`, '--quiet'],
    ['--root', root, 'images', '-q=true'],
  ]) {
    const { stdout } = await shaleInProcess(args, { root: other })
    t.equal(stdout, ids.stdout, args.join(' '))
  }
  t.equal((await shaleInProcess(['--driver', 'vfs', 'images', '-q'], { root })).stdout, '')
  const env = { SHALE_ROOT: root }
  const done = shale(['images', '-q'], { env })
  t.equal(done.stdout, ids.stdout, 'SHALE_ROOT')
})

t.test('docker’s booleans: =true, =false, =1', async (t) => {
  const { root } = await fixtureStore(t)
  const out = async (...args: string[]): Promise<string> =>
    (await shaleInProcess(args, { root })).stdout
  t.equal(await out('images', '--no-trunc=true', '-q'), await out('images', '--no-trunc', '-q'))
  t.equal(await out('images', '--no-trunc=false', '-q'), await out('images', '-q'))
  t.equal(await out('images', '-q=0'), await out('images'))
  t.match(await out('history', '-H=false', 'app'), /CREATED AT/)
  t.match(await out('history', '--human=false', 'app'), /CREATED AT/)
  t.match(await out('history', '-H=true', 'app'), /CREATED  /)
})

t.test('errors: plain, with code and stack at debug, as JSON', async (t) => {
  const { root } = await fixtureStore(t)
  const plain = await shaleInProcess(['history', 'nope'], { root })
  t.equal(plain.code, 10)
  t.equal(plain.stderr, 'shale: No such image: nope:latest\n')
  const debug = await shaleInProcess(['history', 'nope', '--log-level', 'debug'], { root })
  t.match(debug.stderr, 'shale: No such image: nope:latest [ERR_IMAGE_NOT_FOUND]\n')
  t.match(debug.stderr, /\n {4}at /, 'the stack')
  t.match(debug.stderr, `shale: opened ${root}`)
  const json = await shaleInProcess(['history', 'nope', '--json'], { root })
  t.same(JSON.parse(json.stderr), {
    error: {
      code: 'ERR_IMAGE_NOT_FOUND',
      message: 'No such image: nope:latest',
      details: { name: 'nope:latest' },
    },
  })
})

t.test('a store that this user may not read', { skip: isRoot && 'root may' }, async (t) => {
  const { root } = await fixtureStore(t)
  const image = path.join(root, 'image')
  fs.chmodSync(image, 0)
  t.teardown(() => {
    fs.chmodSync(image, 0o700)
  })
  const { code, stderr } = await shaleInProcess(['images', '--json'], { root })
  t.equal(code, 1)
  t.match(JSON.parse(stderr).error, {
    code: 'ERR_PERMISSION',
    message: /permission denied \(EACCES\); run as the user who owns the store/,
  })
})

t.test('a store of another user', { skip: unless({ root: true }) }, async (t) => {
  const { root } = await fixtureStore(t)
  fs.chmodSync(path.dirname(root), 0o755)
  const user = { uid: 12_345, gid: 12_345 }
  const remedy = `the store belongs to root (uid 0): run as that user, or use a --root of your own\n`
  const told = (...args: string[]): string => {
    const { code, stderr } = shale(['--root', root, ...args], user)
    t.equal(code, 1)
    return stderr
  }
  fs.chmodSync(root, 0o710)
  t.match(told('images'), /^shale: cannot read .*: permission denied \(EACCES\); /)
  t.ok(told('images').endsWith(`; ${remedy}`))
  // Readable, as some make /var/lib/docker: then it is the lock that is refused.
  spawnSync('chmod', ['-R', 'a+rX', root])
  t.equal(shale(['--root', root, 'images'], user).code, 0)
  const lock = told('tag', 'app', 'app:other')
  t.match(lock, /^shale: cannot (?:lock|write to) .*: permission denied \(EACCES\); /)
  t.ok(lock.endsWith(`; ${remedy}`), lock)
  // Where there is none yet, nobody owns it.
  const none = path.join(path.dirname(root), 'none')
  t.match(
    shale(['--root', none, 'import', '-'], { ...user, stdin: 'x'.repeat(512) }).stderr,
    /use a --root of your own/,
  )
})

t.test('a root that is not there', async (t) => {
  const dir = temporaryDirectory(t)
  const root = path.join(dir, 'mistyped')
  const said = `shale: cannot open the store ${root}: there is no such directory; check the name, or make a store there by load, import or volume create\n`
  for (const args of [
    ['images'],
    ['ps', '-a'],
    ['volume', 'ls'],
    ['system', 'df'],
    ['rmi', 'app'],
    ['tag', 'a', 'b'],
    ['mount'],
    ['cat', 'app:/etc/motd'],
    ['system', 'prune', '--force'],
  ]) {
    t.match(await shaleInProcess(args, { root }), { code: EXIT.notFound, stderr: said })
  }
  const { stderr } = await shaleInProcess(['--json', 'images'], { root })
  t.match(JSON.parse(stderr).error, { code: 'ERR_ROOT_NOT_FOUND', details: { path: root } })
  t.match(shale(['images'], { env: { SHALE_ROOT: root } }), { code: EXIT.notFound, stderr: said })
  t.same(fs.readdirSync(dir), [], 'and nothing is made')

  // Nobody named it: a new user's.
  const env = { HOME: dir, XDG_DATA_HOME: path.join(dir, 'data') }
  const user = isRoot ? { uid: 12_345, gid: 12_345 } : {}
  fs.chmodSync(dir, 0o755)
  t.match(shale(['images', '-q'], { env, ...user }), { code: 0, stdout: '', stderr: '' })
  // An empty directory is a store to be.
  fs.mkdirSync(root)
  t.match(await shaleInProcess(['images', '-q'], { root }), { code: 0, stdout: '' })
  fs.rmdirSync(root)
  t.equal((await shaleInProcess(['volume', 'create', 'vol'], { root })).code, 0)
  t.match(await shaleInProcess(['volume', 'ls', '-q'], { root }), { code: 0, stdout: 'vol\n' })
})

t.test('a name cannot bring escape sequences to the terminal', async (t) => {
  const { root } = await fixtureStore(t)
  const { stderr, code } = await shaleInProcess(['cat', 'app:/etc/\u001b[31mnone'], { root })
  t.equal(code, 10)
  // oxlint-disable-next-line no-control-regex
  t.notMatch(stderr, /\u001b/)
})

t.test(
  'a terminal that is closed ends it as a signal does',
  { skip: unless({ programs: ['script', 'mkfifo'] }) },
  async (t) => {
    const dir = temporaryDirectory(t)
    const name = (of: string): string => path.join(dir, of)
    const [pipe, root, started, ended] = [name('pipe'), name('root'), name('told'), name('code')]
    execFileSync('mkfifo', [pipe])
    // The kernel tells the first process of a terminal alone, and a shell tells its jobs.
    const line = `'${process.execPath}' '${MAIN}' --root '${root}' --log-level debug load -i '${pipe}' 2> '${started}' & trap 'kill -HUP $!' HUP; wait $!; wait $!; echo $? > '${ended}'`
    const [command, args] = withoutLoader(['script', '-qec', line, '/dev/null'])
    const child = spawn(command, args, {
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { ...cleanEnvironment(), SHELL: '/bin/sh' },
    })
    t.teardown(() => child.kill('SIGKILL'))
    const isWritten = (file: string): boolean => fs.existsSync(file) && fs.statSync(file).size > 0
    while (!isWritten(started) && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 5))
    if (child.exitCode !== null) return t.comment('this host gives no terminal')
    child.kill('SIGKILL')
    while (!isWritten(ended)) await new Promise((resolve) => setTimeout(resolve, 5))
    t.equal(fs.readFileSync(ended, 'utf8'), `${EXIT.hungUp}\n`)
    t.match(fs.readFileSync(started, 'utf8'), /interrupted: nothing was loaded\n$/)
  },
)

t.test('a reader that closes the pipe ends it quietly', async (t) => {
  const { root } = await fixtureStore(t)
  const { child, done } = startShale(['--root', root, 'ls', '-R', 'app'])
  child.stdout!.destroy()
  const { code, stderr } = await done
  t.equal(stderr, '')
  t.equal(code, EXIT.pipeClosed)
})

t.test('a FIFO that nobody writes to holds nobody who wants to leave', async (t) => {
  const dir = temporaryDirectory(t)
  const pipe = path.join(dir, 'pipe')
  execFileSync('mkfifo', [pipe])
  const global = ['--root', path.join(dir, 'root'), '--log-level', 'debug']
  for (const verb of [['load', '-i'], ['import']]) {
    const { child, done } = startShale([...global, ...verb, pipe])
    t.teardown(() => child.kill('SIGKILL'))
    await new Promise((resolve) => child.stderr!.once('data', resolve))
    child.kill('SIGINT')
    t.equal((await done).code, EXIT.interrupted, verb.join(' '))
  }
})

t.test('SIGINT, SIGTERM and SIGHUP end whoever waits for input', async (t) => {
  for (const [signal, code] of [
    ['SIGINT', EXIT.interrupted],
    ['SIGTERM', EXIT.terminated],
    ['SIGHUP', EXIT.hungUp],
  ] as const) {
    const child = spawn(process.execPath, [MAIN, '--log-level', 'debug', 'chainid', '--explain'], {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    t.teardown(() => child.kill('SIGKILL'))
    const ended = new Promise<number | null>((resolve) => {
      child.once('close', (exitCode) => resolve(exitCode))
    })
    // It says that it reads: a signal before its handlers are there would end it by itself.
    await new Promise((resolve) => child.stderr.once('data', resolve))
    child.kill(signal)
    t.equal(await ended, code, signal)
  }
})
