import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { parseBind } from '../../src/containers/bind.ts'
import { commandOf, mergeConfigs, settleConfig } from '../../src/containers/container-settings.ts'
import { parseContainerName } from '../../src/containers/container-name.ts'
import { randomName } from '../../src/containers/random-name.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const image = {
  User: 'app',
  Env: ['PATH=/bin', 'A=image'],
  Cmd: ['serve'],
  Entrypoint: ['/entry'],
  WorkingDir: '/srv',
  Labels: { a: 'image', b: 'image' },
  Volumes: ['/data'],
  ExposedPorts: ['80/tcp'],
  StopSignal: 'SIGINT',
  Healthcheck: { Test: ['CMD', 'true'], Interval: 5 },
}

t.test('what is not asked comes from the image', async (t) => {
  t.match(settleConfig({}, image), { ...image, Labels: image.Labels })
  t.same(commandOf(settleConfig({}, image)), { path: '/entry', args: ['serve'] })
})

t.test('what is asked wins: by name, by key, or as a whole', async (t) => {
  const config = settleConfig(
    { Env: ['A=mine', 'C=new'], Labels: { b: 'mine' }, User: '7', Volumes: ['/more'] },
    image,
  )
  t.same(config.Env, ['A=mine', 'C=new', 'PATH=/bin'])
  t.same(config.Labels, { a: 'image', b: 'mine' })
  t.equal(config.User, '7')
  t.same(config.Volumes, ['/data', '/more'])
})

t.test(
  'a command goes to the image’s entrypoint; an entrypoint does without its command',
  async (t) => {
    const run = (asked: object): object => commandOf(settleConfig(asked, image))
    t.same(run({ Cmd: ['other'] }), { path: '/entry', args: ['other'] })
    t.same(run({ Entrypoint: ['/mine'] }), { path: '/mine', args: [] })
    t.same(run({ Entrypoint: [''], Cmd: ['sh'] }), { path: 'sh', args: [] })
    t.throws(() => run({ Entrypoint: [''] }), {
      code: 'ERR_OPTION',
      message: 'No command specified',
    })
  },
)

t.test('a health check is filled field by field', async (t) => {
  const merged = mergeConfigs({ Healthcheck: { Interval: 9, Retries: 2 } }, image)
  t.same(merged.Healthcheck, { Test: ['CMD', 'true'], Interval: 9, Retries: 2 })
  t.same(mergeConfigs({ Healthcheck: { Test: ['NONE'] } }, image).Healthcheck, {
    Test: ['NONE'],
    Interval: 5,
  })
})

t.test('the working directory is absolute and clean', async (t) => {
  t.equal(settleConfig({ WorkingDir: '/a//b/../c/' }, image).WorkingDir, '/a/c')
  t.throws(() => settleConfig({ WorkingDir: 'a' }, image), {
    message: "the working directory 'a' is invalid, it needs to be an absolute path",
  })
  t.throws(() => settleConfig({ Env: ['=x'] }, image), { message: /invalid environment variable/ })
})

t.test('-v in docker’s short syntax', async (t) => {
  t.match(parseBind('data:/srv'), { kind: 'volume', source: 'data', destination: '/srv', mode: '' })
  t.match(parseBind('/host/:/srv/:ro,z'), {
    kind: 'host',
    source: '/host',
    destination: '/srv',
    writable: false,
  })
  t.same(parseBind('/only'), { anonymous: '/only' })
  const bind = parseBind('data:/srv:nocopy')
  t.equal('anonymous' in bind ? '' : bind.text, 'data:/srv:nocopy')
  for (const [text, reason] of [
    ['', /invalid volume specification/],
    ['a:b:c:d', /invalid volume specification/],
    ['data:srv', /invalid volume specification/],
    ['relative', /must be absolute/],
    ['data:/', /destination can't be '\/'/],
    ['data:/x:rx', /invalid mode: rx/],
    ['.', /must be absolute/],
    ['./data', /must be absolute/],
    ['./data:x', /invalid volume specification/],
    ['./data:/x:nocopy', /field VolumeOptions must not be specified/],
    ['a/b:/x', /includes invalid characters for a local volume name/],
  ] as const)
    t.throws(() => parseBind(text), { code: 'ERR_OPTION', message: reason }, text)
})

t.test('a source that begins with a dot is seen from the working directory', async (t) => {
  const here = process.cwd()
  for (const [text, source] of [
    ['.', here],
    ['..', path.dirname(here)],
    ['./a//b/', path.join(here, 'a/b')],
    ['../a', path.join(path.dirname(here), 'a')],
    ['.hidden', path.join(here, '.hidden')],
  ] as const)
    t.match(
      parseBind(`${text}:/srv:ro,rslave`),
      {
        kind: 'host',
        source,
        destination: '/srv',
        writable: false,
        propagation: 'rslave',
        text: `${source}:/srv:ro,rslave`,
        asGiven: [source, '/srv'],
      },
      text,
    )
  const colon = path.join(temporaryDirectory(t), 'a:b')
  fs.mkdirSync(colon)
  t.teardown(() => process.chdir(here))
  process.chdir(colon)
  t.throws(() => parseBind('./data:/x'), {
    code: 'ERR_OPTION',
    message: `invalid volume specification: './data:/x': ${colon}/data has a colon, which ends a source there; use --mount type=bind,source=${colon}/data,target=PATH`,
  })
})

t.test('names', async (t) => {
  t.equal(parseContainerName('/web.1-a_b'), 'web.1-a_b')
  for (const text of ['', 'a', '-a', 'a b', 'a/b', 'ä1'])
    t.throws(() => parseContainerName(text), { message: /^Invalid container name/ }, text)
  const drawn = Array.from({ length: 200 }, () => randomName(() => false))
  for (const name of drawn) if (!/^[a-z]+_[a-z]+$/.test(name)) t.fail(name)
  t.ok(new Set(drawn).size > 150, 'not always the same')
  t.match(
    randomName((name) => !/\d$/.test(name)),
    /^[a-z]+_[a-z]+\d+$/,
    'a digit where all is taken',
  )
})
