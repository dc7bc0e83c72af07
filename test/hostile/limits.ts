// Each `--limit`: an archive that reaches it exactly passes, and one below is refused by its name. What an archive
// has of each thing is counted here from its parts, so that the bounds are held against another count than their own.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { LIMIT_NAMES } from '../../cli/limit-option.ts'
import { DEFAULT_LOAD_LIMITS, LIMIT_KEYS } from '../../src/archive/limits.ts'
import {
  buildImage,
  dockerArchive20,
  ociLayout,
  packed,
  type ArchiveFiles,
} from '../support/image.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { dir, file, gzip, layerTar, type LayerEntryInit } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

interface Reached {
  readonly archive: Buffer
  /** What it has: the smallest bound that lets it in. */
  readonly has: number
  readonly code: string
  /** What the error calls it; default its own name. */
  readonly named?: string
  /** Other bounds, so that this one is met. */
  readonly beside?: readonly string[]
}

const lines = Array.from({ length: 3 }, (_, index) =>
  layerTar(dir(`d${index}`), file(`d${index}/f`, 'x'.repeat(1000 * (index + 1)))),
)
const three = buildImage(lines)
const files = dockerArchive20([{ image: three, tags: ['a:1', 'b:1', 'b:2'] }])
const archive = packed(files)
const zeros = layerTar(file('zeros', Buffer.alloc(1 << 20)))
const squeezed = gzip(zeros)
const zipped = packed(ociLayout([{ image: buildImage([zeros]), compression: 'gzip' }]))
const longest = 'p'.repeat(120)
const one = (...entries: readonly LayerEntryInit[]): Buffer =>
  packed(dockerArchive20([{ image: buildImage([layerTar(...entries)]), tags: ['one:1'] }]))
const documents = (from: ArchiveFiles): Buffer[] =>
  [...from].flatMap(([name, body]) =>
    Buffer.isBuffer(body) && name.endsWith('.json') && name.split('/').length === 1 ? [body] : [],
  )
const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)])
const deep = packed(
  dockerArchive20([{ image: buildImage([lines[0]!], { deep: nested(20) }), tags: ['deep:1'] }]),
)
const many = buildImage([lines[0]!], { many: Array.from({ length: 500 }, () => 7) })
const wordy = packed(dockerArchive20([{ image: many, tags: ['many:1'] }]))
const folders = Array.from({ length: 40 }, (_, index) => `${longest}${index}`)
const record = `927 SCHILY.xattr.user.big=${'x'.repeat(900)}\n`
const attribute = { xattrs: new Map([['user.big', Buffer.alloc(900, 'x')]]) }

const REACHED: Readonly<Record<string, Reached>> = {
  'total-bytes': {
    archive,
    has: lines.reduce((sum, tar) => sum + tar.length, 0),
    code: 'ERR_EXPANSION_MAX',
  },
  'layer-bytes': {
    archive,
    has: Math.max(...lines.map((tar) => tar.length)),
    code: 'ERR_EXPANSION_MAX',
  },
  expansion: {
    archive: zipped,
    has: Math.ceil(zeros.length / squeezed.length),
    code: 'ERR_EXPANSION_MAX',
    beside: ['expansion-from=1'],
  },
  'expansion-from': {
    archive: zipped,
    has: zeros.length,
    code: 'ERR_EXPANSION_MAX',
    named: 'expansion',
    beside: ['expansion=1'],
  },
  entries: { archive: one(dir('d'), file('d/a'), file('d/b')), has: 3, code: 'ERR_ENTRIES_MAX' },
  'path-bytes': { archive: one(file(longest)), has: longest.length, code: 'ERR_PATH_MAX' },
  'path-depth': { archive: one(file('a/b/c/d/e')), has: 4, code: 'ERR_PATH_MAX' },
  'name-bytes': {
    archive: one(...folders.map((name) => dir(name))),
    has: folders.reduce((sum, name) => sum + name.length + 32, 0),
    code: 'ERR_ENTRIES_MAX',
  },
  'pax-bytes': {
    archive: one(file('f', 'x', attribute)),
    has: record.length,
    code: 'ERR_ENTRY_SIZE_MAX',
  },
  'xattr-bytes': {
    archive: one(file('f', 'x', attribute)),
    has: 'user.big'.length + 900 + 16,
    code: 'ERR_ENTRY_SIZE_MAX',
  },
  members: { archive, has: files.size, code: 'ERR_ENTRIES_MAX' },
  layers: { archive, has: 3, code: 'ERR_DEPTH_MAX' },
  'archive-layers': { archive, has: 3, code: 'ERR_DEPTH_MAX' },
  names: { archive, has: 3, code: 'ERR_ENTRIES_MAX' },
  'json-bytes': { archive: wordy, has: many.configBytes.length, code: 'ERR_JSON_MAX' },
  'json-depth': { archive: deep, has: 21, code: 'ERR_JSON_MAX' },
  'json-values': {
    archive: wordy,
    has: 1 + many.configBytes.toString().match(/[[{,]/g)!.length,
    code: 'ERR_JSON_MAX',
  },
  'json-total': {
    archive,
    has: documents(files).reduce((sum, body) => sum + body.length, 0),
    code: 'ERR_JSON_MAX',
  },
}

const store = { count: 0 }
async function load(
  home: string,
  input: string,
  limits: readonly string[],
): Promise<{ code: number; error: string; name: string }> {
  const root = path.join(home, `root-${store.count++}`)
  const flags = limits.flatMap((limit) => ['--limit', limit])
  const done = await shaleInProcess(['--json', 'load', '--no-sync', ...flags, '-i', input], {
    root,
  })
  const line = done.stderr.split('\n').find((text) => text.startsWith('{"error"'))
  fs.rmSync(root, { recursive: true, force: true })
  const error =
    line === undefined
      ? undefined
      : (
          JSON.parse(line) as {
            error: { code: string; message: string; details?: { name?: string } }
          }
        ).error
  return { code: done.code, error: error?.code ?? '', name: error?.details?.name ?? '' }
}

t.test('each limit is reached, held, and named', async (t) => {
  const home = temporaryDirectory(t)
  t.same(Object.keys(REACHED).sort(), Object.keys(LIMIT_KEYS).sort(), 'each has its case')
  t.same(
    Object.values(LIMIT_KEYS).sort(),
    Object.keys(DEFAULT_LOAD_LIMITS).sort(),
    'each of the library has a name',
  )
  t.same(LIMIT_NAMES, Object.keys(LIMIT_KEYS), '--help lists them')
  for (const [name, { archive, has, code, named = name, beside = [] }] of Object.entries(REACHED)) {
    const input = path.join(home, `${name}.tar`)
    fs.writeFileSync(input, archive)
    const passes = await load(home, input, [...beside, `${name}=${has}`])
    t.match(passes, { code: 0 }, `${name}=${has} lets in what has as much`)
    const fails = await load(home, input, [...beside, `${name}=${has - 1}`])
    t.same(fails, { code: 12, error: code, name: named }, `${name}=${has - 1} does not`)
  }
})

t.test('docs/limits.md gives each with its key and default', (t) => {
  const page = fs.readFileSync(new URL('../../../docs/limits.md', import.meta.url), 'utf8')
  const rows = [...page.matchAll(/^\| `([a-z-]+)` *\| `(\w+)` *\| *(\d+) \|/gm)]
  const listed = rows.map(([, name, key, value]) => [name, key, Number(value)])
  const held = Object.entries(LIMIT_KEYS).map(([name, key]) => [
    name,
    key,
    DEFAULT_LOAD_LIMITS[key],
  ])
  t.same(listed, held)
  t.end()
})
