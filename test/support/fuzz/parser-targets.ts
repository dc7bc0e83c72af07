// The parsers alone, each with what must be true of its answers whatever the input: cut otherwise, it says the same;
// what it reads and writes again, it reads alike.

import fs from 'node:fs'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { compileTemplate } from '../../../cli/template/template.ts'
import { parseDigest } from '../../../src/digest/digest.ts'
import { parseArchiveManifest, checkOCILayout } from '../../../src/image/archive-manifest.ts'
import { applyChanges } from '../../../src/image/changes.ts'
import { parseImageConfig } from '../../../src/image/config.ts'
import { parseManifest } from '../../../src/image/manifest.ts'
import { hostPlatform, parsePlatform } from '../../../src/image/platform.ts'
import { cleanPath, type BytePath } from '../../../src/path/byte-path.ts'
import {
  familiarString,
  fullString,
  parseReference,
  parseTarget,
} from '../../../src/reference/reference.ts'
import { SplitEncoder } from '../../../src/tar-split/codec.ts'
import { SplitDecoder } from '../../../src/tar-split/decoder.ts'
import type { SplitRecord } from '../../../src/tar-split/record.ts'
import { decodeGlobalPax, decodePax, type PaxRecords } from '../../../src/tar/pax.ts'
import { TarParser } from '../../../src/tar/parser.ts'
import { SparseBody } from '../../../src/tar/sparse.ts'
import { PROJECT } from '../cli.ts'
import { buildImage, dockerArchive25, ociLayout } from '../image.ts'
import { dir, file, layerTar, link, symlink, whiteout } from '../layer.ts'
import { block, chunksOf, extension, padded, paxRecords, Recorder, ZERO_BLOCKS } from '../tars.ts'
import { editJSON } from './json-edits.ts'
import { editTar, withChecksums } from './tar-edits.ts'
import { Contradiction, refusal, type FuzzTarget } from './target.ts'

const fixture = (name: string): Buffer => fs.readFileSync(path.join(PROJECT, 'fixtures', name))
const lines = (name: string): string[] => fixture(name).toString('utf8').trimEnd().split('\n')

/** Sizes of chunks out of the input itself, so that one input is one case. */
function cutsOf(input: Buffer): number[] {
  return [1 + ((input[0] ?? 0) % 700), 1 + (input.length % 13), 512]
}

function sameText(a: unknown, b: unknown, what: string): void {
  const [first, second] = [textOf(a), textOf(b)]
  if (first === second) return
  let at = 0
  while (first[at] === second[at]) at++
  const near = (text: string): string => text.slice(Math.max(0, at - 80), at + 200)
  throw new Contradiction(`${what}: ...${near(first)}... and ...${near(second)}...`)
}

function textOf(value: unknown): string {
  const text = JSON.stringify(value, (_key, each: unknown) => {
    if (typeof each === 'bigint') return `${each}n`
    if (each instanceof Map) return [...each].map(([key, one]) => [key, textOf(one)])
    if (each instanceof Uint8Array) return Buffer.from(each).toString('base64')
    const isBuffer = (each as { type?: unknown } | null)?.type === 'Buffer'
    return isBuffer ? Buffer.from((each as { data: number[] }).data).toString('base64') : each
  })
  return text ?? 'undefined'
}

/** Tars that stand for all forms there are. */
export function* seedTars(): Generator<Buffer> {
  yield layerTar(
    dir('d'),
    file('d/f', 'content\n'),
    symlink('s', 'd/f'),
    link('h', 'd/f'),
    whiteout('w'),
  )
  yield layerTar(
    file('x'.repeat(160), 'long', { xattrs: new Map([['user.a', Buffer.from('b')]]) }),
    file('f', 'x'.repeat(700), { mtimeNs: 1_500_000_001n, uid: 3_000_000 }),
  )
  for (const name of ['shapes', 'sized-hardlink']) yield gunzipSync(fixture(`tar/${name}.tar.gz`))
  for (const format of ['gnu', '0.0', '0.1', '1.0']) {
    // The pieces are 4096 bytes each: enough of them to be read, and not more.
    yield gunzipSync(fixture(`tar/gnu-tar-sparse-${format}.tar.gz`))
  }
  yield Buffer.concat([
    extension('L', `${'n'.repeat(120)}\0`),
    extension('K', 'target\0'),
    block({ name: 'n', type: '2', link: 't', magic: 'ustar  \0' }),
    extension('g', paxRecords({ comment: 'c' })),
    extension('x', paxRecords({ size: '5', path: 'p' })),
    block({ name: 'q', size: 1 }),
    padded('12345'),
    ZERO_BLOCKS,
  ])
}

