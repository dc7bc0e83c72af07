// Tiny images in every layout that engines write, as named files that a test can change before they are packed:
// `const files = dockerArchive25([{ image, tags: ['app:1'] }]); files.delete('index.json'); fs.writeFileSync(f, packed(files))`.
// The documents are spelled out here, not taken from shale's own writers, so that each is held against the other.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import type { DiffID, ImageID } from '../../src/digest/digest.ts'
import { pathFromText } from '../../src/path/byte-path.ts'
import { END_BLOCKS, type TarEntryInit } from '../../src/tar/writer.ts'
import { diffIDOf, dir, file, gzip, layerTar, memberBytes, sha256Text, whiteout } from './layer.ts'

export interface BuiltImage {
  readonly configBytes: Buffer
  readonly imageID: ImageID
  /** Uncompressed tars, base first. */
  readonly layers: readonly Buffer[]
  readonly diffIDs: readonly DiffID[]
}

/** @param fields put over those of the config: `{ architecture: 'arm64' }` */
export function buildImage(
  layers: readonly Buffer[],
  fields: Readonly<Record<string, unknown>> = {},
): BuiltImage {
  const diffIDs = layers.map(diffIDOf)
  const configBytes = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      config: { Cmd: ['/bin/sh'], Env: ['PATH=/usr/bin:/bin'] },
      created: '2026-01-02T03:04:05.678901234Z',
      history: layers.map((_, index) => ({
        created: '2026-01-02T03:04:05Z',
        created_by: `step ${index + 1}`,
      })),
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: diffIDs },
      ...fields,
    }),
  )
  return { configBytes, imageID: sha256Text(configBytes) as ImageID, layers, diffIDs }
}

/** Two layers, the second of which removes and replaces. */
export function smallImage(fields: Readonly<Record<string, unknown>> = {}): BuiltImage {
  const base = layerTar(dir('etc'), file('etc/motd', 'hello\n'), file('etc/old', 'old\n'))
  const top = layerTar(dir('etc'), file('etc/motd', 'good bye\n'), whiteout('etc/old'))
  return buildImage([base, top], fields)
}

/** What stands at a name in an archive; a Buffer is a regular file. */
export type ArchiveFile =
  | Buffer
  | { readonly symlink: string }
  | { readonly hardlink: string }
  | { readonly fifo: true }
  /** /dev/zero by another name. */
  | { readonly device: true }
  | { readonly directory: true }

/** By name, in the order in which they are packed. */
export type ArchiveFiles = Map<string, ArchiveFile>

