// The layers of an archive as other programs see them: node-tar takes the archive apart, node:crypto hashes what is in
// it. Not a line of shale's own reading is used, so that what it finds is evidence.

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { list, type ReadEntry } from 'tar'

const DOCUMENT_BYTES_MAX = 4 << 20

/**
 * SHA-256 in hex of each layer as it stands in the archive, base first.
 * @param imageID which image of the archive
 * @returns undefined for an archive that docker save did not shape (an OCI layout), or that node-tar cannot read
 */
export async function layerHashes(
  archive: string,
  imageID: string,
): Promise<readonly string[] | undefined> {
  if (!fs.statSync(archive).isFile()) return undefined
  let members: Members
  try {
    members = await readMembers(archive)
  } catch {
    return undefined
  }
  const manifest = members.documents.get('manifest.json')
  if (manifest === undefined) return undefined
  const items = JSON.parse(manifest.toString('utf8')) as { Config: string; Layers: string[] }[]
  const item = items.find(({ Config }) => `sha256:${members.hashOf(Config)}` === imageID)
  const hashes = item?.Layers.map((name) => members.hashOf(name)) ?? [undefined]
  return hashes.every((hash) => hash !== undefined) ? hashes : undefined
}

class Members {
  readonly documents = new Map<string, Buffer>()
  readonly hashes = new Map<string, string>()
  readonly links = new Map<string, string>()

  /** docker's older archives link a layer that comes twice to its first copy. */
  hashOf(name: string): string | undefined {
    return this.hashes.get(this.links.get(name) ?? name)
  }
}

async function readMembers(file: string): Promise<Members> {
  const members = new Members()
  await list({
    file,
    strict: true,
    onReadEntry: (entry) => {
      const name = path.posix.normalize(entry.path)
      if (entry.type === 'SymbolicLink') {
        const target = path.posix.join(path.posix.dirname(name), entry.linkpath ?? '')
        members.links.set(name, target)
      } else if (entry.type === 'File' || entry.type === 'OldFile') {
        readMember(entry, name, members)
      }
    },
  })
  return members
}

function readMember(entry: ReadEntry, name: string, members: Members): void {
  const hash = createHash('sha256')
  const pieces: Buffer[] | undefined = entry.size <= DOCUMENT_BYTES_MAX ? [] : undefined
  entry.on('data', (chunk: Buffer) => {
    hash.update(chunk)
    // The parser uses its buffer again.
    pieces?.push(Buffer.from(chunk))
  })
  entry.on('end', () => {
    members.hashes.set(name, hash.digest('hex'))
    if (pieces) members.documents.set(name, Buffer.concat(pieces))
  })
}
