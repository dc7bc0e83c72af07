// Soft failures of one layer, gathered: one warning a kind, with the first entry that had it and how many did.
// A layer of a million odd entries must not become a million messages.

import type { Warning } from '../errors.ts'
import { type BytePath, pathText } from '../path/byte-path.ts'

export class WarningLog {
  readonly #kinds = new Map<
    string,
    { code: string; message: string; entry: string; count: number }
  >()

  /** @param message without the entry's name; two warnings are one kind when code and message agree */
  add(code: string, message: string, entry: BytePath): void {
    const key = `${code}\n${message}`
    const known = this.#kinds.get(key)
    if (known) known.count++
    else this.#kinds.set(key, { code, message, entry: pathText(entry), count: 1 })
  }

  list(): Warning[] {
    return [...this.#kinds.values()].map((kind) => ({ ...kind }))
  }
}
