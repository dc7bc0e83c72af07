// In which form a store keeps owners, devices, whiteouts and opacity: decided once, at the first write, and recorded in
// ROOT/shale/form, so that a later writer with other rights goes on in the same form instead of mixing two.

import fs from 'node:fs'
import path from 'node:path'
import { UnsupportedError } from '../errors.ts'
import { probeForm } from '../sys/probe.ts'
import type { LayerForm } from './driver.ts'

export class StoreForm {
  private readonly root: string
  private known: LayerForm | undefined

  constructor(root: string) {
    this.root = root
  }

  /**
   * The recorded form; for a root that dockerd made, dockerd's; before the first write, what this caller would get.
   * @throws UnsupportedError ERR_FORMAT_NEWER for a form that is none of these: read as another, owners and whiteouts
   *   would be lost
   */
  get value(): LayerForm {
    this.known ??= this.recorded()
    return this.known ?? (process.geteuid?.() === 0 ? 'trusted' : 'user')
  }

  private recorded(): LayerForm | undefined {
    const text = this.text()
    if (text === 'trusted' || text === 'user' || text === 'none') return text
    if (text !== '') {
      throw new UnsupportedError(
        'ERR_FORMAT_NEWER',
        `cannot use ${this.root}: ${this.file} says ${JSON.stringify(text.slice(0, 40))}, a form of store that this shale does not know; update shale`,
        { details: { path: this.file, form: text.slice(0, 40) } },
      )
    }
    return hasLayers(this.root, 'overlay2') || hasLayers(this.root, 'vfs/dir')
      ? 'trusted'
      : undefined
  }

  /** At a write: try what this host allows below the root, and record it. */
  settle(): void {
    const recorded = this.recorded()
    const form = recorded ?? probeForm(this.root)
    if (recorded === undefined) fs.writeFileSync(this.file, form, { mode: 0o644 })
    this.known = form
  }

  private text(): string {
    try {
      return fs.readFileSync(this.file, 'latin1').trim()
    } catch {
      return '' // no record
    }
  }

  private get file(): string {
    return path.join(this.root, 'shale', 'form')
  }
}

/** Whether a driver's home holds layer directories. */
export function hasLayers(root: string, home: string): boolean {
  try {
    return fs.readdirSync(path.join(root, home)).some((name) => name !== 'l')
  } catch {
    return false
  }
}
