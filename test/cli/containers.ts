// A container's life as its user sees it: made, listed, changed, compared, committed, exported, renamed, removed. As any
// user and without a mount; what a dockerd makes of it is in test/interop/containers.ts.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { dockerArchive25, packed, smallImage } from '../support/image.ts'
import { unless } from '../support/host.ts'
import { shaleInProcess, type InProcessOutput } from '../support/in-process.ts'
import { file, layerTar } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const image = smallImage({
  config: { Cmd: ['/bin/true'], Env: ['A=1'], WorkingDir: '/work', Labels: { kind: 'small' } },
})

type Run = (args: readonly string[], stdin?: Uint8Array) => Promise<InProcessOutput>

async function storeOf(t: Test): Promise<{ root: string; run: Run; ok: Run }> {
  const root = path.join(temporaryDirectory(t), 'root')
  const run: Run = (args, stdin) =>
    shaleInProcess(args, { root, ...(stdin === undefined ? {} : { stdin }) })
  const ok: Run = async (args, stdin) => {
    const done = await run(args, stdin)
    if (done.code !== 0) throw new Error(`${args.join(' ')}: ${done.stderr}`)
    return done
  }
  await ok(['load', '-q'], packed(dockerArchive25([{ image, tags: ['app:1'] }])))
  return { root, run, ok }
}

t.test('a container with a terminal, as docker create -it asks for it', async (t) => {
  const { ok } = await storeOf(t)
  const configOf = async (name: string): Promise<unknown> =>
    JSON.parse((await ok(['inspect', '-f', '{{json .Config}}', name])).stdout)
  await ok(['create', '-it', '--hostname', 'box', '--name', 'both', 'app:1', 'sh', '-i'])
  t.match(await configOf('both'), {
    Hostname: 'box',
    AttachStdin: true,
    AttachStdout: true,
    Tty: true,
    OpenStdin: true,
    StdinOnce: true,
    Cmd: ['sh', '-i'],
  })
  await ok(['create', '-t', '--name', 'terminal', 'app:1'])
  t.match(await configOf('terminal'), { AttachStdin: false, Tty: true, OpenStdin: false })
  await ok(['create', '-i', '--name', 'input', 'app:1'])
  t.match(await configOf('input'), { AttachStdin: true, Tty: false, StdinOnce: true })
})

