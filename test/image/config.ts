import fc from 'fast-check'
import t from 'tap'
import { ArchiveError, LayerStoreError, LimitError } from '../../src/errors.ts'
import { createdSeconds, parseImageConfig, ZERO_TIME_SECONDS } from '../../src/image/config.ts'
import { createdByLayer, historyRows } from '../../src/image/history.ts'
import type { ImageID } from '../../src/digest/digest.ts'
import { DEFAULT_JSON_LIMITS } from '../../src/image/json.ts'

const hex = (digit: string): string => `sha256:${digit.repeat(64)}`
const bytes = (value: unknown): Uint8Array =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))

function refusal(value: unknown): LayerStoreError {
  try {
    parseImageConfig(bytes(value), 'c.json')
  } catch (error) {
    if (error instanceof LayerStoreError) return error
    throw error
  }
  throw new Error('it was accepted')
}

const full = {
  architecture: 'arm64',
  variant: 'v8',
  os: 'linux',
  created: '2024-01-02T03:04:05.123456789Z',
  author: 'me',
  config: {
    Env: ['A=b'],
    Cmd: 'one string, as early docker had it',
    Entrypoint: null,
    Labels: { a: '1' },
    ExposedPorts: { '80/tcp': {} },
    Volumes: { '/v': {} },
    Healthcheck: { Test: ['NONE'], Interval: 5 },
    Unknown: [{}],
  },
  history: [
    { created: '2024-01-02T03:04:05Z', created_by: 'ADD x', comment: 'c' },
    { created: '1970-01-01T00:00:00Z', created_by: 'CMD', empty_layer: true },
    { created_by: 'RUN y', author: 'a' },
  ],
  rootfs: { type: 'layers', diff_ids: [hex('a'), hex('b')] },
  'moby.buildkit.buildinfo.v1': 'x',
}

t.test('reads a config', async (t) => {
  const config = parseImageConfig(bytes(full))
  t.match(config, {
    architecture: 'arm64',
    variant: 'v8',
    os: 'linux',
    created: full.created,
    author: 'me',
    comment: '',
    rootfs: { type: 'layers', diffIDs: [hex('a'), hex('b')] },
  })
  t.strictSame(config.config?.Cmd, ['one string, as early docker had it'])
  t.strictSame(config.config?.ExposedPorts, ['80/tcp'])
  t.strictSame(config.config?.Healthcheck, { Test: ['NONE'], Interval: 5 })
  t.notOk('Entrypoint' in config.config!, 'null is unset')
  t.notOk('Unknown' in config.config!)
  t.equal(config.document['moby.buildkit.buildinfo.v1'], 'x', 'unknown keys stay in the document')
})

t.test('the least that docker accepts', async (t) => {
  t.strictSame(parseImageConfig(bytes({ rootfs: {} })).rootfs, { type: 'layers', diffIDs: [] })
})

t.test('names the field that is wrong', async (t) => {
  const cases: [unknown, RegExp][] = [
    [{}, /^cannot read c\.json: it has no rootfs/],
    [[], /: expected an object, not an array$/],
    ['nonsense', /: it is not JSON$/],
    ['\ufeff{"rootfs":{}}', /: it is not JSON$/],
    [{ rootfs: [] }, /: rootfs: expected an object, not an array$/],
    [
      { rootfs: { diff_ids: [hex('a'), 'sha256:../x'] } },
      /: rootfs\.diff_ids\[1\]: expected sha256: .* not "sha256:\.\.\/x"$/,
    ],
    [{ rootfs: { diff_ids: [hex('A')] } }, /: rootfs\.diff_ids\[0\]: /],
    [{ rootfs: { diff_ids: [5] } }, /: rootfs\.diff_ids\[0\]: expected a string, not 5$/],
    [
      { rootfs: {}, history: [{}] },
      /: history: 1 items claim a layer, but rootfs\.diff_ids has only 0$/,
    ],
    [
      { rootfs: {}, history: [{ empty_layer: 'yes' }] },
      /: history\[0\]\.empty_layer: expected true or false, not "yes"$/,
    ],
    [{ rootfs: {}, created: 'yesterday' }, /: created: expected a time/],
    [{ rootfs: {}, os: 1 }, /: os: expected a string, not 1$/],
    [{ rootfs: {}, config: { Env: [1] } }, /: config\.Env\[0\]: expected a string, not 1$/],
    [
      { rootfs: {}, config: { Labels: { a: 1 } } },
      /: config\.Labels\.a: expected a string, not 1$/,
    ],
    [
      { rootfs: {}, config: { StopTimeout: 1.5 } },
      /: config\.StopTimeout: expected a whole number, not 1\.5$/,
    ],
  ]
  for (const [value, message] of cases) {
    const error = refusal(value)
    t.match(error.message, message)
    t.ok(error instanceof ArchiveError && error.code === 'ERR_CONFIG', message.source)
  }
})

