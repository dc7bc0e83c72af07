import t from 'tap'
import { annotatedName, nameOfAnnotation } from '../../src/transfer/image-name.ts'

t.test('which annotation counts', async (t) => {
  const containerd = 'io.containerd.image.name'
  const refName = 'org.opencontainers.image.ref.name'
  t.equal(
    annotatedName({ [containerd]: 'docker.io/library/a:1', [refName]: '1' }),
    'docker.io/library/a:1',
  )
  t.equal(annotatedName({ [refName]: 'a:1' }), 'a:1')
  t.equal(annotatedName({ [containerd]: '', [refName]: 'a:1' }), 'a:1')
  t.equal(annotatedName({ other: 'a:1' }), undefined)
  t.equal(annotatedName(undefined), undefined)
})

t.test('names', async (t) => {
  const names = {
    app: 'app:latest',
    'app:1': 'app:1',
    'docker.io/library/app:1': 'app:1',
    'docker.io/user/app': 'user/app:latest',
    'example.com:5000/app:v2': 'example.com:5000/app:v2',
    'localhost/app:latest': 'localhost/app:latest',
    [`app:1@sha256:${'0'.repeat(64)}`]: 'app:1',
  }
  for (const [name, reference] of Object.entries(names)) {
    t.same(nameOfAnnotation(name), { reference }, name)
  }
})

t.test('tags and what is no name give a warning and no name', async (t) => {
  for (const name of [
    'latest',
    '1',
    '1.0',
    'v2.3-rc1',
    '3.19_slim',
    'UPPER',
    'a b',
    'sha256',
    '\u001b[31m',
  ]) {
    const result = nameOfAnnotation(name)
    t.ok('warning' in result, name)
    t.match(result, { warning: { code: 'image-name-skipped', entry: name, count: 1 } })

    const message = 'warning' in result ? result.warning.message : ''
    t.same(
      Buffer.from(message).filter((byte) => byte < 0x20),
      Buffer.alloc(0),
      'nothing reaches a terminal raw',
    )
  }
})