t.test('from create to rm, and the store is as it was', async (t) => {
  const { root, run, ok } = await storeOf(t)
  const drivers = (): string[] => fs.readdirSync(path.join(root, 'overlay2')).sort()
  const before = drivers()

  const created = await ok([
    'create',
    '--name',
    'web',
    '-e',
    'B=2',
    '-l',
    'tier=front',
    '-w',
    '/srv',
    '-u',
    '7',
    'app:1',
    'serve',
    '--port',
    '80',
  ])
  t.match(created.stdout, /^[0-9a-f]{64}\n$/)
  const id = created.stdout.trim()
  t.equal((await run(['create', '--name', 'web', 'app:1'])).code, 1, 'the name is taken')
  t.match(
    (await run(['create', '--name', 'web', 'app:1'])).stderr,
    /Conflict\. The container name "\/web" is already in use/i,
  )
  t.equal((await ok(['ps'])).stdout.trim().split('\n').length, 1, 'it does not run')
  t.match(
    (await ok(['ps', '-a'])).stdout,
    /^CONTAINER ID .*NAMES\n[0-9a-f]{12} +app:1 +"serve --port 80" .*Created +web\n$/,
  )
  t.equal((await ok(['ps', '-aq', '--no-trunc'])).stdout.trim(), id)
  t.equal((await ok(['ps', '-aq', '-f', 'label=tier=back'])).stdout.trim(), '')
  t.equal(
    (await ok(['ps', '-a', '--format', '{{.Label "tier"}}, {{.Label "none"}}'])).stdout,
    'front, \n',
  )
  t.equal((await ok(['ps', '-aq', '-f', 'ancestor=app:1'])).stdout.trim(), id.slice(0, 12))
  const both = await ok(['ps', '-aq', '-f', 'ancestor=nope', '-f', 'ancestor=app:1'])
  t.equal(both.stdout.trim(), id.slice(0, 12))
  t.equal((await ok(['ps', '-aq', '-f', 'ancestor=nope'])).stdout, '', 'of no image, none')

  const [inspected] = JSON.parse((await ok(['inspect', 'web'])).stdout) as [
    { Id: string; Name: string; Image: string; Config: Record<string, unknown> },
  ]
  t.match(inspected, {
    Id: id,
    Name: '/web',
    Image: image.imageID,
    Config: { Env: ['B=2', 'A=1'], User: '7', WorkingDir: '/srv', Cmd: ['serve', '--port', '80'] },
  })
  t.equal((await run(['image', 'inspect', 'web'])).code, 10, 'it is no image')
  t.equal((await run(['rmi', 'app:1'])).code, 1, 'its image is in use')

  await ok(['cp', '-', 'web:/etc'], layerTar(file('new', 'fresh\n'), file('motd', 'changed\n')))
  const lines = (await ok(['diff', 'web'])).stdout.split('\n')
  t.ok(lines.includes('C /etc') && lines.includes('A /etc/new') && lines.includes('C /etc/motd'))
  t.match((await ok(['diff', '--why', 'web'])).stdout, /C \/etc\/motd +\(.*content.*\)/)

  const committed = (
    await ok(['commit', '-m', 'more', '-c', 'ENV C=3', '-a', 'me <me@example>', 'web', 'app:2'])
  ).stdout.trim()
  t.match(committed, /^sha256:[0-9a-f]{64}$/)
  t.equal((await ok(['cat', 'app:2:/etc/new'])).stdout, 'fresh\n')
  t.equal((await ok(['cat', 'app:2:/etc/motd'])).stdout, 'changed\n')
  t.equal((await ok(['cat', 'app:1:/etc/motd'])).stdout, 'good bye\n', 'the image is as it was')
  t.match((await ok(['history', 'app:2'])).stdout, /serve --port 80 .*more/)
  t.match(
    (await ok(['inspect', '-f', '{{.Author}} {{.Config.Env}}', 'app:2'])).stdout,
    /me <me@example> \[.*C=3/,
  )
  t.match((await ok(['diff', 'app:1', 'app:2'])).stdout, /A \/etc\/new/)
  for (const image of ['app:1', committed.slice(7, 19)]) {
    const alone = await run(['diff', image])
    t.equal(alone.code, 2)
    t.match(alone.stderr, `cannot tell what image ${image} changes: name the image to compare it`)
  }
  t.ok((await ok(['export', 'web'])).stdoutBytes.includes('fresh\n'), 'export has the new file')

  await ok(['rename', 'web', 'front'])
  t.equal((await ok(['ps', '-a', '--format', '{{.Names}}'])).stdout, 'front\n')
  t.match((await ok(['container', 'prune', '--dry-run'])).stdout, id)
  t.equal((await ok(['ps', '-aq'])).stdout.trim(), id.slice(0, 12), 'a dry run changes nothing')
  t.equal((await ok(['rm', 'front'])).stdout, 'front\n')
  t.equal((await run(['rm', 'front'])).code, 10)
  await ok(['rmi', 'app:2'])
  t.same(drivers(), before, 'no directory is left')
  t.same(fs.readdirSync(path.join(root, 'image/overlay2/layerdb/mounts')), [])
  t.same(fs.readdirSync(path.join(root, 'containers')), [])
})

t.test('ps: a command is shortened first and then quoted as Go quotes', async (t) => {
  const { ok } = await storeOf(t)
  await ok(['create', 'app:1', '/bin/h', 'printf "hi\\n"'])
  const command = async (...args: string[]): Promise<string> =>
    (await ok(['ps', '-a', '--format', '{{.Command}}', ...args])).stdout
  t.equal(await command('--no-trunc'), `"/bin/h 'printf \\"hi\\\\n\\"'"\n`)
  t.equal(await command(), `"/bin/h 'printf \\"hi\\\\…"\n`)
  t.match((await ok(['system', 'df', '-v'])).stdout, ` "/bin/h 'printf \\"hi\\\\…" `)
})

t.test('ps: the name of each mount is shortened to 15 characters', async (t) => {
  const { ok } = await storeOf(t)
  await ok(['create', '-v', 'sixteen-letters-:/a', '-v', 'fifteen-letters:/b', 'app:1'])
  const mounts = async (...args: string[]): Promise<string[]> =>
    (await ok(['ps', '-a', '--format', '{{.Mounts}}', ...args])).stdout.trim().split(',').sort()
  t.same(await mounts(), ['fifteen-letters', 'sixteen-letter…'])
  t.same(await mounts('--no-trunc'), ['fifteen-letters', 'sixteen-letters-'])
  t.match((await ok(['ps', '-a', '--format', 'json'])).stdout, /"Mounts":"[^"]*sixteen-letter…/)
})

