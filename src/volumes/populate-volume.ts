// The first use of an empty volume: what the image has at the volume's place is copied into it, as docker does, with
// owners, modes and hardlinks. A volume that holds anything is left alone.
// Knows a merge and a volume; which container uses which volume is the caller's.

import fs from 'node:fs'
import path from 'node:path'
import { NotFoundError } from '../errors.ts'
import { pathFromText, pathText } from '../path/byte-path.ts'
import type { Store } from '../store/store.ts'
import type { Transaction } from '../store/transaction.ts'
import type { MergedNode } from '../union/merge.ts'
import { resolvePath } from '../union/resolve.ts'
import { materialise } from '../view/materialise.ts'
import type { LayerStack } from '../view/stack.ts'
import { volumePath } from './volume-db.ts'

export interface Population {
  /** Name of a volume that exists, or that the same transaction makes. */
  readonly volume: string
  /** The image, or the container without its volumes. */
  readonly stack: LayerStack
  /** Absolute, in the image; symlinks are followed inside it. */
  readonly path: string
}

/**
 * Copies aside and plans the rename over `_data`; plan it after the volume itself.
 * @returns false where there is nothing to copy: no directory at that path, or a volume in use already
 * @throws HostError; signal.reason
 */
export async function populateVolume(
  store: Store,
  transaction: Transaction,
  population: Population,
  options: { readonly signal?: AbortSignal } = {},
): Promise<boolean> {
  const { volume, stack } = population
  const data = path.join(volumePath(store, volume), '_data')
  if (!isEmptyOrNew(data)) return false
  const source = directoryAt(stack, population.path)
  if (source === undefined) return false
  const scratch = transaction.stageDirectory(0o700)
  await materialise(stack, scratch, {
    from: source.path,
    owners: store.form === 'trusted' && process.geteuid?.() === 0,
    onWarning: store.onWarning,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })
  if (source.path === '') fs.chmodSync(scratch, source.mode & 0o777)
  transaction.plan({
    op: 'rename',
    from: source.path === '' ? scratch : path.join(scratch, pathText(source.path)),
    to: data,
  })
  return true
}

function isEmptyOrNew(data: string): boolean {
  try {
    return fs.readdirSync(data).length === 0
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    throw error
  }
}

function directoryAt({ view }: LayerStack, text: string): MergedNode | undefined {
  try {
    const node = resolvePath(view, pathFromText(text))
    return node.type === 'directory' ? node : undefined
  } catch (error) {
    if (error instanceof NotFoundError) return undefined
    throw error
  }
}
