// The layer shapes by which one tells unpackers apart, as data: what the layers of an image hold, entry by entry, and
// the tree that they make. Sixteen are decided by the text of the OCI image-spec; the rest it leaves open, and engines
// differ. Knows no tool, and shares no code with what it judges: the expected trees are written by hand.
//
// Names of shapes stay clear of those that engines put into a container by themselves (dev, etc, proc, sys).

const SPEC = 'https://github.com/opencontainers/image-spec/blob/main/layer.md'
const WHITEOUTS = `${SPEC}#whiteouts`
const OPAQUE = `${SPEC}#opaque-whiteout`
const OVER_EXISTING = `${SPEC}#changeset-over-existing-files`
const HARDLINKS = `${SPEC}#hardlinks`
const DISTRIBUTABLE = `${SPEC}#distributable-format`

/** A member of a layer's tar, in its order. Directories end in a slash. */
export interface ShapeEntry {
  readonly path: string
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'char'
  /** Of files; empty where absent. */
  readonly content?: string
  /** Of links, as the tar has it. */
  readonly target?: string
  /** Of devices. */
  readonly major?: number
  readonly minor?: number
  readonly xattrs?: Readonly<Record<string, string>>
}

export type TreeNode =
  | { readonly type: 'directory' }
  | { readonly type: 'file'; readonly content: string }
  | { readonly type: 'symlink'; readonly target: string }
  /** Devices and whatever else no shape should give; a `ghost` is listed by its directory and cannot be looked up. */
  | { readonly type: 'other' | 'ghost' }

/** By path without a leading slash; the root is left out. */
export type Tree = Readonly<Record<string, TreeNode>>

export interface Shape {
  readonly number: number
  /** Also the name of its files. */
  readonly id: string
  readonly title: string
  /** Base first. */
  readonly layers: readonly (readonly ShapeEntry[])[]
  /** In a few words. */
  readonly merge: string
  /** Whether the spec decides it. Else `expected` is what shale does, and another tree is no mistake. */
  readonly decided: boolean
  readonly expected: Tree | 'error'
  /** Where the image-spec speaks of it. */
  readonly rule: string
}

const dir = (path: string, xattrs?: Readonly<Record<string, string>>): ShapeEntry => ({
  path: `${path}/`,
  type: 'directory',
  ...(xattrs === undefined ? {} : { xattrs }),
})
const file = (path: string, content = ''): ShapeEntry => ({
  path,
  type: 'file',
  ...(content === '' ? {} : { content }),
})
const symlink = (path: string, target: string): ShapeEntry => ({ path, type: 'symlink', target })
const hardlink = (path: string, target: string): ShapeEntry => ({ path, type: 'hardlink', target })

const isDirectory: TreeNode = { type: 'directory' }
const isFile = (content: string): TreeNode => ({ type: 'file', content })
const isSymlink = (target: string): TreeNode => ({ type: 'symlink', target })

const OLD = 'old\n'
const NEW = 'new\n'
const LOWER_D = [dir('d'), file('d/old', OLD)]
const NEW_D_ALONE: Tree = { d: isDirectory, 'd/new': isFile(NEW) }

type ShapeInit = Omit<Shape, 'number' | 'decided'>

