// Where the corpus is run: a store among things that must stay as they are and whose content must not come out.
// Looks by lstat and by its own hash, so that a blind spot of shale's is none of its own.

import { createHash, randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import type { Canaries } from './case.ts'
import { visitTree } from './visit-tree.ts'

/** Where it is kept which compressed digest is which layer's. */
const DISTRIBUTION = ['image/overlay2/distribution', 'image/vfs/distribution']

const HOLE_BYTES = 1n << 24n

export class Ground {
  readonly work: string
  readonly root: string
  /** Archives and mounts of one case. */
  readonly scratch: string
  readonly canaries: Canaries
  readonly secret: string = `SECRET-${randomBytes(12).toString('hex')}`
  /** Anything else that must not change: a host's own directories, in a namespace of one's own. */
  private readonly others: readonly string[]

  /** @param work existing and empty */
  constructor(work: string, options: { readonly others?: readonly string[] } = {}) {
    this.work = work
    this.others = options.others ?? []
    const dir = path.join(work, 'canary')
    this.canaries = { dir, up: `${'../'.repeat(40)}${dir.slice(1)}` }
    fs.mkdirSync(path.join(dir, 'dir'), { recursive: true })
    fs.writeFileSync(path.join(dir, 'secret'), this.secret, { mode: 0o600 })
    fs.writeFileSync(path.join(dir, 'passwd'), `root:${this.secret}:0:0::/root:/bin/sh\n`)
    fs.writeFileSync(path.join(dir, 'dir', 'keep'), this.secret)
    fs.writeFileSync(path.join(dir, 'dir', 'secret'), this.secret)
    this.root = path.join(work, 'a', 'b', 'root')
    fs.mkdirSync(this.root, { recursive: true })
    this.scratch = path.join(work, 'scratch')
    fs.mkdirSync(this.scratch)
  }

  /** Every inode outside of the store and the scratch: ctime tells of each chmod, chown, link, xattr and write. */
  outside(): string {
    const lines: string[] = []
    for (const top of [this.work, ...this.others]) {
      visitTree(top, ({ name, status }) => {
        const file = path.join(top, name)
        const isOurs = file === this.root || file === this.scratch
        const owner = [file, status.ino, status.mode, status.uid, status.gid]
        const rest = isOurs ? [] : [status.nlink, status.size, status.ctimeNs]
        lines.push([...owner, ...rest].join(' '))
        return !isOurs
      })
    }
    return lines.join('\n')
  }

  /**
   * The store, byte for byte, without the lock's folder and directory times. `content` leaves out what a change that was
   * taken back leaves: another inode for repositories.json, and the cache of digests, which nobody takes back.
   */
  inside(what: 'exact' | 'content' = 'exact'): string {
    const hash = createHash('sha256')
    const leftOut = what === 'exact' ? ['shale'] : ['shale', ...DISTRIBUTION]
    visitTree(this.root, ({ reach, name, status }) => {
      if (leftOut.includes(name)) return false
      const isDirectory = status.isDirectory()
      const inode = isDirectory || what === 'content' ? [] : [status.ino, status.mtimeNs]
      const links = isDirectory ? 0 : status.nlink
      hash.update(`${[name, status.mode, status.uid, status.gid, links, ...inode].join(' ')}\n`)
      // What is mostly hole has a size that says enough, and would take seconds to read.
      const isHole = status.size > status.blocks * 512n + HOLE_BYTES
      if (status.isFile() && !isHole) hash.update(fs.readFileSync(reach))
      if (isHole) hash.update(`${status.size} ${status.blocks}`)
      return true
    })
    return hash.digest('hex')
  }

  /** Files below a directory that have the content of a canary: something was read through a link. */
  leaksIn(directory: string): string[] {
    const leaks: string[] = []
    visitTree(directory, ({ reach, name, status }) => {
      const isSmall = status.isFile() && status.size < 1 << 20
      if (isSmall && fs.readFileSync(reach).includes(this.secret)) leaks.push(name)
      return true
    })
    return leaks
  }

  clearScratch(): void {
    for (const name of fs.readdirSync(this.scratch)) {
      fs.rmSync(path.join(this.scratch, name), { recursive: true, force: true })
    }
  }
}
