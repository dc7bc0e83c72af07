// The tars that go from one side of a copy to the other. Of a file or directory tree, as docker's archive API gives it:
// every name below the one that was asked for, whole seconds, hardlinks by their first name; read from layers, or from
// a directory of the host as if it were one. And whatever a user pipes in, compressed or not.

import fs from 'node:fs'
import { decompressed, sniffCompression } from '../archive/decompress.ts'
import { DEFAULT_APPLY_LIMITS } from '../archive/limits.ts'
import { TreeTar } from '../archive/tree-tar.ts'
import { LimitError, type OnWarning } from '../errors.ts'
import type { BytePath } from '../path/byte-path.ts'
import { spool } from '../transfer/spool.ts'
import type { MergedNode } from '../union/merge.ts'
import type { LayerStack } from '../view/stack.ts'

export interface SubtreeOptions {
  readonly signal?: AbortSignal
  readonly onWarning?: OnWarning
}

/** Members between two turns of the event loop. */
const MEMBERS_PER_TURN = 256

/**
 * @param name of `node` in the tar: `etc`, `.`, or '' for the root, whose content then stands at `/`
 * @throws HostError; IntegrityError ERR_SIZE_MISMATCH when a file changes while it is read; signal.reason
 */
export async function* subtreeTar(
  stack: LayerStack,
  node: MergedNode,
  name: BytePath,
  options: SubtreeOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const tar = new TreeTar()
  const member = (each: MergedNode, path: BytePath): Iterable<Uint8Array> => {
    const layer = stack.layers[each.layer]!
    return tar.member({
      path,
      node: each,
      layer: each.layer,
      xattrs: layer.xattrs(each.path),
      open: () => layer.openFile(each.path),
    })
  }
  yield* member(node, name)
  if (node.type === 'directory') {
    const prefix = node.path === '' ? 0 : node.path.length + 1
    let count = 0
    for (const entry of stack.view.walk(node.path)) {
      if (++count % MEMBERS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve))
      options.signal?.throwIfAborted()
      const each = stack.view.node(entry)
      if (each) yield* member(each, `${name}/${entry.path.slice(prefix)}` as BytePath)
    }
  }
  yield* tar.end()
  for (const warning of tar.warnings()) options.onWarning?.(warning)
}

const MAGIC_BYTES = 6

/**
 * @param scratch a directory; a compressed tar lies there while it is read
 * @throws ArchiveError ERR_COMPRESSION; LimitError ERR_EXPANSION_MAX
 */
export async function* plainTar(
  source: AsyncIterable<Uint8Array>,
  scratch: string,
  options: SubtreeOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = source[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  while (head.length < MAGIC_BYTES) {
    const next = await chunks.next()
    if (next.done === true) break
    head = Buffer.concat([head, next.value])
  }
  const whole = (async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    yield head
    yield* { [Symbol.asyncIterator]: () => chunks }
  })()
  const compression = sniffCompression(head)
  if (compression === 'none') {
    yield* whole
    return
  }
  const file = await spool(whole, scratch, options)
  try {
    const range = { file, offset: 0, sizeBytes: fs.statSync(file).size }
    yield* bounded(decompressed(range, compression, undefined, 'the archive'), range.sizeBytes)
  } finally {
    fs.rmSync(file, { force: true })
  }
}

/** As a load has it: a bomb of a few kilobytes must not fill the disk. */
async function* bounded(
  plain: AsyncIterable<Uint8Array>,
  compressedBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { expansionFromBytes, expansionMax } = DEFAULT_APPLY_LIMITS
  const limit = Math.max(expansionFromBytes, compressedBytes * expansionMax)
  let actual = 0
  for await (const chunk of plain) {
    actual += chunk.length
    if (actual > limit) {
      throw new LimitError(
        'ERR_EXPANSION_MAX',
        `cannot copy the archive: its ${compressedBytes} bytes unpack to more than ${limit}; unpack it first, if you trust it`,
        { details: { name: 'expansion', actual, limit } },
      )
    }
    yield chunk
  }
}
