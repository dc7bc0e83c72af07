// Where the corpus is run: a store among things that must stay as they are and whose content must not come out.
// Looks by lstat and by its own hash, so that a blind spot of shale's is none of its own.

import { createHash, randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import type { Canaries } from './case.ts'

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
    for (const top of [this.work, ...this.others]) this.describe(top, lines)
    return lines.join('\n')
  }

  private describe(file: string, lines: string[]): void {
    const stat = fs.lstatSync(file, { bigint: true })
    const isOurs = file === this.root || file === this.scratch
    const owner = [file, stat.ino, stat.mode, stat.uid, stat.gid]
    lines.push((isOurs ? owner : [...owner, stat.nlink, stat.size, stat.ctimeNs]).join(' '))
    if (!stat.isDirectory() || isOurs) return
    for (const name of fs.readdirSync(file)) this.describe(path.join(file, name), lines)
  }

  /**
   * The store, byte for byte, without the lock's folder and directory times. `content` leaves out what a change that was
   * taken back leaves: another inode for repositories.json, and the cache of digests, which nobody takes back.
   */
  inside(what: 'exact' | 'content' = 'exact'): string {
    const hash = createHash('sha256')
    const visit = (file: string): void => {
      const stat = fs.lstatSync(Buffer.from(file, 'latin1'), { bigint: true })
      const isDirectory = stat.isDirectory()
      const inode = isDirectory || what === 'content' ? [] : [stat.ino, stat.mtimeNs]
      const facts = [file, stat.mode, stat.uid, stat.gid, isDirectory ? 0 : stat.nlink, ...inode]
      hash.update(`${facts.join(' ')}\n`)
      if (stat.isFile()) hash.update(fs.readFileSync(Buffer.from(file, 'latin1')))
      if (!isDirectory) return
      const names = fs
        .readdirSync(Buffer.from(file, 'latin1'), 'buffer')
        .map((name) => name.toString('latin1'))
      for (const name of names.sort()) {
        const isLeftOut =
          (file === this.root && name === 'shale') ||
          (what === 'content' && name === 'distribution')
        if (!isLeftOut) visit(`${file}/${name}`)
      }
    }
    visit(this.root)
    return hash.digest('hex')
  }

  /** Files below a directory that have the content of a canary: something was read through a link. */
  leaksIn(directory: string): string[] {
    const leaks: string[] = []
    const visit = (file: Buffer): void => {
      const stat = fs.lstatSync(file)
      if (stat.isFile() && stat.size < 1 << 20 && fs.readFileSync(file).includes(this.secret)) {
        leaks.push(file.toString())
      }
      if (!stat.isDirectory()) return
      for (const name of fs.readdirSync(file, 'buffer'))
        visit(Buffer.concat([file, Buffer.from('/'), name]))
    }
    visit(Buffer.from(directory))
    return leaks
  }

  clearScratch(): void {
    for (const name of fs.readdirSync(this.scratch)) {
      fs.rmSync(path.join(this.scratch, name), { recursive: true, force: true })
    }
  }
}
