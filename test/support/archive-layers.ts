// What a docker-archive says of itself, read with GNU tar and JSON.parse: the expected side of the interop tests.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

export interface ImageConfig {
  readonly rootfs: { readonly diff_ids: readonly string[] }
  readonly history: readonly object[]
}

export interface ArchiveImage {
  readonly imageID: string
  readonly tags: readonly string[]
  readonly config: ImageConfig
  readonly diffIDs: readonly string[]
  /** sha256 of each layer as it stands in the archive, base first. */
  readonly layers: readonly string[]
}

/** Unpacks a docker-archive (old or new layout) aside and reads it as docker would. */
export function readDockerArchive(file: string): ArchiveImage[] {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'shale-archive-'))
  try {
    execFileSync('tar', ['-xf', file, '-C', dir])
    return readUnpackedArchive(dir)
  } finally {
    fs.rmSync(dir, { recursive: true, force: true })
  }
}

export function readUnpackedArchive(dir: string): ArchiveImage[] {
  const read = (name: string): Buffer => fs.readFileSync(path.join(dir, name))
  const manifest = JSON.parse(read('manifest.json').toString()) as readonly {
    readonly Config: string
    readonly RepoTags: readonly string[] | null
    readonly Layers: readonly string[]
  }[]
  return manifest.map((image) => {
    const configBytes = read(image.Config)
    const config = JSON.parse(configBytes.toString()) as ImageConfig
    return {
      imageID: sha256(configBytes),
      tags: image.RepoTags ?? [],
      config,
      diffIDs: config.rootfs.diff_ids,
      layers: image.Layers.map((name) => sha256OfFile(path.join(dir, name))),
    }
  })
}

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

export function sha256OfFile(file: string): string {
  const hash = createHash('sha256')
  const chunk = Buffer.allocUnsafe(1 << 20)
  const fd = fs.openSync(file, 'r')
  try {
    for (;;) {
      const read = fs.readSync(fd, chunk, 0, chunk.length, null)
      if (read === 0) return `sha256:${hash.digest('hex')}`
      hash.update(chunk.subarray(0, read))
    }
  } finally {
    fs.closeSync(fd)
  }
}
