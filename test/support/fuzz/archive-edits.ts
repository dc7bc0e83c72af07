// Changes inside of an image archive, after which its digests are right again: without that, a changed layer or config
// would only ever be refused for not being what it is called.

import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { pathText } from '../../../src/path/byte-path.ts'
import type { TarHandler, TarHeader } from '../../../src/tar/entry.ts'
import { TarParser } from '../../../src/tar/parser.ts'
import { packed, type ArchiveFiles } from '../image.ts'
import { gzip } from '../layer.ts'
import { editJSON } from './json-edits.ts'
import { mutate } from './mutate.ts'
import type { Random } from './random.ts'
import { editTar, withChecksums } from './tar-edits.ts'

interface Described {
  digest: string
  size: number
  [key: string]: unknown
}

const LAYER_MAGIC = 'ustar'

/** @returns the same bytes where they are no OCI layout in a plain tar */
export function editArchive(archive: Buffer, random: Random): Buffer {
  const files = filesOf(archive)
  if (files?.get('index.json') === undefined) return archive
  try {
    return packed(edited(files, random))
  } catch (error) {
    // Edited before, into something that only looks like a layout; or gzip data that is none.
    const isOdd = error instanceof TypeError || error instanceof SyntaxError
    if (isOdd || (error as { code?: string }).code?.startsWith('Z_')) return archive
    throw error
  }
}

function filesOf(archive: Buffer): Map<string, Buffer> | undefined {
  const files = new Map<string, Buffer>()
  let name = ''
  let body: Buffer[] = []
  const reader: TarHandler = {
    raw: () => {},
    globalHeader: () => {},
    entry: (header: TarHeader) => {
      name = header.type === 'file' ? pathText(header.path) : ''
      body = []
    },
    body: (bytes) => body.push(Buffer.from(bytes)),
    bodyEnd: () => {
      if (name !== '') files.set(name, Buffer.concat(body))
    },
  }
  try {
    const parser = new TarParser(reader)
    parser.write(archive)
    parser.end()
    return files
  } catch {
    return undefined
  }
}

/** Follows index, manifest, config and layers, changes one of them, and writes all of them again. */
function edited(files: ReadonlyMap<string, Buffer>, random: Random): ArchiveFiles {
  const out: ArchiveFiles = new Map()
  const blob = ({ digest }: Described): Buffer =>
    files.get(`blobs/sha256/${digest.slice('sha256:'.length)}`) ?? Buffer.alloc(0)
  const put = (like: Described, bytes: Buffer): Described => {
    const hex = createHash('sha256').update(bytes).digest('hex')
    out.set(`blobs/sha256/${hex}`, bytes)
    return { ...like, digest: `sha256:${hex}`, size: bytes.length }
  }
  const parsed = (bytes: Buffer): Record<string, unknown> =>
    JSON.parse(bytes.toString('utf8')) as Record<string, unknown>
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
  const turn = random.below(6)
  const index = parsed(files.get('index.json')!)
  const manifests = (index['manifests'] as Described[]).map((described) => {
    const manifest = parsed(blob(described))
    const diffIDs: string[] = []
    const layers = (manifest['layers'] as Described[]).map((layer) => {
      const kept = blob(layer)
      const bytes = kept[0] === 0x1f ? gunzipSync(kept) : kept
      const isTar = bytes.toString('latin1', 257, 262) === LAYER_MAGIC
      const changed = turn < 3 && isTar && random.once(2) ? editedLayer(bytes, random) : bytes
      const digest = createHash('sha256').update(changed).digest('hex')
      diffIDs.push(`sha256:${digest}`)
      return put(layer, random.once(8) && isTar ? gzip(changed) : changed)
    })
    const config = parsed(blob(manifest['config'] as Described))
    config['rootfs'] = { ...(config['rootfs'] as object), diff_ids: diffIDs }
    const configBytes = turn === 3 ? editJSON(json(config), random) : json(config)
    const made = { ...manifest, config: put(manifest['config'] as Described, configBytes), layers }
    return put(described, turn === 4 ? editJSON(json(made), random) : json(made))
  })
  const made = json({ ...index, manifests })
  out.set('index.json', turn === 5 ? editJSON(made, random) : made)
  out.set('oci-layout', files.get('oci-layout') ?? Buffer.from('{"imageLayoutVersion":"1.0.0"}'))
  return out
}

function editedLayer(tar: Buffer, random: Random): Buffer {
  let bytes = tar
  for (let left = 1 + random.below(3); left > 0; left--) bytes = editTar(bytes, random)
  if (random.once(4)) bytes = mutate(bytes, random, { words: [], others: [tar], bytesMax: 1 << 14 })
  return withChecksums(bytes, random)
}
