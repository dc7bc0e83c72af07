import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { InvalidArgumentError } from '../../src/errors.ts'
import {
  familiarName,
  familiarString,
  fullName,
  fullString,
  parseReference,
  parseTarget,
  withDefaultTag,
} from '../../src/reference/reference.ts'

interface Row {
  text: string
  error?: string
  domain?: string
  path?: string
  tag?: string
  digest?: string
  familiar?: string
  full?: string
}

/** Where today’s docker, and shale, differ from the 2.8 library that wrote the table. */
const NEWER: Readonly<Record<string, string | RegExp>> = {
  // A first component that no path could be is a registry.
  'UPPER/app': 'UPPER/app',
  '[::1]/a': '[::1]/a',
  '[::1]:5000/a:t': '[::1]:5000/a:t',
  // 2.8 took a name with a dot before its slash for a path without any domain.
  'x_y.z/a': /: invalid reference format$/,
}

const HEX = 'ab'.repeat(32)

function reasonOf(text: string, read: (text: string) => unknown = parseReference): string {
  try {
    read(text)
  } catch (error) {
    if (error instanceof InvalidArgumentError && error.code === 'ERR_REFERENCE_SYNTAX') {
      return error.message
    }
    throw error
  }
  return ''
}

t.test('reads every name of the table as distribution/reference does', async (t) => {
  const lines = readFileSync(
    new URL('../../../fixtures/reference/names.jsonl', import.meta.url),
    'utf8',
  )
  for (const line of lines.trim().split('\n')) {
    const row = JSON.parse(line) as Row
    const newer = NEWER[row.text]
    const label = JSON.stringify(row.text.slice(0, 60))
    if (typeof newer === 'string') t.equal(fullString(parseReference(row.text)), newer, label)
    else if (newer) t.match(reasonOf(row.text), newer, label)
    else if (row.digest?.startsWith('sha512:')) {
      t.match(reasonOf(row.text), /unsupported digest algorithm sha512$/, label)
    } else if (row.error !== undefined) {
      // Since 2.8 the message also says which name must be lowercase.
      const reason = reasonOf(row.text).replace(
        /repository name \(\S+\) must/,
        'repository name must',
      )
      t.ok(reason.includes(row.error), `${label}: ${row.error}, not ${reason || 'accepted'}`)
    } else {
      const reference = parseReference(row.text)
      t.strictSame(
        { ...reference, familiar: familiarString(reference), full: fullString(reference) },
        {
          domain: row.domain,
          path: row.path,
          ...(row.tag === undefined ? {} : { tag: row.tag }),
          ...(row.digest === undefined ? {} : { digest: row.digest }),
          familiar: row.familiar,
          full: row.full,
        },
        label,
      )
    }
  }
})

t.test('says what is wrong in the words of docker', async (t) => {
  t.equal(
    reasonOf('Debian'),
    'cannot read image name "Debian": invalid reference format: repository name (library/Debian) must be lowercase',
  )
  t.equal(reasonOf(''), 'cannot read image name "": invalid reference format')
  t.match(reasonOf(HEX), /cannot specify 64-byte hexadecimal strings$/)
  t.match(reasonOf(`a@sha256:${'a'.repeat(32)}`), /: invalid checksum digest length/)
  t.match(reasonOf('a\u001b[2J'), /^cannot read image name "a\\u001b\[2J": /, 'no raw escape')
  t.ok(reasonOf('a'.repeat(100_000)).length < 1000, 'a huge name is not repeated in full')
})

t.test('the default tag is given to a bare name only', async (t) => {
  t.equal(familiarString(withDefaultTag(parseReference('debian'))), 'debian:latest')
  t.equal(familiarString(withDefaultTag(parseReference('debian:12'))), 'debian:12')
  const digested = `debian@sha256:${HEX}`
  t.equal(familiarString(withDefaultTag(parseReference(digested))), digested)
})

t.test('a name to be given may not be a digest, nor look like an image ID', async (t) => {
  t.equal(fullString(parseTarget('reg:5000/x/y')), 'reg:5000/x/y:latest')
  t.match(reasonOf(`a@sha256:${HEX}`, parseTarget), /refusing to create a tag with a digest/)
  t.match(reasonOf(`sha256:${HEX}`, parseTarget), /refusing to create an ambiguous tag/)
  t.match(reasonOf('sha256', parseTarget), /refusing to create an ambiguous tag/)
  t.equal(familiarString(parseTarget('sha256/x')), 'sha256/x:latest')
})

const part = fc.stringMatching(/^[a-z0-9]{1,6}((\.|_|__|-{1,3})[a-z0-9]{1,6}){0,2}$/)
const domain = fc.stringMatching(/^[a-z0-9]{1,5}(\.[a-z0-9]{1,5}){1,2}(:[0-9]{1,5})?$/)
const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/)
const digest = fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => `sha256:${hex}`)

t.test('both spellings of any name read back as the same name', async () => {
  fc.assert(
    fc.property(
      fc.option(domain),
      fc.array(part, { minLength: 1, maxLength: 3 }),
      fc.option(tag),
      fc.option(digest),
      (domain, parts, tag, digest) => {
        const text =
          (domain === null ? '' : `${domain}/`) +
          parts.join('/') +
          (tag === null ? '' : `:${tag}`) +
          (digest === null ? '' : `@${digest}`)
        fc.pre(!/^[a-f0-9]{64}$/.test(text))
        // Without a domain, a first component with a dot would be taken for one.
        fc.pre(domain !== null || parts.length === 1 || !/\.|^localhost$/.test(parts[0]!))
        const reference = parseReference(text)
        if (domain !== null && domain !== 'docker.io' && domain !== 'index.docker.io') {
          if (fullString(reference) !== text) return false
        }
        const again = [
          parseReference(familiarString(reference)),
          parseReference(fullString(reference)),
        ]
        return again.every(
          (other) =>
            fullName(other) === fullName(reference) &&
            familiarName(other) === familiarName(reference) &&
            other.tag === (tag ?? undefined) &&
            other.digest === (digest ?? undefined),
        )
      },
    ),
  )
})

t.test('any text is either a name or refused with the one code', async () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-zA-Z0-9./:@_-]{0,40}$/)), (text) => {
      if (reasonOf(text) === '') fullString(parseReference(text))
    }),
    { numRuns: 500 },
  )
})
