// A docker data root as plain facts in which nothing random is left: cache-ids and link names are replaced by the
// chainID of their layer, so that two stores that hold the same images compare equal. Reads files, not by shale.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import zlib from 'node:zlib'
import { readTree, type TreeEntry } from './tree.ts'

export interface StoreFacts {
  /** ROOT/image/overlay2 without `distribution`, a cache; `tar-split.json.gz` and `cache-id` are compared elsewhere. */
  readonly image: Map<string, object>
  /** ROOT/overlay2, cache-ids as chainIDs. */
  readonly overlay2: Map<string, object>
  /** chainID (hex) to its tar-split records, uncompressed. */
  readonly split: Map<string, string>
  /** Modes and owners of the directories above. */
  readonly layout: Map<string, object>
}

/** Docker looks at `opaque` alone; the kernel adds the others while a layer is mounted writable. */
const KERNEL_NOTE = /^trusted\.overlay\.(?!opaque$)/

export function readStore(root: string): StoreFacts {
  const image = path.join(root, 'image', 'overlay2')
  const layers = path.join(image, 'layerdb', 'sha256')
  const split = new Map<string, string>()
  const chainOfCache = new Map<string, string>()
  for (const chain of fs.readdirSync(layers)) {
    const cache = fs.readFileSync(path.join(layers, chain, 'cache-id'), 'utf8')
    assert.match(cache, /^[0-9a-f]{64}$/, `cache-id of ${chain}`)
    chainOfCache.set(cache, chain)
    const packed = fs.readFileSync(path.join(layers, chain, 'tar-split.json.gz'))
    split.set(chain, zlib.gunzipSync(packed).toString('utf8'))
  }

  const facts = new Map<string, object>()
  for (const [name, entry] of readTree(image, { times: false, directoryTimes: false })) {
    if (/^(distribution|layerdb\/(mounts|tmp))(\/|$)/.test(name)) continue
    const isRandom = /^layerdb\/sha256\/[0-9a-f]+\/(cache-id|tar-split\.json\.gz)$/.test(name)
    facts.set(name, isRandom ? { ...entry, sizeBytes: undefined, sha256: undefined } : entry)
  }
  return {
    image: facts,
    overlay2: readOverlay2(path.join(root, 'overlay2'), chainOfCache),
    split,
    layout: new Map(
      ['', 'image', 'image/overlay2', 'overlay2', 'overlay2/l'].map((dir) => [
        dir,
        owned(root, dir),
      ]),
    ),
  }
}

function owned(root: string, dir: string): object {
  const stat = fs.lstatSync(path.join(root, dir))
  return { mode: (stat.mode & 0o7777).toString(8), uid: stat.uid, gid: stat.gid }
}

function readOverlay2(
  home: string,
  chainOfCache: ReadonlyMap<string, string>,
): Map<string, object> {
  const chainOfLink = new Map<string, string>()
  for (const link of fs.readdirSync(path.join(home, 'l'))) {
    const cache = /^\.\.\/([^/]+)\/diff$/.exec(fs.readlinkSync(path.join(home, 'l', link)))?.[1]
    chainOfLink.set(link, chainOfCache.get(cache ?? '') ?? `${cache} without a layer`)
  }
  const chainOf = (link: string): string => chainOfLink.get(link) ?? `no l/${link}`

  const facts = new Map<string, object>()
  const options = { xattr: (name: string) => !KERNEL_NOTE.test(name) }
  for (const [name, entry] of readTree(home, options)) {
    const [cache = '', ...rest] = name.split('/')
    const below = rest.join('/')
    const { mtimeNs, ...named } = entry
    const linkedTo = named.linkedTo?.replace(/^[^/]+/, (id) => chainOfCache.get(id) ?? id)
    const timeless = { ...named, ...(linkedTo === undefined ? {} : { linkedTo }) }
    if (cache === 'l') {
      const key = below === '' ? 'l' : `l/${chainOf(below)}`
      facts.set(
        key,
        below === '' ? timeless : { ...timeless, sizeBytes: 0, target: chainOf(below) },
      )
      continue
    }
    const key = [chainOfCache.get(cache) ?? cache, ...rest].join('/')
    if (below === 'link' || below === 'lower') {
      const text = fs.readFileSync(path.join(home, name), 'utf8')
      const links = text.split(':').map((link) => link.replace(/^l\//, ''))
      for (const link of links) assert.match(link, /^[A-Z2-7]{26}$/, name)
      facts.set(key, { ...timeless, sha256: links.map(chainOf).join(' ') })
    } else if (below.startsWith('diff/') && !isWhiteout(entry))
      facts.set(key, { ...timeless, mtimeNs })
    else facts.set(key, timeless)
  }
  return facts
}

/** Nobody gives a whiteout a time: it is that of its making. */
function isWhiteout(entry: TreeEntry): boolean {
  return entry.type === 'char' && entry.device === 0
}
