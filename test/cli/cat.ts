import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { buildImage, dockerArchive25, packed } from '../support/image.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { file, layerTar } from '../support/layer.ts'
import { fixtureStore } from '../support/store-fixture.ts'

t.test('bytes as they are', async (t) => {
  const { root } = await fixtureStore(t)
  // More than one chunk, and no text.
  const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 7919) & 0xff))
  const image = buildImage([layerTar(file('blob', bytes), file('empty'))])
  const archive = path.join(t.testdir(), 'blob.tar')
  fs.writeFileSync(archive, packed(dockerArchive25([{ image, tags: ['blob:1'] }])))
  t.equal((await shaleInProcess(['load', '-qi', archive], { root })).code, 0)
  const whole = await shaleInProcess(['cat', 'blob:1:/blob'], { root })
  t.ok(whole.stdoutBytes.equals(bytes))
  const both = await shaleInProcess(['cat', 'blob:1:/empty', 'app:/bin/alias'], { root })
  t.same(both, { ...both, code: 0, stdout: 'good bye\n', stderr: '' })
})

t.test('goes on after a failure', async (t) => {
  const { root } = await fixtureStore(t)
  const some = await shaleInProcess(['cat', 'app:/nope', 'app:/etc/motd'], { root })
  t.equal(some.code, 3)
  t.equal(some.stdout, 'good bye\n')
  t.match(some.stderr, 'cannot find /nope in the image')
  t.equal((await shaleInProcess(['cat', 'app:/nope', 'nope:/x'], { root })).code, 10)
  t.equal((await shaleInProcess(['cat', 'app:/etc'], { root })).code, 2)
  const noPath = await shaleInProcess(['cat', 'app', 'app:/etc/motd'], { root })
  t.equal(noPath.code, 2)
  t.equal(noPath.stdout, '', 'a wrong command line prints nothing')
})
