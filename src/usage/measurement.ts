// Bytes on disk of the things in a store, each an account of its own, measured in one walk over the root: so every block
// is on one account, and the accounts add up to what du(1) says.
// Knows accounts by a key; which things there are, inventory.ts says.

import { asSwitches, BlockCount, countBlocks, type Unreadable } from '../sys/disk-blocks.ts'

export type { Unreadable } from '../sys/disk-blocks.ts'

export class Measurement {
  private readonly accounts: ReadonlyMap<string, BlockCount>
  private readonly rest: BlockCount

  private constructor(accounts: ReadonlyMap<string, BlockCount>, rest: BlockCount) {
    this.accounts = accounts
    this.rest = rest
  }

  /** @param things key and absolute paths of each; a path inside another one's is not counted there */
  static ofRoot(root: string, things: Iterable<readonly [string, readonly string[]]>): Measurement {
    const accounts = new Map<string, BlockCount>()
    const switches: [string, BlockCount][] = []
    for (const [key, paths] of things) {
      const count = accounts.get(key) ?? new BlockCount()
      accounts.set(key, count)
      for (const path of paths) switches.push([path, count])
    }
    const rest = new BlockCount()
    countBlocks(root, rest, asSwitches(switches))
    return new Measurement(accounts, rest)
  }

  /** Only these things, without a look at the rest of the root. */
  static ofThings(things: Iterable<readonly [string, readonly string[]]>): Measurement {
    const accounts = new Map<string, BlockCount>()
    for (const [key, paths] of things) {
      const count = accounts.get(key) ?? new BlockCount()
      accounts.set(key, count)
      for (const path of paths) countBlocks(path, count)
    }
    return new Measurement(accounts, new BlockCount())
  }

  /** What these things take together, a file that two of them name counted once. */
  bytes(keys: Iterable<string>): number {
    return this.sum(keys).bytes
  }

  /** What is free once these things are gone. */
  freedBytes(keys: Iterable<string>): number {
    return this.sum(keys).freedBytes
  }

  get totalBytes(): number {
    const all = this.sum(this.accounts.keys())
    all.add(this.rest)
    return all.bytes
  }

  /** What no thing was named for. */
  get restBytes(): number {
    return this.rest.bytes
  }

  get unreadable(): Unreadable[] {
    return [this.rest, ...this.accounts.values()].flatMap((count) => count.unreadable)
  }

  private sum(keys: Iterable<string>): BlockCount {
    const sum = new BlockCount()
    for (const key of new Set(keys)) {
      const count = this.accounts.get(key)
      if (count !== undefined) sum.add(count)
    }
    return sum
  }
}
