// A merged tree as shapes state it, read from a directory or from a flat tar, and the difference of two in words.
// Reads only what shapes are made of: names, types, small contents, link targets.

import fs from 'node:fs'
import path from 'node:path'
import { cleanPath, pathText } from '../path/byte-path.ts'
import { readTar } from '../tar/reader.ts'
import type { Tree, TreeNode } from './shapes.ts'

/** Far more than a shape holds: what is longer is wrong whatever it is. */
const CONTENT_BYTES_MAX = 4096
const ENTRIES_MAX = 1000

/** Names at the top that engines make in every container, and `lost+found` of file systems. */
const ENGINES_OWN: ReadonlySet<string> = new Set([
  '.dockerenv',
  'dev',
  'etc',
  'proc',
  'run',
  'sys',
  'lost+found',
])

/** Follows no link. A name that is listed and cannot be looked up is a `ghost`. */
export function readTreeOf(directory: string): Tree {
  const tree: Record<string, TreeNode> = {}
  const pending = ['']
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    for (const name of fs.readdirSync(path.join(directory, at)).sort()) {
      const here = at === '' ? name : `${at}/${name}`
      if (ENGINES_OWN.has(here)) continue
      const node = nodeAt(path.join(directory, here))
      tree[here] = node
      if (node.type === 'directory') pending.push(here)
      if (Object.keys(tree).length > ENTRIES_MAX) return tree
    }
  }
  return tree
}

function nodeAt(place: string): TreeNode {
  const status = fs.lstatSync(place, { throwIfNoEntry: false })
  if (status === undefined) return { type: 'ghost' }
  if (status.isDirectory()) return { type: 'directory' }
  if (status.isSymbolicLink()) return { type: 'symlink', target: fs.readlinkSync(place) }
  if (!status.isFile() || status.size > CONTENT_BYTES_MAX) return { type: 'other' }
  return { type: 'file', content: fs.readFileSync(place, 'utf8') }
}

/** Of what `docker export` writes. */
export async function readTreeOfTar(tar: Uint8Array): Promise<Tree> {
  const tree: Record<string, TreeNode> = {}
  for await (const { header, body } of readTar([tar])) {
    const name = pathText(cleanPath(header.path).path)
    if (name === '' || ENGINES_OWN.has(name.split('/')[0]!)) continue
    if (header.type === 'directory') tree[name] = { type: 'directory' }
    else if (header.type === 'symlink') {
      tree[name] = { type: 'symlink', target: pathText(header.linkPath) }
    } else if (header.type === 'hardlink') {
      tree[name] = tree[pathText(cleanPath(header.linkPath).path)] ?? { type: 'other' }
    } else if (header.type === 'file') {
      const pieces: Uint8Array[] = []
      for await (const piece of body) pieces.push(Buffer.from(piece))
      tree[name] = { type: 'file', content: Buffer.concat(pieces).toString('utf8') }
    } else tree[name] = { type: 'other' }
  }
  return tree
}

/** What is otherwise in `actual`, in the words of somebody who looks at it; empty where the two agree. */
export function differences(actual: Tree, expected: Tree): string[] {
  const names = new Set([...Object.keys(actual), ...Object.keys(expected)])
  return [...names].sort().flatMap((name) => {
    const node = Object.hasOwn(actual, name) ? actual[name] : undefined
    const wanted = Object.hasOwn(expected, name) ? expected[name] : undefined
    if (node === undefined) return `\`${name}\` is missing`
    if (node.type === 'ghost') return `\`${name}\` is listed and is not there`
    if (wanted === undefined) return `\`${name}\` is there`
    return same(node, wanted) ? [] : `\`${name}\` is ${described(node)}`
  })
}

function same(a: TreeNode, b: TreeNode): boolean {
  if (a.type === 'file') return b.type === 'file' && a.content === b.content
  if (a.type === 'symlink') return b.type === 'symlink' && a.target === b.target
  return a.type === b.type
}

function described(node: TreeNode): string {
  if (node.type === 'file') return `a file with ${JSON.stringify(node.content)}`
  if (node.type === 'symlink') return `a link to ${JSON.stringify(node.target)}`
  return node.type === 'directory' ? 'a directory' : 'something else'
}