export interface NamedImage {
  readonly image: BuiltImage
  readonly tags?: readonly string[]
  readonly parent?: ImageID
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
const hex = (digest: string): string => digest.slice('sha256:'.length)

/** docker up to 24: config by image ID, layers in folders named by v1 IDs, a repeated layer as a link to the first. */
export function dockerArchive20(images: readonly NamedImage[]): ArchiveFiles {
  const files: ArchiveFiles = new Map()
  const layerOf = new Map<DiffID, string>()
  const repositories: Record<string, Record<string, string>> = {}
  const manifest = images.map(({ image, tags, parent }) => {
    files.set(`${hex(image.imageID)}.json`, image.configBytes)
    let v1 = ''
    const layers = image.layers.map((tar, index) => {
      const diffID = image.diffIDs[index]!
      v1 = hex(sha256Text(Buffer.from(`${v1} ${diffID} ${image.imageID}`)))
      const first = layerOf.get(diffID)
      files.set(`${v1}/`, { directory: true })
      files.set(`${v1}/VERSION`, Buffer.from('1.0'))
      files.set(`${v1}/json`, json({ id: v1 }))
      files.set(`${v1}/layer.tar`, first === undefined ? tar : { symlink: `../${first}/layer.tar` })
      if (first === undefined) layerOf.set(diffID, v1)
      return `${v1}/layer.tar`
    })
    for (const tag of tags ?? []) {
      const [repository, name] = tag.split(/:(?=[^/]*$)/) as [string, string]
      ;(repositories[repository] ??= {})[name] = v1
    }
    return {
      Config: `${hex(image.imageID)}.json`,
      RepoTags: tags ?? null,
      Layers: layers,
      ...(parent === undefined ? {} : { Parent: parent }),
    }
  })
  files.set('manifest.json', Buffer.concat([json(manifest), Buffer.from('\n')]))
  files.set('repositories', Buffer.concat([json(repositories), Buffer.from('\n')]))
  return files
}

/** docker 25 and later: an OCI layout with uncompressed layers and a manifest.json. */
export function dockerArchive25(images: readonly NamedImage[]): ArchiveFiles {
  const layouts = images.flatMap(({ image, tags }): OCIImage[] =>
    tags === undefined
      ? [{ image }]
      : tags.map((tag) => ({
          image,
          annotations: {
            'io.containerd.image.name': `docker.io/library/${tag}`,
            'org.opencontainers.image.ref.name': tag.slice(tag.lastIndexOf(':') + 1),
          },
        })),
  )
  const files = ociLayout(layouts)
  const manifest = images.map(({ image, tags, parent }) => ({
    Config: `blobs/sha256/${hex(image.imageID)}`,
    RepoTags: tags ?? null,
    Layers: image.diffIDs.map((diffID) => `blobs/sha256/${hex(diffID)}`),
    ...(parent === undefined ? {} : { Parent: parent }),
    LayerSources: Object.fromEntries(
      image.layers.map((tar, index) => [
        image.diffIDs[index],
        {
          mediaType: 'application/vnd.oci.image.layer.v1.tar',
          size: tar.length,
          digest: image.diffIDs[index],
        },
      ]),
    ),
  }))
  files.set('manifest.json', Buffer.concat([json(manifest), Buffer.from('\n')]))
  return files
}

export interface OCIImage {
  readonly image: BuiltImage
  /** Of the descriptor in index.json. */
  readonly annotations?: Readonly<Record<string, string>>
  readonly platform?: {
    readonly os: string
    readonly architecture: string
    readonly variant?: string
  }
  readonly compression?: 'none' | 'gzip'
}

export interface Described {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

export const OCI_MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'
export const OCI_INDEX_TYPE = 'application/vnd.oci.image.index.v1+json'

/** Puts bytes under their digest, and says where. */
export function putBlob(files: ArchiveFiles, mediaType: string, bytes: Buffer): Described {
  const digest = sha256Text(bytes)
  files.set(`blobs/sha256/${hex(digest)}`, bytes)
  return { mediaType, digest, size: bytes.length }
}

/** An image's layers, config and manifest as blobs. */
export function putImage(
  files: ArchiveFiles,
  image: BuiltImage,
  compression: 'none' | 'gzip' = 'none',
): Described {
  const type = 'application/vnd.oci.image.layer.v1.tar'
  const layers = image.layers.map((tar) =>
    compression === 'gzip' ? putBlob(files, `${type}+gzip`, gzip(tar)) : putBlob(files, type, tar),
  )
  const config = putBlob(files, 'application/vnd.oci.image.config.v1+json', image.configBytes)
  const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST_TYPE, config, layers }
  return putBlob(files, OCI_MANIFEST_TYPE, json(manifest))
}

export function putIndex(files: ArchiveFiles, manifests: readonly object[]): Described {
  return putBlob(
    files,
    OCI_INDEX_TYPE,
    json({ schemaVersion: 2, mediaType: OCI_INDEX_TYPE, manifests }),
  )
}

export function setIndex(files: ArchiveFiles, manifests: readonly object[]): void {
  files.set('index.json', json({ schemaVersion: 2, manifests }))
}

/** An OCI layout as skopeo, umoci and buildkit write it. */
export function ociLayout(images: readonly OCIImage[]): ArchiveFiles {
  const files: ArchiveFiles = new Map([['oci-layout', json({ imageLayoutVersion: '1.0.0' })]])
  const manifests = images.map(({ image, annotations, platform, compression }) => ({
    ...putImage(files, image, compression),
    ...(annotations === undefined ? {} : { annotations }),
    ...(platform === undefined ? {} : { platform }),
  }))
  setIndex(files, manifests)
  return files
}

/** Where a file's bytes are replaced by other JSON; the digest by which it is pointed at is not. */
export function editJson(
  files: ArchiveFiles,
  name: string,
  edit: (value: Record<string, unknown> & unknown[]) => void,
): void {
  const bytes = files.get(name)
  if (!Buffer.isBuffer(bytes)) throw new Error(`${name} is no file of this archive`)
  const value = JSON.parse(bytes.toString('utf8')) as Record<string, unknown> & unknown[]
  edit(value)
  files.set(name, json(value))
}

function entryOf(name: string, content: ArchiveFile): TarEntryInit & { body?: Uint8Array } {
  const path = pathFromText(name)
  if (Buffer.isBuffer(content)) return { path, body: content }
  if ('symlink' in content)
    return { path, type: 'symlink', linkPath: pathFromText(content.symlink) }
  if ('hardlink' in content)
    return { path, type: 'hardlink', linkPath: pathFromText(content.hardlink) }
  if ('device' in content) return { path, type: 'char', devMajor: 1, devMinor: 5 }
  return { path, type: 'fifo' in content ? 'fifo' : 'directory' }
}

/** As a tar. */
export function packed(files: ArchiveFiles): Buffer {
  const members = [...files].flatMap(([name, content]) => memberBytes(entryOf(name, content)))
  return Buffer.concat([...members, END_BLOCKS])
}

/** As files below a directory, which is made. */
export function unpackedTo(directory: string, files: ArchiveFiles): string {
  fs.mkdirSync(directory, { recursive: true })
  for (const [name, content] of files) {
    const at = path.join(directory, name)
    fs.mkdirSync(path.dirname(at), { recursive: true })
    if (Buffer.isBuffer(content)) fs.writeFileSync(at, content)
    else if ('symlink' in content) fs.symlinkSync(content.symlink, at)
    else if ('hardlink' in content) fs.linkSync(path.join(directory, content.hardlink), at)
    else if ('fifo' in content) spawnSync('mkfifo', [at])
    // An ordinary user cannot, and then nothing stands there.
    else if ('device' in content) spawnSync('mknod', [at, 'c', '1', '5'])
    else fs.mkdirSync(at, { recursive: true })
  }
  return directory
}