t.test('ps measures where a template asks for a size, and for `json` only with -s', async (t) => {
  const { ok } = await storeOf(t)
  await ok(['create', '--name', 'web', 'app:1'])
  await ok(['cp', '-', 'web:/'], layerTar(file('new', 'fresh\n')))
  const ps = async (...args: string[]): Promise<string> => (await ok(['ps', '-a', ...args])).stdout
  const measured = /6B \(virtual \d+B\)/
  t.match(await ps('--format', '{{json .}}'), measured)
  t.match(await ps('--format', '{{if eq .Names "web"}}{{.Size}}{{end}}'), measured)
  t.match(await ps('--format', 'table {{.Names}}\\t{{.Size}}'), measured)
  t.match(await ps('-s'), measured)
  t.match(await ps('-s', '--format', 'json'), measured)
  t.match(await ps('--format', 'json'), /"Size":"0B"/)
})

t.test('SOURCE_DATE_EPOCH: any store at any time commits and imports the same image', async (t) => {
  const before = process.env['SOURCE_DATE_EPOCH']
  process.env['SOURCE_DATE_EPOCH'] = '1700000000'
  t.teardown(() => {
    if (before === undefined) delete process.env['SOURCE_DATE_EPOCH']
    else process.env['SOURCE_DATE_EPOCH'] = before
  })
  const made: string[][] = []
  for (const name of ['a1', 'b2']) {
    const { root, ok } = await storeOf(t)
    await ok(['create', '--name', name, 'app:1'])
    await ok(['cp', '-', `${name}:/`], layerTar(file('same', 'same')))
    const tree = path.join(path.dirname(root), 'tree')
    fs.mkdirSync(tree)
    // In another order, and at another time.
    for (const each of name === 'a1' ? ['one', 'two'] : ['two', 'one'])
      fs.writeFileSync(path.join(tree, each), each)
    fs.utimesSync(
      path.join(tree, 'one'),
      1_800_000_000,
      name === 'a1' ? 1_800_000_000 : 1_900_000_000,
    )
    const ids = [
      (await ok(['commit', '-m', 'note', '-a', 'me', name, 'made:1'])).stdout,
      (await ok(['import', tree, '-m', 'note', 'tree:1'])).stdout,
    ]
    const layers = ['made:1', 'tree:1'].map((each) => [
      'inspect',
      '-f',
      '{{json .RootFS.Layers}}',
      each,
    ])
    made.push([
      ...ids,
      ...(await Promise.all(layers.map((args) => ok(args)))).map(({ stdout }) => stdout),
    ])
  }
  t.same(made[0], made[1])
  t.equal((JSON.parse(made[0]![2]!) as string[]).length, image.layers.length + 1)
})

