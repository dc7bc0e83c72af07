// What dockerd's BuildKit keeps in the same driver folder. Its directories are in no layerdb; who they belong to stands
// in its own databases (ROOT/buildkit/*.db). Those are not parsed: a name that occurs anywhere in their bytes is taken
// for needed. That errs on the side of keeping, for a database's free pages still hold old names.

import fs from 'node:fs'
import path from 'node:path'
import { namesIfPresent } from '../store/read-file.ts'

export class BuildCache {
  private readonly directory: string
  private databases: Buffer[] | undefined
  private isReadable = true

  constructor(root: string) {
    this.directory = path.join(root, 'buildkit')
  }

  /** @param name of a driver directory, or the hex of a digest */
  holds(name: string): boolean {
    this.databases ??= this.read()
    return !this.isReadable || this.databases.some((bytes) => bytes.includes(name, 0, 'latin1'))
  }

  private read(): Buffer[] {
    try {
      return namesIfPresent(this.directory)
        .filter((name) => name.endsWith('.db'))
        .map((name) => fs.readFileSync(path.join(this.directory, name)))
    } catch {
      this.isReadable = false // then nothing can be said to be unneeded
      return []
    }
  }
}