const TAR_WORDS = [
  'ustar\u000000',
  'ustar  \0',
  ...Object.entries({ path: 'p', size: '5', mtime: '1.5', 'GNU.sparse.major': '1' }).map(
    ([key, value]) => paxRecords({ [key]: value }),
  ),
]

const TAR_LIMITS = { extensionBytesMax: 1 << 16, entriesMax: 500 }

const tar: FuzzTarget = {
  name: 'tar',
  seeds: seedTars,
  words: TAR_WORDS,
  edit: editTar,
  mend: withChecksums,
  bytesMax: 1 << 16,
  run(input) {
    const read = (chunks: readonly Uint8Array[]): { seen: Recorder; code: string | undefined } => {
      const seen = new Recorder()
      const code = refusal(() => {
        const parser = new TarParser(seen, TAR_LIMITS)
        for (const chunk of chunks) parser.write(chunk)
        parser.end()
      })
      return { seen, code }
    }
    const whole = read([input])
    const cut = read(chunksOf(input, cutsOf(input)))
    if (whole.code !== cut.code) {
      throw new Contradiction(`whole: ${whole.code}, in pieces: ${cut.code}`)
    }
    sameText(whole.seen.headers, cut.seen.headers, 'headers, whole and in pieces')
    if (whole.code !== undefined) return
    if (!whole.seen.bytes.equals(input)) throw new Contradiction('bytes were lost or made')
    for (const [index, header] of whole.seen.headers.entries()) {
      const body = whole.seen.bodies[index]!
      if (body.length !== header.sizeBytes) {
        throw new Contradiction(`a body of ${body.length} bytes, announced as ${header.sizeBytes}`)
      }
      if (header.sparse === undefined) continue
      refusal(() => {
        const sparse = new SparseBody(header)
        let end = 0
        const emit = (offset: number, bytes: Uint8Array): void => {
          if (offset < end) throw new Contradiction(`sparse data at ${offset} after ${end}`)
          end = offset + bytes.length
          if (end > sparse.realSizeBytes) throw new Contradiction(`sparse data ends at ${end}`)
        }
        for (const chunk of chunksOf(body, cutsOf(input))) sparse.push(chunk, emit)
        sparse.end()
      })
    }
  },
}

/** One block and what it says of a body: all of the input is the header. */
const header: FuzzTarget = {
  name: 'tar-header',
  *seeds() {
    for (const type of ['0', '1', '2', '3', '5', '6', '7', 'S', 'x', 'L', '\0']) {
      yield block({ name: 'd/name', type, link: 'target', prefix: 'p' })
      yield block({ name: 'd/name', type, link: 'target', magic: 'ustar  \0' })
    }
  },
  words: TAR_WORDS,
  edit: editTar,
  mend: (input, random) =>
    withChecksums(Buffer.concat([input, Buffer.alloc(512)]).subarray(0, 512), random),
  bytesMax: 512,
  run(input) {
    const seen = new Recorder()
    const code = refusal(() => new TarParser(seen, TAR_LIMITS).write(input))
    const [one] = seen.headers
    if (code !== undefined || one === undefined) return
    const numbers = [one.mode, one.uid, one.gid, one.sizeBytes, one.devMajor, one.devMinor]
    if (!numbers.every(Number.isSafeInteger))
      throw new Contradiction(`numbers: ${numbers.join(' ')}`)
    if (one.sizeBytes < 0 || one.mode > 0o7777)
      throw new Contradiction(`numbers: ${numbers.join(' ')}`)
    if (`${one.path}${one.linkPath}${one.uname}${one.gname}`.includes('\0')) {
      throw new Contradiction('a NUL in a name')
    }
    const { path: clean } = cleanPath(one.path)
    if (cleanPath(clean).path !== clean) throw new Contradiction(`cleaning ${clean} twice`)
  },
}

