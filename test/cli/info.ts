import t from 'tap'
import { shaleInProcess } from '../support/in-process.ts'
import { fixtureStore } from '../support/store-fixture.ts'

t.test('docker’s storage rows', async (t) => {
  const fixture = await fixtureStore(t)
  const { root } = fixture
  const { code, stdout } = await shaleInProcess(['info'], { root })
  t.equal(code, 0)
  const names = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.slice(0, line.indexOf(':')))
  const wanted = [
    'Containers',
    ' Running',
    ' Stopped',
    'Images',
    'Names',
    'Layers',
    'Storage Driver',
    ' Backing Filesystem',
    ' Supports d_type',
    ' userxattr',
    ' Kernel Mount',
    'Form',
    'Root Dir',
  ]
  t.same(
    names.filter((name) => wanted.includes(name)),
    wanted,
  )
  const { form } = await fixture.open()
  t.match(stdout, `Form: ${form} (`)
  t.match(stdout, 'Images: 5\n')
  t.match(stdout, `Root Dir: ${root}\n`)
  t.equal((await shaleInProcess(['system', 'info'], { root })).stdout, stdout)
})

t.test('as JSON and by template', async (t) => {
  const { root } = await fixtureStore(t)
  const record = JSON.parse((await shaleInProcess(['info', '--json'], { root })).stdout)
  t.match(record, { Driver: 'overlay2', Images: 5, DockerRootDir: root, Layers: 3 })
  t.equal(record.DriverStatus[0][0], 'Backing Filesystem')
  const line = await shaleInProcess(['info', '-f', 'json'], { root })
  t.same(JSON.parse(line.stdout), record)
  t.equal(line.stdout.trimEnd().split('\n').length, 1)
  const text = await shaleInProcess(['info', '--format', '{{.Driver}} {{.Images}}'], { root })
  t.equal(text.stdout, 'overlay2 5\n')
  const wrong = await shaleInProcess(['info', '-f', '{{.Drivr}}'], { root })
  t.same([wrong.code, wrong.stdout], [2, ''])
  t.match(wrong.stderr, 'map has no entry for key "Drivr"')
  const idle = '{{if .Dockerd}}open{{else}}free{{end}}{{.ProbesReason}}'
  t.equal((await shaleInProcess(['info', '-f', idle], { root })).stdout, 'free\n')
})

t.test('a root that is not there yet, and vfs', async (t) => {
  const root = `${t.testdir()}/none`
  const { code, stdout } = await shaleInProcess(['info', '--driver', 'vfs'], { root })
  t.equal(code, 0)
  t.match(stdout, `Root Dir: ${root} (made by the first write)\n`)
  t.match(stdout, 'Storage Driver: vfs\n')
  t.notMatch(stdout, 'Native Overlay Diff')
})
