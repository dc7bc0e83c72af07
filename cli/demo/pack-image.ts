// An image archive out of ingredients, as docker save shapes one: layer tars, a config that names them by digest, a
// manifest. Writes with the library's own tar writer; that what it writes is right is for the loader to find.

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { pathFromText, writeTar, type DiffID, type TarEntryInit } from '../../src/index.ts'
import type { Ingredient } from './inventory.ts'

export interface LayerPlan {
  /** As the history tells it: what made this layer. */
  readonly createdBy: string
  readonly items: readonly Ingredient[]
}

export interface PackOptions {
  readonly reference: string
  readonly layers: readonly LayerPlan[]
  /** The archive to write. */
  readonly file: string
  readonly command: readonly string[]
  readonly workingDirectory: string
  readonly signal?: AbortSignal
}

export interface PackedLayer {
  readonly createdBy: string
  readonly diffID: DiffID
  readonly tarBytes: number
  readonly entries: number
}

/** Layer tars stand beside the archive while it is made. */
export async function packImage(options: PackOptions): Promise<PackedLayer[]> {
  const packed: (PackedLayer & { readonly file: string })[] = []
  try {
    for (const [index, layer] of options.layers.entries()) {
      const file = layerFile(options, index + 1)
      packed.push({ ...(await packLayer(layer, file, options.signal)), file })
    }
    const config = Buffer.from(JSON.stringify(configOf(packed, options)))
    const configName = `${createHash('sha256').update(config).digest('hex')}.json`
    const manifest = [
      {
        Config: configName,
        RepoTags: [options.reference],
        Layers: packed.map(({ diffID }) => layerName(diffID)),
      },
    ]
    const members: TarEntryInit[] = [
      textMember(configName, config),
      ...packed.map(({ diffID, file }) => fileMember(layerName(diffID), file)),
      textMember('manifest.json', Buffer.from(`${JSON.stringify(manifest)}\n`)),
    ]
    await writeFile(writeTar(members), options.file, options.signal)
  } finally {
    // The layer that failed is not in the list yet.
    for (let n = 1; n <= options.layers.length; n++)
      fs.rmSync(layerFile(options, n), { force: true })
  }
  return packed.map(({ file: _file, ...layer }) => layer)
}

function layerFile(options: PackOptions, number: number): string {
  return `${options.file}.layer${number}`
}

function layerName(diffID: DiffID): string {
  return `${diffID.slice('sha256:'.length)}/layer.tar`
}

async function packLayer(
  layer: LayerPlan,
  file: string,
  signal: AbortSignal | undefined,
): Promise<PackedLayer> {
  const hash = createHash('sha256')
  const tarBytes = await writeFile(hashed(writeTar(layer.items.map(member)), hash), file, signal)
  return {
    createdBy: layer.createdBy,
    diffID: `sha256:${hash.digest('hex')}` as DiffID,
    tarBytes,
    entries: layer.items.length,
  }
}

/** Owned by root, as images have it, whoever packs. */
function member(item: Ingredient): TarEntryInit {
  switch (item.kind) {
    case 'directory':
      return { path: pathFromText(`${item.path}/`), type: 'directory', mode: 0o755 }
    case 'symlink':
      return {
        path: pathFromText(item.path),
        type: 'symlink',
        mode: 0o777,
        linkPath: pathFromText(item.target),
      }
    case 'text':
      return { ...textMember(item.path, Buffer.from(item.text)), mode: item.mode ?? 0o644 }
    case 'file':
      return fileMember(item.path, item.source)
  }
}

function textMember(name: string, body: Uint8Array): TarEntryInit {
  return { path: pathFromText(name), body, mtimeNs: BigInt(Date.now()) * 1_000_000n }
}

function fileMember(name: string, source: string): TarEntryInit {
  const status = fs.statSync(source, { bigint: true })
  return {
    path: pathFromText(name),
    mode: Number(status.mode & 0o777n) | 0o444,
    sizeBytes: Number(status.size),
    mtimeNs: status.mtimeNs,
    body: lazily(() => fs.createReadStream(source, { highWaterMark: 1 << 20 })),
  }
}

/** A file is opened when its turn comes: a layer of thousands must not hold as many descriptors. */
async function* lazily(open: () => AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* open()
}

async function* hashed(
  bytes: AsyncIterable<Uint8Array>,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    hash.update(chunk)
    yield chunk
  }
}

/** @returns how many bytes were written */
async function writeFile(
  bytes: AsyncIterable<Uint8Array>,
  file: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  const fd = fs.openSync(file, 'wx')
  let written = 0
  try {
    for await (const chunk of bytes) {
      signal?.throwIfAborted()
      for (let done = 0; done < chunk.length;) done += fs.writeSync(fd, chunk, done)
      written += chunk.length
    }
  } finally {
    fs.closeSync(fd)
  }
  return written
}

function configOf(layers: readonly PackedLayer[], options: PackOptions): object {
  const created = new Date().toISOString()
  return {
    architecture: architecture(),
    config: {
      Cmd: options.command,
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      WorkingDir: options.workingDirectory,
    },
    created,
    history: layers.map(({ createdBy }) => ({ created, created_by: createdBy })),
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffID }) => diffID) },
  }
}

/** Go's names for what Node calls process.arch. */
function architecture(): string {
  const names: Readonly<Record<string, string>> = {
    x64: 'amd64',
    ia32: '386',
    ppc64: 'ppc64le',
    mipsel: 'mipsle',
  }
  return names[process.arch] ?? process.arch
}