const pax: FuzzTarget = {
  name: 'pax',
  *seeds() {
    yield Buffer.from(paxRecords({ path: 'a/b', linkpath: 'l', size: '12', mtime: '1.000000001' }))
    yield Buffer.from(paxRecords({ 'SCHILY.xattr.user.a': 'b', uid: '1', gid: '2', uname: 'u' }))
    yield Buffer.from(paxRecords({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0' }))
    yield Buffer.from(
      `${paxRecords({ 'GNU.sparse.numblocks': '1' })}${paxRecords({ 'GNU.sparse.offset': '0' })}${paxRecords({ 'GNU.sparse.numbytes': '5' })}`,
    )
  },
  words: ['path', 'size', 'mtime', '=', '\n', '\0', ' ', '0', '-', '.', '9007199254740992'],
  bytesMax: 4096,
  run(input) {
    let records: PaxRecords | undefined
    const code = refusal(() => (records = decodePax(input)))
    const global = refusal(() => decodeGlobalPax(input))
    // What is no record in a global header is none before a member.
    if (global !== undefined && code === undefined) throw new Contradiction(`global: ${global}`)
    if (records === undefined) return
    const { path: name, linkPath, uid, gid, sizeBytes } = records
    if (`${name}${linkPath}`.includes('\0')) throw new Contradiction('a NUL in a name')
    for (const number of [uid, gid, sizeBytes]) {
      if (number !== undefined && !Number.isSafeInteger(number)) {
        throw new Contradiction(`a number: ${number}`)
      }
    }
  },
}

const split: FuzzTarget = {
  name: 'tar-split',
  *seeds() {
    for (const name of ['shapes', 'sized-hardlink']) {
      yield gunzipSync(fixture(`tar/docker-20.10-${name}.tar-split.json.gz`))
    }
    yield Buffer.from(
      '{"type":1,"name":"a","size":3,"payload":"AAAAAAAAAAA=","position":0}\n{"type":2,"payload":"YQ==","position":1}\n{"type":1,"name_raw":"/w==","payload":null,"position":2}\n',
    )
  },
  words: [
    '{"type":1,"name":"',
    '{"type":2,"payload":"',
    '","position":',
    'name_raw',
    '\\u0000',
    '{',
    '}',
    '"',
    '\\',
  ],
  bytesMax: 1 << 15,
  run(input) {
    const read = (chunks: readonly Uint8Array[]): { records: SplitRecord[]; code?: string } => {
      const records: SplitRecord[] = []
      const code = refusal(() => {
        const decoder = new SplitDecoder((record) => records.push(record))
        for (const chunk of chunks) decoder.write(chunk)
        decoder.end()
      })
      return { records, ...(code === undefined ? {} : { code }) }
    }
    const whole = read([input])
    sameText(whole, read(chunksOf(input, cutsOf(input))), 'records, whole and in pieces')
    const encoder = new SplitEncoder()
    for (const record of whole.records) encoder.record(record)
    const again = read([Buffer.from(encoder.take())])
    sameText(again, { records: whole.records }, 'records, written and read again')
  },
}

const manifest: FuzzTarget = {
  name: 'manifest',
  *seeds() {
    const image = buildImage([layerTar(file('a', 'b'))], { variant: 'v8', author: 'a' })
    yield image.configBytes
    for (const files of [dockerArchive25([{ image, tags: ['a:1'] }]), ociLayout([{ image }])]) {
      for (const [name, bytes] of files) {
        if (Buffer.isBuffer(bytes) && (name.endsWith('.json') || bytes[0] === 0x7b)) yield bytes
      }
    }
    yield Buffer.from('{"imageLayoutVersion": "1.0.0"}')
  },
  words: [
    'null',
    '{}',
    '[]',
    '""',
    '-1',
    '1e999',
    '9007199254740993',
    '"__proto__":',
    '"toString":',
    '"size":',
    '"digest":"sha256:',
    '"manifests":[',
    '"layers":[',
    '"../x"',
    '"\\ud800"',
    '\u00ff',
    '\ufeff',
    '"platform":{',
    '"annotations":{',
    '"schemaVersion":1',
    '[[[[[[[[',
    'diff_ids',
    'empty_layer',
    '"urls":["x"]',
    '"data":"YQ=="',
  ].map((word) => Buffer.from(word)),
  edit: editJSON,
  bytesMax: 1 << 14,
  run(input) {
    for (const parse of [parseManifest, parseArchiveManifest, parseImageConfig, checkOCILayout]) {
      const code = refusal(() => void parse(input, 'a document'))
      const again = refusal(() => void parse(Buffer.from(input), 'a document'))
      if (code !== again) throw new Contradiction(`${parse.name}: ${code} and then ${again}`)
    }
    if (Object.keys(Object.prototype).length > 0)
      throw new Contradiction('Object.prototype changed')
  },
}

const reference: FuzzTarget = {
  name: 'reference',
  *seeds() {
    for (const line of lines('reference/names.jsonl').filter((_, i) => i % 5 === 0)) {
      yield Buffer.from((JSON.parse(line) as { text: string }).text)
    }
    for (const text of ['linux/arm64/v8', 'linux', `sha256:${'a'.repeat(64)}`])
      yield Buffer.from(text)
  },
  words: [
    'docker.io/',
    'library/',
    '@sha256:',
    ':',
    '/',
    '__',
    '--',
    '.',
    '[::1]',
    'localhost',
    ':5000/',
    'A',
    `sha256:${'0'.repeat(64)}`,
  ],
  bytesMax: 600,
  run(input) {
    const text = input.toString('utf8')
    refusal(() => {
      const parsed = parseReference(text)
      // As in docker, docker.io/a.b/c is shown as a.b/c, which means another thing.
      const isPlain =
        parsed.domain !== 'docker.io' || !/^[^/]*[.:][^/]*\/|^localhost\//.test(parsed.path)
      for (const form of [fullString(parsed), ...(isPlain ? [familiarString(parsed)] : [])]) {
        sameText(parseReference(form), parsed, `${JSON.stringify(text)} by ${JSON.stringify(form)}`)
      }
    })
    refusal(() => parseTarget(text))
    refusal(() => parsePlatform(text, hostPlatform({ arch: 'x64' })))
    refusal(() => parseDigest(text))
  },
}

const template: FuzzTarget = {
  name: 'template',
  *seeds() {
    for (const line of lines('template/go.jsonl').filter((_, i) => i % 4 === 0)) {
      yield Buffer.from((JSON.parse(line) as { template: string }).template)
    }
  },
  words: [
    '{{',
    '}}',
    '{{- ',
    ' -}}',
    '{{range .Tags}}',
    '{{end}}',
    '{{if .T}}',
    '{{else}}',
    '{{with .Config}}',
    '{{define "a"}}',
    '{{template "a" .}}',
    '{{block "a" .}}',
    '$x := ',
    '$x',
    '|',
    '.Config.Labels',
    'index',
    'printf "%v"',
    'len',
    'json',
    'slice',
    'and',
    'or',
    'not',
    'eq',
    '(',
    ')',
    '"',
    '`',
    "'a'",
    '/*',
    '*/',
    '0x1p4',
    '1i',
    '-1',
    '{{break}}',
    '{{continue}}',
    'join',
    'split',
    'pad',
    'truncate',
    '%*d',
    '%[9]d',
    '%999999999d',
    'html',
    'js',
    'urlquery',
    'call',
    'nil',
    '1e400',
  ],
  bytesMax: 4096,
  run(input) {
    const { main } = JSON.parse(fixture('template/data.json').toString('utf8')) as { main: unknown }
    refusal(() => {
      const compiled = compileTemplate(input.toString('utf8'))
      for (const missingKey of ['invalid', 'error'] as const) {
        const output = refusal(() => void compiled.execute(main, { missingKey }))
        if (output !== undefined && output !== 'ERR_TEMPLATE') throw new Contradiction(output)
      }
      refusal(() => void compiled.execute(main, { header: true }))
    })
  },
}

const changes: FuzzTarget = {
  name: 'changes',
  *seeds() {
    for (const line of lines('image/import-changes.jsonl')) {
      yield Buffer.from((JSON.parse(line) as { changes: string[] }).changes.join('\n'))
    }
  },
  words: [
    'ENV ',
    'CMD [',
    '"]',
    'HEALTHCHECK --interval=',
    'EXPOSE 80/',
    '-90',
    '${a:-',
    'LABEL a=',
    '\\\n',
    'ONBUILD ',
    '# escape=`\n',
  ],
  bytesMax: 4096,
  run(input) {
    const text = input.toString('utf8')
    for (const list of [[text], text.split('\n')]) refusal(() => void applyChanges({}, list))
  },
}

const bytePath: FuzzTarget = {
  name: 'path',
  *seeds() {
    for (const text of ['a/b', './a/../b/', '/../..//x', '....//..', 'a/./b//'])
      yield Buffer.from(text)
  },
  words: ['..', '.', '/', '../', './', '\0', '\u00ff'],
  bytesMax: 200,
  run(input) {
    const { path: clean, escapes } = cleanPath(input.toString('latin1') as BytePath)
    const parts = clean === '' ? [] : clean.split('/')
    if (!escapes && parts.some((part) => part === '' || part === '.' || part === '..')) {
      throw new Contradiction(`cleaned to ${JSON.stringify(clean)}`)
    }
  },
}

export const PARSER_TARGETS: readonly FuzzTarget[] = [
  header,
  pax,
  tar,
  split,
  manifest,
  reference,
  template,
  changes,
  bytePath,
]
