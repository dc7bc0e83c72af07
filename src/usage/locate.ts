// From what a person has in hand to the things of the store that it means: a path below the root, an ID or the start of
// one, a link name, a name. Knows the inventory and where docker puts what; explains nothing.

import { isDigest, type ChainID, type DiffID, type Digest, type ImageID } from '../digest/digest.ts'
import { readIfPresent } from '../store/read-file.ts'
import type { Store } from '../store/store.ts'
import type { Inventory } from './inventory.ts'

/** A part of a driver directory, and a path in it where it has one. */
export interface Inside {
  readonly part: string
  /** Components below `diff` or `merged`. */
  readonly file: readonly string[]
}

export type Located =
  | {
      readonly kind: 'layer'
      readonly chainID: ChainID
      readonly as: string
      readonly inside?: Inside
    }
  | { readonly kind: 'image'; readonly id: ImageID; readonly as: string }
  | {
      readonly kind: 'container'
      readonly id: string
      readonly role: 'writable' | 'init' | 'facts'
      readonly as: string
      readonly inside?: Inside
    }
  | { readonly kind: 'volume'; readonly name: string; readonly as: string }
  | { readonly kind: 'directory'; readonly name: string; readonly as: string }
  | { readonly kind: 'folder'; readonly path: string; readonly as: string }

export class Locator {
  private readonly store: Store
  private readonly inventory: Inventory

  constructor(store: Store, inventory: Inventory) {
    this.store = store
    this.inventory = inventory
  }

  /** @param parts below the root */
  byPath(parts: readonly string[]): Located[] {
    const [first, ...rest] = parts
    const { driver } = this.store
    if (first === 'overlay2' && driver.name === 'overlay2') return this.inOverlay(rest)
    if (first === 'vfs' && rest[0] === 'dir' && rest[1] !== undefined)
      return this.inDirectory(rest[1], `vfs/dir/${rest[1]}`, { part: 'diff', file: rest.slice(2) })
    if (first === 'image' && rest[0] === driver.name) return this.inImage(rest.slice(1), parts)
    if (first === 'containers' && rest[0] !== undefined)
      return this.container(rest[0], 'facts', `containers/${rest[0]}`)
    if (first === 'volumes' && rest[0] !== undefined && this.inventory.volumes.includes(rest[0]))
      return [{ kind: 'volume', name: rest[0], as: parts.join('/') }]
    return this.folder(parts)
  }

  private inOverlay([name, ...rest]: readonly string[]): Located[] {
    if (name === undefined) return this.folder(['overlay2'])
    if (name !== 'l') {
      const [part = '', ...file] = rest
      const as = ['overlay2', name, part].filter(Boolean).join('/')
      return this.inDirectory(name, as, { part, file })
    }
    const [link, ...file] = rest
    if (link === undefined) return this.folder(['overlay2', 'l'])
    return this.byLink(link, { part: 'diff', file })
  }

  private byLink(link: string, inside: Inside): Located[] {
    const as = `overlay2/l/${link}`
    if (!this.inventory.links.has(link)) return []
    const directory = this.inventory.links.get(link)
    const found = directory === undefined ? [] : this.inDirectory(directory, as, inside)
    return found.length > 0 ? found : [{ kind: 'folder', path: as, as }]
  }

  private inDirectory(name: string, as: string, inside: Inside): Located[] {
    if (!this.inventory.directories.includes(name)) return []
    const owner = this.inventory.owners.get(name)
    const at = inside.part === '' ? {} : { inside }
    if (owner?.kind === 'layer') return [{ kind: 'layer', chainID: owner.chainID, as, ...at }]
    if (owner?.kind === 'container')
      return [{ kind: 'container', id: owner.containerID, role: owner.role, as, ...at }]
    return [{ kind: 'directory', name, as }]
  }

  private inImage(rest: readonly string[], parts: readonly string[]): Located[] {
    const [database, folder, name, id] = rest
    const as = parts.slice(0, 6).join('/')
    if (database === 'layerdb' && folder === 'sha256' && name !== undefined) {
      const chainID = `sha256:${name}` as ChainID
      if (this.inventory.layers.has(chainID)) return [{ kind: 'layer', chainID, as }]
    }
    if (database === 'layerdb' && folder === 'mounts' && name !== undefined)
      return this.container(name, 'facts', as)
    if (database === 'imagedb' && name === 'sha256' && id !== undefined) {
      const imageID = `sha256:${id}` as ImageID
      if (this.inventory.images.has(imageID)) return [{ kind: 'image', id: imageID, as }]
    }
    if (database === 'distribution' && name === 'sha256' && isDigest(`sha256:${id}`)) {
      const digest = `sha256:${id}`
      if (folder === 'diffid-by-digest') return this.byBlob(digest as Digest, as)
      return this.byDiffID(digest as DiffID, as)
    }
    return this.folder(parts)
  }