t.test('is bounded in size and depth', async (t) => {
  const deep = (levels: number): string =>
    `{"rootfs":{},"x":${'['.repeat(levels)}${']'.repeat(levels)}}`
  t.ok(parseImageConfig(bytes(deep(DEFAULT_JSON_LIMITS.jsonDepthMax - 1))))
  for (const text of [deep(DEFAULT_JSON_LIMITS.jsonDepthMax), '['.repeat(1_000_000)]) {
    const error = refusal(text)
    t.ok(error instanceof LimitError && error.code === 'ERR_JSON_MAX')
  }
  const padded = `{"rootfs":{}}${' '.repeat(DEFAULT_JSON_LIMITS.jsonBytesMax)}`
  t.ok(parseImageConfig(bytes(padded.slice(0, DEFAULT_JSON_LIMITS.jsonBytesMax))))
  t.equal(refusal(padded).code, 'ERR_JSON_MAX')
  t.ok(
    parseImageConfig(bytes(`{"rootfs":{},"x":"${'['.repeat(100)}\\"${'{'.repeat(100)}"}`)),
    'brackets in strings are text',
  )
})

t.test('keys of Object.prototype are keys like any other', async (t) => {
  const text = `{"rootfs":{},"config":{"Labels":{"__proto__":"p","constructor":"c"}},"__proto__":{"os":"evil"}}`
  const config = parseImageConfig(bytes(text))
  t.equal(config.os, '')
  t.strictSame(Object.entries(config.config!.Labels!), [
    ['__proto__', 'p'],
    ['constructor', 'c'],
  ])
  t.equal(config.config!.Labels!['toString'], undefined)
  t.equal(({} as Record<string, unknown>)['os'], undefined, 'no prototype was touched')
})

t.test('history pairs steps with layers, newest first', async (t) => {
  const config = parseImageConfig(bytes(full))
  const imageID = hex('f') as ImageID
  const rows = historyRows(config, {
    imageID,
    layerSizes: [10, 20],
    parents: [hex('e') as ImageID],
  })
  t.match(rows, [
    {
      id: imageID,
      createdBy: 'RUN y',
      sizeBytes: 20,
      createdSeconds: ZERO_TIME_SECONDS,
      diffID: hex('b'),
    },
    { id: hex('e'), createdBy: 'CMD', sizeBytes: 0, createdSeconds: 0 },
    {
      id: '<missing>',
      createdBy: 'ADD x',
      comment: 'c',
      sizeBytes: 10,
      diffID: hex('a'),
      chainID: hex('a'),
    },
  ])
  t.equal(rows[1]!.diffID, undefined)
  t.strictSame(createdByLayer(config), ['ADD x', 'RUN y'])
  const unknown = parseImageConfig(bytes({ rootfs: full.rootfs }))
  t.strictSame(historyRows(unknown, { imageID, layerSizes: [1, 2] }), [])
  t.strictSame(createdByLayer(unknown), [undefined, undefined])
})

t.test('seconds are rounded down', async (t) => {
  t.equal(createdSeconds('1969-12-31T23:59:59.5Z'), -1)
  t.equal(createdSeconds('2024-01-02T03:04:05.999999999+01:00'), 1704161045)
  t.equal(createdSeconds('0001-01-01T00:00:00Z'), ZERO_TIME_SECONDS)
})

t.test('any JSON is read or refused with a code', async () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (config, history, rootfs) => {
      try {
        parseImageConfig(bytes({ config, history, rootfs }))
      } catch (error) {
        if (!(error instanceof LayerStoreError)) throw error
      }
    }),
    { numRuns: 300 },
  )
})