t.test('a commit without changes makes no layer', async (t) => {
  const { ok } = await storeOf(t)
  await ok(['create', '--name', 'idle', '-w', '/etc', 'app:1'])
  await ok(['commit', 'idle', 'same:1'])
  const layers = async (name: string): Promise<string> =>
    (await ok(['inspect', '-f', '{{json .RootFS.Layers}}', name])).stdout
  t.equal(await layers('same:1'), await layers('app:1'))
})

t.test('rm --dry-run prints what rm then prints, and refuses what rm refuses', async (t) => {
  const { root, run, ok } = await storeOf(t)
  for (const name of ['web', 'data', 'runs']) await ok(['create', '--name', name, 'app:1'])
  const id = (await ok(['ps', '-aqf', 'name=data', '--no-trunc'])).stdout.trim()
  const running = (await ok(['inspect', '-f', '{{.Id}}', 'runs'])).stdout.trim()
  const config = path.join(root, 'containers', running, 'config.v2.json')
  fs.writeFileSync(
    config,
    fs.readFileSync(config, 'utf8').replace('"Running":false', '"Running":true'),
  )
  const names = ['web', 'none', id.slice(0, 7), 'data', 'runs']
  const dry = await run(['rm', '-v', '--dry-run', ...names])
  t.equal((await ok(['ps', '-aq'])).stdout.trim().split('\n').length, 3, 'nothing is gone')
  const done = await run(['rm', '-v', ...names])
  const said = `shale: a dry run: nothing is removed\n${done.stderr}`
  t.same([dry.code, dry.stdout, dry.stderr], [done.code, done.stdout, said])
  t.equal(done.stdout, `web\n${id.slice(0, 7)}\n`)
})

t.test('GNU tar lists what export writes', { skip: unless({ programs: ['tar'] }) }, async (t) => {
  const { root, ok } = await storeOf(t)
  const out = path.join(path.dirname(root), 'out.tar')
  await ok(['export', '-o', out, 'app:1'])
  const listed = spawnSync('tar', ['-tf', out], { encoding: 'utf8' })
  t.equal(listed.status, 0, listed.stderr)
  t.same(listed.stdout.trim().split('\n').sort(), ['etc/', 'etc/motd'])
})

t.test('an empty volume takes what the image has at its place', async (t) => {
  const { root, ok } = await storeOf(t)
  await ok(['create', '--name', 'first', '-v', 'data:/etc', 'app:1'])
  const data = path.join(root, 'volumes/data/_data')
  t.same(fs.readdirSync(data), ['motd'])
  fs.writeFileSync(path.join(data, 'mine'), '')
  await ok(['create', '--name', 'second', '-v', 'data:/etc', 'app:1'])
  t.same(fs.readdirSync(data).sort(), ['mine', 'motd'], 'one in use is left alone')
  await ok(['create', '--name', 'third', '-v', 'bare:/etc:nocopy', 'app:1'])
  t.same(fs.readdirSync(path.join(root, 'volumes/bare/_data')), [])
})

t.test(
  'a mounted container takes writes, and rm waits for its unmount',
  { skip: unless({ root: true, overlay: true }) },
  async (t) => {
    const { run, ok } = await storeOf(t)
    const dir = temporaryDirectory(t)
    await ok(['create', '--name', 'web', 'app:1'])
    await ok(['mount', 'web', dir])
    t.teardown(() => spawnSync('umount', [dir]))
    t.match((await ok(['mount'])).stdout, new RegExp(`web +kernel +${dir}`))
    fs.writeFileSync(path.join(dir, 'etc/written'), 'through the kernel')
    fs.rmSync(path.join(dir, 'etc/motd'))
    t.equal((await run(['rm', 'web'])).code, 1, 'it is mounted')
    await ok(['umount', dir])
    t.same((await ok(['diff', 'web'])).stdout.trim().split('\n'), [
      'C /etc',
      'D /etc/motd',
      'A /etc/written',
      'A /work',
    ])
    await ok(['commit', 'web', 'app:2'])
    t.same((await ok(['ls', 'app:2:/etc'])).stdout.trim().split('\n'), ['written'])
  },
)