  private container(id: string, role: 'writable' | 'init' | 'facts', as: string): Located[] {
    const { containers, mounts } = this.inventory
    if (containers.has(id) || mounts.has(id)) return [{ kind: 'container', id, role, as }]
    return [{ kind: 'folder', path: as, as }]
  }

  private folder(parts: readonly string[]): Located[] {
    const file = parts.join('/')
    return [{ kind: 'folder', path: file, as: file === '' ? 'the root' : file }]
  }

  private byDiffID(diffID: DiffID, as: string): Located[] {
    return [...this.inventory.layers.values()]
      .filter((layer) => layer.diffID === diffID)
      .map(({ chainID }) => ({ kind: 'layer', chainID, as }))
  }

  /** The digest of a compressed layer, where dockerd or shale saw one. */
  private byBlob(digest: Digest, as: string): Located[] {
    const file = this.store.layout.diffIDByDigest(digest)
    const diffID = readIfPresent(file)?.toString('latin1').trim() ?? ''
    return isDigest(diffID) ? this.byDiffID(diffID as DiffID, as) : []
  }

  /** An ID, the start of one, a link name, or a name; several things may have IDs that start alike. */
  byText(text: string): Located[] {
    if (/^[A-Z2-7]{26}$/.test(text) && this.inventory.links.has(text))
      return this.byLink(text, { part: '', file: [] })
    const [, prefix] = /^(?:sha256:)?([0-9a-f]{1,64}(?:-init)?)$/.exec(text) ?? []
    const isLong = prefix !== undefined && prefix.length >= 12
    if (isLong) {
      const found = this.byID(prefix, text)
      if (found.length > 0) return found
    }
    const exact = this.inventory.directories.includes(text)
      ? this.inDirectory(text, text, { part: '', file: [] })
      : []
    if (exact.length > 0) return exact
    const named = this.byName(text)
    if (named.length > 0) return named
    return prefix === undefined ? [] : this.byID(prefix, text)
  }

  private byID(prefix: string, text: string): Located[] {
    const { images, layers, mounts, containers, directories, owners } = this.inventory
    const digest = `sha256:${prefix}`
    const found: Located[] = []
    for (const id of images.keys())
      if (id.startsWith(digest)) found.push({ kind: 'image', id, as: 'imageID' })
    for (const { chainID, diffID, cacheID } of layers.values()) {
      // A base layer's chainID is its diffID: one thing under two names.
      const names: [string, string][] = [
        [diffID, (chainID as string) === diffID ? 'diffID and chainID' : 'diffID'],
        [chainID, 'chainID'],
        [`sha256:${cacheID}`, 'cache-id'],
      ]
      const match = names.find(([name]) => name.startsWith(digest))
      if (match) found.push({ kind: 'layer', chainID, as: match[1] })
    }
    for (const [id, mount] of mounts) {
      if (id.startsWith(prefix)) continue // told once, as the container
      const isInit = mount.initID?.startsWith(prefix) && prefix.endsWith('-init')
      if (isInit) found.push({ kind: 'container', id, role: 'init', as: 'init-id' })
      else if (mount.mountID.startsWith(prefix))
        found.push({ kind: 'container', id, role: 'writable', as: 'mount-id' })
    }
    for (const id of new Set([...containers.keys(), ...mounts.keys()]))
      if (id.startsWith(prefix))
        found.push({ kind: 'container', id, role: 'facts', as: 'container ID' })
    for (const name of directories) {
      const owner = owners.get(name)
      if (owner?.kind === 'layer' || owner?.kind === 'container') continue
      if (name.startsWith(prefix)) found.push({ kind: 'directory', name, as: name })
    }
    if (found.length === 0 && isDigest(text.startsWith('sha256:') ? text : digest))
      return this.byBlob(digest as Digest, 'blob digest')
    return found
  }

  private byName(text: string): Located[] {
    const { images, containers, volumes } = this.inventory
    const found: Located[] = []
    for (const [id, { names }] of images)
      if (names.some(({ name }) => name === text || name === `${text}:latest`))
        found.push({ kind: 'image', id, as: 'name' })
    for (const container of containers.values())
      if (container.name === text.replace(/^\//, ''))
        found.push({ kind: 'container', id: container.id, role: 'facts', as: 'name' })
    if (volumes.includes(text)) found.push({ kind: 'volume', name: text, as: 'name' })
    return found
  }
}
