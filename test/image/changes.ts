import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import type { DiffID } from '../../src/digest/digest.ts'
import { InvalidArgumentError } from '../../src/errors.ts'
import { applyChanges } from '../../src/image/changes.ts'
import { goContainerConfig } from '../../src/image/container-config.ts'
import { parseImageConfig } from '../../src/image/config.ts'
import { encodeGoJSON } from '../../src/image/go-json.ts'
import { goTime, newConfig } from '../../src/image/new-config.ts'

interface Row {
  changes: string[]
  document?: string
  error?: string
}

const lines = readFileSync(
  new URL('../../../fixtures/image/import-changes.jsonl', import.meta.url),
  'utf8',
)
const rows = lines
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Row)

/** Where shale words it otherwise than the 20.10 that wrote the table, or goes with later docker. */
const OTHERWISE: Readonly<Record<string, RegExp | 'accepted'>> = {
  'STOPSIGNAL SIGTERM': 'accepted',
  'STOPSIGNAL 9': 'accepted',
  'STOPSIGNAL foo': /Invalid signal: foo$/,
  'SHELL ["a"]': 'accepted',
  'HEALTHCHECK --timeout=0 CMD x': 'accepted',
  'HEALTHCHECK --retries=-1 CMD x': /--retries cannot be negative \(-1\)$/,
  'HEALTHCHECK --retries=x CMD x': /--retries: "x" is not a number$/,
  'ENV A=${B': /failed to process "\$\{B": unsupported modifier \(\) in substitution$/,
  '': /they have no instructions$/,
}

/** 20.10 passed over what follows the JSON; later docker, and shale, take the whole for the shell form. */
const TRAILING = 'CMD ["a"] x'

function reasonOf(changes: readonly string[]): string {
  try {
    applyChanges({}, changes)
    return ''
  } catch (error) {
    if (error instanceof InvalidArgumentError && error.code === 'ERR_OPTION') return error.message
    throw error
  }
}

t.test('changes a config exactly as docker import -c does', async (t) => {
  t.strictSame(applyChanges({}, [TRAILING]).Cmd, ['/bin/sh', '-c', '["a"] x'])
  for (const row of rows.filter((row) => row.document !== undefined)) {
    if (row.changes[0] === TRAILING) continue
    const label = JSON.stringify(row.changes)
    const wanted = /"config":(\{.*\}),"container_config"/.exec(row.document!)![1]
    t.equal(encodeGoJSON(goContainerConfig(applyChanges({}, row.changes))), wanted, label)
  }
})

t.test('refuses what docker import -c refuses, with its reason', async (t) => {
  for (const row of rows.filter((row) => row.error !== undefined)) {
    const label = JSON.stringify(row.changes)
    const reason = reasonOf(row.changes)
    const otherwise = OTHERWISE[row.changes[0]!]
    if (otherwise === 'accepted') t.equal(reason, '', label)
    else if (otherwise) t.match(reason, otherwise, label)
    else {
      const docker = row
        .error!.replace('Error response from daemon: ', '')
        .replace('flag: ', 'flag: --')
      const plain = docker.replace('specified: ', 'specified: --').toLowerCase()
      t.ok(reason.toLowerCase().endsWith(plain), `${label}: ${reason} | ${docker}`)
    }
  }
})

t.test('an imported config has the very bytes that docker wrote', async (t) => {
  let seen = 0
  for (const row of rows) {
    if (row.document === undefined || row.changes[0] === TRAILING) continue
    const parsed = parseImageConfig(Buffer.from(row.document))
    const bytes = newConfig({
      architecture: parsed.architecture,
      os: parsed.os,
      created: parsed.created!,
      comment: parsed.comment,
      dockerVersion: parsed.dockerVersion,
      config: applyChanges({}, row.changes),
      history: [{ created: parsed.created!, comment: parsed.history[0]!.comment }],
      diffIDs: parsed.rootfs.diffIDs,
    })
    t.equal(Buffer.from(bytes).toString(), row.document, JSON.stringify(row.changes))
    seen++
  }
  t.ok(seen > 50, 'the table has many images')
})

t.test(
  'an entrypoint resets the command that came before the changes, not one of them',
  async (t) => {
    const base = { Cmd: ['old'], Labels: { a: '1' }, Env: ['PATH=/bin'] }
    t.strictSame(applyChanges(base, ['ENTRYPOINT ["e"]']), {
      Labels: { a: '1' },
      Env: ['PATH=/bin'],
      Entrypoint: ['e'],
    })
    t.strictSame(applyChanges(base, ['SHELL ["/bin/bash","-c"]', 'CMD x']).Cmd, [
      '/bin/bash',
      '-c',
      'x',
    ])
    t.strictSame(applyChanges(base, ['ENV PATH=$PATH:/x']).Env, ['PATH=/bin:/x'])
    t.strictSame(base, { Cmd: ['old'], Labels: { a: '1' }, Env: ['PATH=/bin'] }, 'input untouched')
  },
)

t.test('of an escape alone no argument is left', async (t) => {
  for (const name of ['ENV', 'LABEL'])
    t.match(reasonOf([`${name} \\\\`]), new RegExp(`${name} requires at least one argument$`))
})

t.test('any text is either applied or refused with the one code', async () => {
  const name = fc.constantFrom(
    'ENV',
    'LABEL',
    'CMD',
    'EXPOSE',
    'VOLUME',
    'HEALTHCHECK',
    'USER',
    'ONBUILD',
  )
  const rest = fc.stringMatching(/^[ ab=$:{}"'\\,/\-[\]0-9\n]{0,30}$/)
  fc.assert(
    fc.property(name, rest, (name, rest) => {
      reasonOf([`${name} ${rest}`])
    }),
    { numRuns: 1000 },
  )
})

t.test('writes optional facts where docker has them', async (t) => {
  const text = Buffer.from(
    newConfig({
      architecture: 'arm',
      variant: 'v7',
      os: 'linux',
      osFeatures: ['f'],
      author: 'A <a@b>',
      created: goTime(1_700_000_000_120_000_000n),
      config: {},
      history: [
        { created: goTime(0n), author: 'a', createdBy: 'c', comment: 'm' },
        { created: goTime(0n), createdBy: 'CMD x', emptyLayer: true },
      ],
      diffIDs: [`sha256:${'a'.repeat(64)}` as DiffID],
    }),
  ).toString()
  t.match(text, /^\{"architecture":"arm","author":"A \\u003ca@b\\u003e","config":\{/)
  t.match(
    text,
    '"created":"2023-11-14T22:13:20.12Z","history":[{"created":"1970-01-01T00:00:00Z","author":"a","created_by":"c","comment":"m"},',
  )
  t.match(
    text,
    '"empty_layer":true}],"os":"linux","os.features":["f"],"rootfs":{"type":"layers","diff_ids":["sha256:aaaa',
  )
  t.ok(text.endsWith(']},"variant":"v7"}'))
})

t.test('times before 1970 and of any fraction', async (t) => {
  t.equal(goTime(-1n), '1969-12-31T23:59:59.999999999Z')
  t.equal(goTime(1n), '1970-01-01T00:00:00.000000001Z')
  t.equal(goTime(1_000_000_000n), '1970-01-01T00:00:01Z')
})
