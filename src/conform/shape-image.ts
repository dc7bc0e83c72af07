// A shape as an image that any engine takes: the layers' tars, a config, and both layouts as named files. Same bytes
// every time, so that what `--out` ships can be compared and vendored.
// Knows how little an image may consist of; nothing of what tools make of it.

import { pathFromText } from '../path/byte-path.ts'
import { digestOf } from '../store/digest-of.ts'
import { bodyPadding, encodeHeader, END_BLOCKS, type TarEntryInit } from '../tar/writer.ts'
import type { Shape, ShapeEntry } from './shapes.ts'

/** 2026-01-01T00:00:00Z, of every entry and config: fixed, and in the past. */
const TIME_NS = 1_767_225_600_000_000_000n
const CREATED = '2026-01-01T00:00:00Z'

/** The tag in both layouts; `shape-03-whiteout-then-directory:latest` is the image's whole name. */
export const SHAPE_TAG = 'latest'

export interface ShapeImage {
  readonly name: string
  /** Base first, uncompressed. */
  readonly layers: readonly Buffer[]
  /** The bytes of a file as `docker save` writes it. */
  readonly dockerArchive: Buffer
  /** The files of an OCI layout directory, by path. */
  readonly ociLayout: ReadonlyMap<string, Buffer>
}

/** `03-whiteout-then-directory` */
export function shapeName(shape: Shape): string {
  return `${String(shape.number).padStart(2, '0')}-${shape.id}`
}

export function shapeImage(shape: Shape): ShapeImage {
  const layers = shape.layers.map(layerTar)
  const name = `shape-${shapeName(shape)}`
  const config = json({
    created: CREATED,
    architecture: 'amd64',
    os: 'linux',
    // Engines want to know what would be run before they make a container, also of one that is never started.
    config: { Cmd: ['/nothing'] },
    rootfs: { type: 'layers', diff_ids: layers.map(digestOf) },
    history: layers.map(() => ({ created: CREATED, created_by: 'shale conform' })),
  })
  return {
    name: `${name}:${SHAPE_TAG}`,
    layers,
    dockerArchive: dockerArchive(name, config, layers),
    ociLayout: ociLayout(config, layers),
  }
}

function layerTar(entries: readonly ShapeEntry[]): Buffer {
  return tar(
    entries.map((entry) => ({
      path: pathFromText(entry.path),
      type: entry.type,
      mtimeNs: TIME_NS,
      linkPath: pathFromText(entry.target ?? ''),
      devMajor: entry.major ?? 0,
      devMinor: entry.minor ?? 0,
      xattrs: new Map(Object.entries(entry.xattrs ?? {}).map(([key, v]) => [key, Buffer.from(v)])),
      body: Buffer.from(entry.content ?? ''),
    })),
  )
}

function tar(members: readonly (TarEntryInit & { readonly body?: Uint8Array })[]): Buffer {
  const parts = members.flatMap((member) => {
    const body = member.body ?? Buffer.alloc(0)
    return [encodeHeader(member), body, bodyPadding(body.length)]
  })
  return Buffer.concat([...parts, END_BLOCKS])
}

function dockerArchive(name: string, config: Buffer, layers: readonly Buffer[]): Buffer {
  const hex = (bytes: Buffer): string => digestOf(bytes).slice('sha256:'.length)
  const names = layers.map((layer, i) => `${i + 1}-${hex(layer)}/layer.tar`)
  const manifest = json([
    { Config: `${hex(config)}.json`, RepoTags: [`${name}:${SHAPE_TAG}`], Layers: names },
  ])
  const files: readonly (readonly [string, Buffer])[] = [
    [`${hex(config)}.json`, config],
    ...layers.map((layer, i) => [names[i]!, layer] as const),
    ['manifest.json', manifest],
  ]
  return tar(files.map(([path, body]) => ({ path: pathFromText(path), body, mtimeNs: TIME_NS })))
}

function ociLayout(config: Buffer, layers: readonly Buffer[]): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>()
  const blob = (mediaType: string, bytes: Buffer): object => {
    const digest = digestOf(bytes)
    files.set(`blobs/sha256/${digest.slice('sha256:'.length)}`, bytes)
    return { mediaType, digest, size: bytes.length }
  }
  const manifest = json({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: blob('application/vnd.oci.image.config.v1+json', config),
    layers: layers.map((layer) => blob('application/vnd.oci.image.layer.v1.tar', layer)),
  })
  const described = blob('application/vnd.oci.image.manifest.v1+json', manifest)
  const annotations = { 'org.opencontainers.image.ref.name': SHAPE_TAG }
  files.set('index.json', json({ schemaVersion: 2, manifests: [{ ...described, annotations }] }))
  files.set('oci-layout', json({ imageLayoutVersion: '1.0.0' }))
  return files
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
