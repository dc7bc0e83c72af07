// One payload in every form in which shale can be given it.

import fs from 'node:fs'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import {
  dockerArchive20,
  dockerArchive25,
  ociLayout,
  packed,
  unpackedTo,
  type ArchiveFiles,
  type BuiltImage,
} from '../image.ts'
import { sniffCompression } from '../../../src/archive/decompress.ts'
import { plainOfRuns } from '../zstd-runs.ts'
import { diffIDOf, gzip, sha256Text } from '../layer.ts'
import type { ImageID } from '../../../src/digest/digest.ts'
import type { Payload } from './case.ts'

export interface Entrance {
  readonly name: string
  readonly verb: 'load' | 'import'
  /** A file or a directory. */
  readonly input: string
  readonly viaStdin?: true
}

const NAME = 'hostile:1'

/** @param into existing; gets the archives */
export function entrancesOf(payload: Payload, into: string): Entrance[] {
  if ('bytes' in payload) {
    const input = write(into, 'file', payload.bytes)
    return [
      { name: 'file', verb: 'load', input },
      { name: 'stdin', verb: 'load', input, viaStdin: true },
      { name: 'import', verb: 'import', input },
    ]
  }
  if ('members' in payload)
    return [...ofMembers('archive', payload.members, into, payload.asTarOnly)]
  const image = imageOf(payload.layers, payload.config)
  const isPlain = payload.layers.every((layer) => sniffCompression(layer) === 'none')
  const annotations = { 'org.opencontainers.image.ref.name': NAME }
  const entrances = [
    ...ofMembers('docker-20', dockerArchive20([{ image, tags: [NAME] }]), into, true),
    ...(isPlain
      ? ofMembers('docker-25', dockerArchive25([{ image, tags: [NAME] }]), into, true)
      : []),
    ...ofMembers('oci', ociLayout([{ image, annotations }]), into),
    ...(isPlain
      ? ofMembers('oci-gzip', ociLayout([{ image, annotations, compression: 'gzip' }]), into, true)
      : []),
  ]
  const first = entrances[0]!
  const zipped = write(into, 'docker-20.tar.gz', gzip(fs.readFileSync(first.input)))
  entrances.push({ name: 'docker-20 gzip stdin', verb: 'load', input: zipped, viaStdin: true })
  if (payload.layers.length === 1) {
    entrances.push({
      name: 'import',
      verb: 'import',
      input: write(into, 'layer.tar', payload.layers[0]!),
    })
  }
  return entrances
}

function* ofMembers(
  name: string,
  members: ArchiveFiles,
  into: string,
  isTarOnly = false,
): Generator<Entrance> {
  yield { name: `${name} tar`, verb: 'load', input: write(into, `${name}.tar`, packed(members)) }
  if (isTarOnly) return
  yield {
    name: `${name} directory`,
    verb: 'load',
    input: unpackedTo(path.join(into, name), members),
  }
}

function write(into: string, name: string, bytes: Buffer): string {
  const file = path.join(into, name)
  fs.writeFileSync(file, bytes)
  return file
}

function imageOf(
  layers: readonly Buffer[],
  fields: Readonly<Record<string, unknown>> = {},
): BuiltImage {
  const diffIDs = layers.map((layer) => diffIDOf(plain(layer)))
  const configBytes = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: { Cmd: ['/bin/sh'] },
      rootfs: { type: 'layers', diff_ids: diffIDs },
      ...fields,
    }),
  )
  return { configBytes, imageID: sha256Text(configBytes) as ImageID, layers, diffIDs }
}

/** What the tar is, as far as anybody can tell. */
function plain(layer: Buffer): Buffer {
  try {
    return gunzipSync(layer)
  } catch {
    return plainOfRuns(layer) ?? layer
  }
}
