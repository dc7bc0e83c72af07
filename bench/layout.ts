// An OCI image layout with gzip layers, written by this benchmark and not by what it measures: from entries out of the
// generator, or from layer tars that exist. Knows the layout; not what is in a layer.

import { createHash, type Hash } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import zlib from 'node:zlib'
import { throwIfInterrupted } from './cleanup.ts'

export interface LayoutOptions {
  readonly dir: string
  /** Its tag in the index; engines show it as REFERENCE:latest. */
  readonly reference: string
  /** Uncompressed layers, base first. */
  readonly layers: readonly (() => AsyncIterable<Uint8Array>)[]
  /** Of an image that exists; diff_ids are set from the layers either way. */
  readonly config?: Readonly<Record<string, unknown>>
  /** Default 6, which is what engines and registries use. */
  readonly gzipLevel?: number
}

const CHUNK_BYTES = 1 << 20
/** Layers compressed at once: zlib works in Node's thread pool. */
const AT_ONCE = 2

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

interface LayerBlob extends Descriptor {
  readonly diffID: string
}

/** @returns the diffIDs, base first */
export async function writeLayout(options: LayoutOptions): Promise<string[]> {
  const blobs = path.join(options.dir, 'blobs/sha256')
  fs.mkdirSync(blobs, { recursive: true })
  const layers: LayerBlob[] = []
  for (let i = 0; i < options.layers.length; i += AT_ONCE) {
    const some = options.layers.slice(i, i + AT_ONCE)
    layers.push(
      ...(await Promise.all(
        some.map((layer, j) =>
          writeLayer(layer(), blobs, `layer-${i + j}`, options.gzipLevel ?? 6),
        ),
      )),
    )
  }
  const diffIDs = layers.map(({ diffID }) => diffID)
  const config = {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    created: '2024-01-01T00:00:00Z',
    config: { Cmd: ['/bin/sh'] },
    history: diffIDs.map((_, i) => ({
      created: '2024-01-01T00:00:00Z',
      created_by: `layer ${i + 1}`,
    })),
    ...options.config,
    rootfs: { type: 'layers', diff_ids: diffIDs },
  }
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: writeJSON(blobs, 'application/vnd.oci.image.config.v1+json', config),
    layers: layers.map(({ diffID: _diffID, ...descriptor }) => descriptor),
  }
  const index = {
    schemaVersion: 2,
    manifests: [
      {
        ...writeJSON(blobs, manifest.mediaType, manifest),
        annotations: { 'org.opencontainers.image.ref.name': options.reference },
      },
    ],
  }
  fs.writeFileSync(path.join(options.dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  fs.writeFileSync(path.join(options.dir, 'index.json'), JSON.stringify(index))
  return diffIDs
}

function writeJSON(blobs: string, mediaType: string, value: unknown): Descriptor {
  const bytes = Buffer.from(JSON.stringify(value))
  const hex = createHash('sha256').update(bytes).digest('hex')
  fs.writeFileSync(path.join(blobs, hex), bytes)
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length }
}

async function writeLayer(
  tar: AsyncIterable<Uint8Array>,
  blobs: string,
  name: string,
  level: number,
): Promise<LayerBlob> {
  const file = path.join(blobs, `.${name}`)
  const plain = createHash('sha256')
  const compressed = createHash('sha256')
  const gzip = zlib.createGzip({ level, chunkSize: CHUNK_BYTES })
  const written = writeFile(gzip, file, compressed)
  // Small pieces (headers, padding) together: a write to zlib costs a trip to the thread pool.
  let held: Uint8Array[] = []
  let heldBytes = 0
  const flush = async (): Promise<void> => {
    throwIfInterrupted()
    const chunk = Buffer.concat(held)
    held = []
    heldBytes = 0
    plain.update(chunk)
    if (!gzip.write(chunk)) await once(gzip, 'drain')
  }
  for await (const piece of tar) {
    held.push(Buffer.from(piece))
    heldBytes += piece.length
    if (heldBytes >= CHUNK_BYTES) await flush()
  }
  await flush()
  gzip.end()
  const size = await written
  const hex = compressed.digest('hex')
  fs.renameSync(file, path.join(blobs, hex))
  return {
    mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
    digest: `sha256:${hex}`,
    size,
    diffID: `sha256:${plain.digest('hex')}`,
  }
}

async function writeFile(
  bytes: AsyncIterable<Uint8Array>,
  file: string,
  hash: Hash,
): Promise<number> {
  const fd = fs.openSync(file, 'wx')
  let size = 0
  try {
    for await (const chunk of bytes) {
      hash.update(chunk)
      for (let done = 0; done < chunk.length;) done += fs.writeSync(fd, chunk, done)
      size += chunk.length
    }
  } finally {
    fs.closeSync(fd)
  }
  return size
}