const DECIDED: readonly ShapeInit[] = [
  {
    id: 'opaque-first',
    title: 'opaque marker first in its directory',
    layers: [LOWER_D, [dir('d'), file('d/.wh..wh..opq'), file('d/new', NEW)]],
    merge: "only upper's entries",
    expected: NEW_D_ALONE,
    rule: OPAQUE,
  },
  {
    id: 'opaque-last',
    title: 'opaque marker last in its directory',
    layers: [LOWER_D, [dir('d'), file('d/new', NEW), file('d/.wh..wh..opq')]],
    merge: "only upper's entries",
    expected: NEW_D_ALONE,
    rule: OPAQUE,
  },
  {
    id: 'whiteout-then-directory',
    title: '`.wh.d` then `d/`, `d/new`',
    layers: [LOWER_D, [file('.wh.d'), dir('d'), file('d/new', NEW)]],
    merge: '`d/new` alone',
    expected: NEW_D_ALONE,
    rule: WHITEOUTS,
  },
  {
    id: 'directory-then-whiteout',
    title: '`d/`, `d/new` then `.wh.d`',
    layers: [LOWER_D, [dir('d'), file('d/new', NEW), file('.wh.d')]],
    merge: '`d/new` alone',
    expected: NEW_D_ALONE,
    rule: WHITEOUTS,
  },
  {
    id: 'file-and-whiteout',
    title: 'file `f` and `.wh.f` in one layer',
    layers: [[file('f', OLD)], [file('f', NEW), file('.wh.f')]],
    merge: 'new `f`',
    expected: { f: isFile(NEW) },
    rule: WHITEOUTS,
  },
  {
    id: 'hardlink-overwritten',
    title: 'hardlinks below, one overwritten above',
    layers: [[file('a', OLD), hardlink('b', 'a'), hardlink('c', 'a')], [file('b', NEW)]],
    merge: 'others keep old bytes',
    expected: { a: isFile(OLD), b: isFile(NEW), c: isFile(OLD) },
    rule: OVER_EXISTING,
  },
  {
    id: 'opaque-over-symlink',
    title: 'opaque directory over a lower symlink',
    layers: [
      [dir('t'), file('t/kept', OLD), symlink('d', 't')],
      [dir('d'), file('d/.wh..wh..opq'), file('d/new', NEW)],
    ],
    merge: 'a directory, link target untouched',
    expected: { ...NEW_D_ALONE, t: isDirectory, 't/kept': isFile(OLD) },
    rule: OVER_EXISTING,
  },
  {
    id: 'file-to-directory',
    title: 'file becomes directory',
    layers: [[file('x', OLD)], [dir('x'), file('x/new', NEW)]],
    merge: 'directory',
    expected: { x: isDirectory, 'x/new': isFile(NEW) },
    rule: OVER_EXISTING,
  },
  {
    id: 'file-to-implicit-directory',
    title: 'same, parent entry implicit',
    layers: [[file('x', OLD)], [file('x/new', NEW)]],
    merge: 'directory',
    expected: { x: isDirectory, 'x/new': isFile(NEW) },
    rule: OVER_EXISTING,
  },
  {
    id: 'directory-to-file',
    title: 'directory becomes file',
    layers: [[dir('x'), file('x/old', OLD)], [file('x', NEW)]],
    merge: 'file',
    expected: { x: isFile(NEW) },
    rule: OVER_EXISTING,
  },
  {
    id: 'directory-to-symlink',
    title: 'directory becomes symlink',
    layers: [[dir('x'), file('x/old', OLD)], [symlink('x', 'nowhere')]],
    merge: 'symlink',
    expected: { x: isSymlink('nowhere') },
    rule: OVER_EXISTING,
  },
  {
    id: 'whiteout-of-nothing',
    title: 'whiteout of a missing path',
    layers: [[file('a', OLD)], [file('.wh.missing')]],
    merge: 'no effect',
    expected: { a: isFile(OLD) },
    rule: WHITEOUTS,
  },
  {
    id: 'bare-whiteout',
    title: 'bare `.wh.`',
    layers: [LOWER_D, [dir('d'), file('d/.wh.')]],
    merge: 'error',
    expected: 'error',
    rule: WHITEOUTS,
  },
  {
    id: 'opaque-root',
    title: 'opaque marker at `/`',
    layers: [
      [file('old', OLD), ...LOWER_D],
      [file('.wh..wh..opq'), file('new', NEW)],
    ],
    merge: 'only upper',
    expected: { new: isFile(NEW) },
    rule: OPAQUE,
  },
  {
    id: 'whiteout-in-opaque',
    title: 'whiteout inside an opaque directory',
    layers: [LOWER_D, [dir('d'), file('d/.wh..wh..opq'), file('d/.wh.old'), file('d/new', NEW)]],
    merge: 'only upper, nothing in readdir',
    expected: NEW_D_ALONE,
    rule: OPAQUE,
  },
  {
    id: 'whiteout-then-implicit-directory',
    title: '`.wh.d` then `d/new`, no `d/` entry',
    layers: [LOWER_D, [file('.wh.d'), file('d/new', NEW)]],
    merge: '`d/new` alone',
    expected: NEW_D_ALONE,
    rule: WHITEOUTS,
  },
]

const OPEN: readonly ShapeInit[] = [
  {
    id: 'hardlink-to-lower',
    title: 'hardlink whose target exists only in a lower layer',
    layers: [[file('a', OLD)], [hardlink('b', 'a')]],
    merge: 'refused',
    expected: 'error',
    rule: HARDLINKS,
  },
  {
    id: 'through-lower-symlink',
    title: 'entry through a lower symlink',
    layers: [
      [dir('usr'), dir('usr/lib'), file('usr/lib/a', OLD), symlink('lib', 'usr/lib')],
      [file('lib/b', NEW)],
    ],
    merge: 'the symlink is replaced by a directory',
    expected: {
      usr: isDirectory,
      'usr/lib': isDirectory,
      'usr/lib/a': isFile(OLD),
      lib: isDirectory,
      'lib/b': isFile(NEW),
    },
    rule: OVER_EXISTING,
  },
  {
    id: 'duplicate-entry',
    title: 'duplicate entries for one path',
    layers: [[file('f', OLD)], [file('f', 'first\n'), file('f', NEW)]],
    merge: 'the last wins',
    expected: { f: isFile(NEW) },
    rule: DISTRIBUTABLE,
  },
  {
    id: 'aufs-leftover',
    title: '`.wh..wh.plnk/` and other AUFS leftovers',
    layers: [
      [file('a', OLD)],
      [dir('.wh..wh.plnk'), file('.wh..wh.plnk/1.2', OLD), file('b', NEW)],
    ],
    merge: 'not in the merge',
    expected: { a: isFile(OLD), b: isFile(NEW) },
    rule: WHITEOUTS,
  },
  {
    id: 'forged-whiteout',
    title: 'char device 0:0 shipped in a tar',
    layers: [LOWER_D, [dir('d'), { path: 'd/old', type: 'char', major: 0, minor: 0 }]],
    merge: 'not made, the lower file stays',
    expected: { d: isDirectory, 'd/old': isFile(OLD) },
    rule: WHITEOUTS,
  },
  {
    id: 'forged-opaque',
    title: '`trusted.overlay.opaque` shipped in a tar',
    layers: [LOWER_D, [dir('d', { 'trusted.overlay.opaque': 'y' }), file('d/new', NEW)]],
    merge: 'not set, the lower file stays',
    expected: { d: isDirectory, 'd/new': isFile(NEW), 'd/old': isFile(OLD) },
    rule: OPAQUE,
  },
]

/** The sixteen of the spec, then those that it leaves open. */
export const SHAPES: readonly Shape[] = [
  ...DECIDED.map((init, i) => ({ ...init, number: i + 1, decided: true })),
  ...OPEN.map((init, i) => ({ ...init, number: DECIDED.length + i + 1, decided: false })),
]
