import t from 'tap'
import { chainIDs } from '../../src/digest/chain-id.ts'
import { shaleInProcess, type InProcessOutput } from '../support/in-process.ts'
import { IMAGES, LAST_TAGGED, fixtureStore } from '../support/store-fixture.ts'

t.test('an array of all that were found; the others are errors', async (t) => {
  const { root } = await fixtureStore(t)
  const run = (...args: string[]): Promise<InProcessOutput> =>
    shaleInProcess(['inspect', ...args], { root })
  const one = await run('app')
  t.equal(one.code, 0)
  t.match(one.stdout, /^\[\n {4}\{\n {8}"Id": /)
  t.equal(JSON.parse(one.stdout)[0].Id, IMAGES.app.imageID)
  t.equal((await shaleInProcess(['image', 'inspect', 'app'], { root })).stdout, one.stdout)
  t.equal((await run('--type', 'image', 'app')).stdout, one.stdout)
  t.equal((await run('--type=container', 'app')).code, 10)

  const none = await run('nope')
  t.same(none, { ...none, code: 10, stdout: '[]\n', stderr: 'shale: No such object: nope\n' })
  const some = await run('nope', 'base:1', 'app')
  t.equal(some.code, 3)
  t.equal(JSON.parse(some.stdout).length, 2)
  t.match(some.stderr, 'No such object: nope')
  t.match((await run('--type', 'image', 'nope')).stderr, 'No such image: nope:latest')
})

t.test('a volume, where nothing else has the name; the sizes of containers', async (t) => {
  const { root } = await fixtureStore(t)
  const run = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await shaleInProcess(args, { root })
    t.equal(code, 0, stderr)
    return stdout
  }
  await run('volume', 'create', 'data')
  t.equal(await run('inspect', 'data'), await run('volume', 'inspect', 'data'))
  await run('create', '--name', 'data', 'app')
  t.equal(await run('inspect', '-f', '{{.Name}}', 'data'), '/data\n', 'the container goes first')
  t.equal(await run('inspect', '--type=volume', '-f', '{{.Name}}', 'data'), 'data\n')
  const [bare] = JSON.parse(await run('inspect', 'data'))
  t.notOk('SizeRw' in bare)
  const [sized] = JSON.parse(await run('inspect', '-s', 'data'))
  t.equal(sized.SizeRootFs - sized.SizeRw, JSON.parse(await run('inspect', 'app'))[0].Size)
  t.match(await shaleInProcess(['image', 'inspect', '-s', 'app'], { root }), { code: 2 })
  t.match(await shaleInProcess(['inspect', '--type=volume', 'app'], { root }), { code: 10 })
})

t.test('structs in order, maps sorted, nothing escaped for HTML', async (t) => {
  const { root } = await fixtureStore(t)
  const text = (await shaleInProcess(['inspect', 'app'], { root })).stdout
  t.ok(text.endsWith('\n    }\n]\n'))
  const config = text.slice(text.indexOf('"Config"'))
  t.ok(config.indexOf('org.example.of') < config.indexOf('"stage"'), 'map keys are sorted')
  t.ok(config.indexOf('"Hostname"') < config.indexOf('"Domainname"'), 'struct keys are not')
  t.match((await shaleInProcess(['inspect', 'base:1'], { root })).stdout, '"Data": {\n')
})

t.test('templates see docker’s types', async (t) => {
  const { root } = await fixtureStore(t)
  const out = async (format: string, name = 'app'): Promise<string> =>
    (await shaleInProcess(['inspect', '-f', format, name], { root })).stdout
  const { diffIDs, imageID } = IMAGES.app
  t.equal(await out('{{.Id}}'), `${imageID}\n`)
  t.equal(await out('{{.RootFS.Layers}}'), `[${diffIDs.join(' ')}]\n`)
  t.equal(await out('{{json .RootFS.Layers}}'), `${JSON.stringify(diffIDs)}\n`)
  t.equal(await out('{{.RootFS.ChainIDs}}'), `[${chainIDs(diffIDs).join(' ')}]\n`)
  t.equal(await out('{{range .RootFS.Layers}}{{println .}}{{end}}'), `${diffIDs.join('\n')}\n\n`)
  t.equal(await out('{{index .Config.Labels "stage"}}'), 'app\n')
  t.equal(await out('{{.Config.Entrypoint}} {{.Config.Volumes}}'), '[] map[]\n')
  t.equal(await out('{{.Config.ExposedPorts}}'), 'map[80/tcp:{}]\n')
  t.equal(await out('{{if .Config.Labels}}y{{else}}n{{end}}', IMAGES.dangling.imageID), 'n\n')
  t.equal(await out('{{join .Config.Cmd " "}} {{len .RootFS.Layers}}'), '/bin/tool 2\n')
  t.match(await out('{{json .Config}}'), /^\{"Hostname":"","Domainname":""/)
  t.match(await out('{{.Metadata.LastTagTime}}'), '2024-02-01 00:00:00.25 +0000 UTC')
  const [line] = JSON.parse(await out('json'))
  t.equal(line.Metadata.LastTagTime, LAST_TAGGED)
})

t.test('a template that asks for nothing that there is', async (t) => {
  const { root } = await fixtureStore(t)
  const missing = await shaleInProcess(['inspect', '-f', '{{.Nope}}', 'app'], { root })
  t.equal(missing.code, 2)
  t.match(missing.stderr, 'map has no entry for key "Nope"')
  const broken = await shaleInProcess(['inspect', '-f', '{{.Id', 'nope'], { root })
  t.equal(broken.code, 2, 'the template is refused before the image is looked for')
})

t.test('what an image says of itself cannot steer a terminal', async (t) => {
  const { root } = await fixtureStore(t)
  for (const args of [
    ['inspect', 'app'],
    ['inspect', '-f', '{{.Config.Env}}', 'app'],
  ]) {
    const { stdout } = await shaleInProcess(args, { root })
    // oxlint-disable-next-line no-control-regex
    t.notMatch(stdout, /\u001b/)
    t.match(stdout, /\\u001b\[31m|\\x1b\[31m/)
  }
})
