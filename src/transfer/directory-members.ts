// An unpacked archive: the members are the files below a directory. Each look is an lstat, so a link is seen as a link;
// the rules about links are members.ts's.

import fs from 'node:fs'
import path from 'node:path'
import type { BytePath } from '../path/byte-path.ts'
import { pathBytes, pathFromBytes } from '../path/byte-path.ts'
import { fromNodeError } from '../sys/errno.ts'
import type { Member, Members } from './members.ts'

export class DirectoryMembers implements Members {
  readonly label: string
  private readonly directory: string

  /** @param directory absolute, with no link in it; only what lies below is checked for links */
  constructor(directory: string, label: string) {
    this.directory = directory
    this.label = label
  }

  get(member: BytePath): Member | undefined {
    // Everything that an image names is ASCII, so a name that is no UTF-8 need not be found.
    const file = path.join(this.directory, pathBytes(member).toString('utf8'))
    try {
      const status = fs.lstatSync(file, { throwIfNoEntry: false })
      if (status === undefined) return undefined
      if (status.isFile())
        return { kind: 'file', range: { file, offset: 0, sizeBytes: status.size } }
      if (status.isDirectory()) return { kind: 'directory' }
      if (status.isSymbolicLink()) {
        return { kind: 'symlink', target: pathFromBytes(fs.readlinkSync(file, 'buffer')) }
      }
      return {
        kind: 'other',
        what: status.isFIFO() ? 'a FIFO' : status.isSocket() ? 'a socket' : 'a device',
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined
      throw fromNodeError(`read ${file}`, error)
    }
  }

  top(): readonly BytePath[] {
    try {
      return fs.readdirSync(this.directory, 'buffer').map((name) => pathFromBytes(name))
    } catch (error) {
      throw fromNodeError(`read ${this.label}`, error)
    }
  }
}
