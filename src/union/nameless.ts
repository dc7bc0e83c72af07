// A file that lost its last name while somebody holds it: /proc/PID/fd still leads to it, and whoever has it open may ask
// and change what it is. The upper layer's lives on in what is open of it; a lower layer's is where it always was, and
// never changes.

import type { UnionNode } from './entry.ts'
import { E } from './errno.ts'
import { OpenFile, type OpenMode } from './open-file.ts'
import type { UnionTree } from './tree.ts'
import type { FileBody, WritableBody } from './upper-layer.ts'

/** open(2) of /proc/PID/fd/N. @returns as `openFile`; -ESTALE where nobody has it open any more */
export function openNameless(tree: UnionTree, node: UnionNode, mode: OpenMode): OpenFile | number {
  const { write, truncate = false } = mode
  const body = write || truncate ? reopenToWrite(tree, node) : reopenToRead(tree, node)
  if (typeof body === 'number') return body
  const truncated = truncate ? (body as WritableBody).truncate(0) : 0
  if (truncated === 0) return new OpenFile(tree, node, body, write)
  body.close()
  return truncated
}

export function reopenToWrite(tree: UnionTree, node: UnionNode): WritableBody | number {
  return changeNameless(tree, node, (open) => open.reopen?.(true))
}

/** Also of a directory that only a lower layer has. */
export function reopenToRead(tree: UnionTree, node: UnionNode): FileBody | number {
  const { lower } = node
  if (!node.upper && lower !== undefined) return tree.lowers[lower.layer]!.openBody(lower.path)
  return ofOpen(node, (open) => open.reopen?.(false))
}

/** @returns what the first open file of it answers */
function ofOpen<T>(node: UnionNode, ask: (open: FileBody) => T | undefined): T | number {
  for (const { body } of node.files()) {
    const answer = ask(body)
    if (answer !== undefined) return answer
  }
  return -E.STALE
}

/**
 * What only a lower layer has is never changed; and the copy would have to take a name where the whiteout is now: a link
 * finds it taken, a directory no directory to replace (copy_up.c, ovl_copy_up_tmpfile and _workdir).
 */
export function changeNameless<T>(
  tree: UnionTree,
  node: UnionNode,
  change: (open: FileBody) => T | undefined,
): T | number {
  if (tree.upper === undefined) return -E.ROFS
  if (!node.upper) return node.type === 'directory' ? -E.NOTDIR : -E.EXIST
  return ofOpen(node, change)
}

const NONE: ReadonlyMap<string, Uint8Array> = new Map()

/** None where nobody has it open: of a directory, say. */
export function namelessXattrs(node: UnionNode): ReadonlyMap<string, Uint8Array> | number {
  const found = ofOpen(node, (open) => open.xattrs?.())
  return found === -E.STALE ? NONE : found
}
