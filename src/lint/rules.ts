// The rules of lint as a table: what each one is called, how grave it is, and who reads such an image differently.
// docs/lint-rules.md says the same in prose; a test holds the two together. Decides nothing about any image.

/**
 * error: some common tool refuses the image, or it tries to do what no image should.
 * warning: tools make different trees of it. note: nothing is wrong, somebody may want to know.
 */
export type LintLevel = 'error' | 'warning' | 'note'

/** The gravest first. */
export const LINT_LEVELS: readonly LintLevel[] = ['error', 'warning', 'note']

export type LintRuleID =
  | 'whiteout-and-recreate'
  | 'duplicate-entry'
  | 'hardlink-to-lower'
  | 'hardlink-to-nothing'
  | 'escaping-name'
  | 'bad-whiteout'
  | 'below-a-file'
  | 'empty-link'
  | 'name-too-long'
  | 'impossible-number'
  | 'forged-overlay'
  | 'root-opaque'
  | 'whiteout-in-opaque'
  | 'odd-whiteout'
  | 'ambiguous-header'
  | 'through-lower-symlink'
  | 'aufs-leftover'
  | 'unclean-name'
  | 'future-time'
  | 'absurd-size'
  | 'non-utf8-name'
  | 'case-collision'
  | 'sparse-file'
  | 'setuid-file'
  | 'capability-file'
  | 'non-reproducible'
  | 'wasted-bytes'

export interface LintRule {
  readonly id: LintRuleID
  readonly level: LintLevel
  /** What is found, in a few words. */
  readonly title: string
  /** Who does what with it. */
  readonly differs: string
}

/** All rules, the gravest first: docs/lint-rules.md is this table. */
export const LINT_RULES: readonly LintRule[] = [
  {
    id: 'whiteout-and-recreate',
    level: 'error',
    title: 'a path is removed and made in one layer',
    differs:
      'the spec and umoci show the new one alone; docker, containerd and podman refuse the layer, or old files come back, by the order of entries',
  },
  {
    id: 'duplicate-entry',
    level: 'error',
    title: 'a layer has several entries for one path',
    differs:
      'docker and podman refuse the layer; containerd, umoci and shale take the last; the spec forbids it',
  },
  {
    id: 'hardlink-to-lower',
    level: 'error',
    title: 'a hardlink to a file that only a lower layer has',
    differs: 'docker, containerd, podman and shale refuse the layer; umoci accepts it',
  },
  {
    id: 'hardlink-to-nothing',
    level: 'error',
    title: 'a hardlink to a file that is nowhere, or comes later in the layer',
    differs: 'every tool refuses the layer',
  },
  {
    id: 'escaping-name',
    level: 'error',
    title: 'a name or hardlink target that leads out of the image by ..',
    differs: 'tools refuse the layer; one that does not writes outside of the image',
  },
  {
    id: 'bad-whiteout',
    level: 'error',
    title: 'a whiteout that names nothing, or holds other entries',
    differs: 'umoci takes a bare .wh. for an opaque marker; the others refuse the layer',
  },
  {
    id: 'below-a-file',
    level: 'error',
    title: 'an entry below something of its own layer that is no directory',
    differs: 'every tool refuses the layer, or drops one of the two',
  },
  {
    id: 'empty-link',
    level: 'error',
    title: 'a symbolic link to nothing',
    differs: 'Linux has no such links, so every unpacker fails',
  },
  {
    id: 'name-too-long',
    level: 'error',
    title: 'a name of more than 255 bytes',
    differs: 'file systems refuse it, so every unpacker fails',
  },
  {
    id: 'impossible-number',
    level: 'error',
    title: 'a user, group or device number that no file can have',
    differs:
      'shale refuses the layer; others cut the number to the bits that fit, which can make it root, or a whiteout',
  },
  {
    id: 'forged-overlay',
    level: 'error',
    title: 'a device 0:0, or an attribute by which overlayfs keeps its own records',
    differs:
      'docker, containerd and podman apply it, so the layer hides or redirects files; shale leaves it out',
  },
  {
    id: 'root-opaque',
    level: 'warning',
    title: 'an opaque marker at the root',
    differs:
      'the spec, umoci and shale hide all lower layers; with docker, containerd and podman they stay',
  },
  {
    id: 'whiteout-in-opaque',
    level: 'warning',
    title: 'a whiteout inside a directory that is opaque in the same layer',
    differs: 'containerd and podman list a name that is not there; docker, umoci and shale do not',
  },
  {
    id: 'odd-whiteout',
    level: 'warning',
    title: 'a whiteout or opaque marker that is not an empty file',
    differs: 'the spec knows empty files only; tools differ in what else they take for one',
  },
  {
    id: 'ambiguous-header',
    level: 'warning',
    title: 'a tar header that readers take for different things',
    differs:
      'GNU tar, bsdtar, Python and Go (docker, shale) list other names, types or sizes, or stop there',
  },
  {
    id: 'through-lower-symlink',
    level: 'warning',
    title: 'an entry below a path that is a symbolic link in a lower layer',
    differs:
      'docker, containerd, podman and shale replace the link by a directory; umoci follows it',
  },
  {
    id: 'aufs-leftover',
    level: 'warning',
    title: 'an entry named .wh..wh.*, which AUFS kept for itself',
    differs: 'docker, containerd, podman and umoci show it; shale keeps it out of the merge',
  },
  {
    id: 'unclean-name',
    level: 'warning',
    title: 'a name that is absolute, not clean, or would confuse who reads it',
    differs: 'unpackers that do not clean names refuse it, or put it elsewhere',
  },
  {
    id: 'future-time',
    level: 'warning',
    title: 'a time in the future',
    differs: 'build tools and caches inside the image go by it',
  },
  {
    id: 'absurd-size',
    level: 'warning',
    title: 'a size that few places can take',
    differs: 'ustar readers stop at 8 GiB, and file systems keep few extended attributes',
  },
  {
    id: 'non-utf8-name',
    level: 'note',
    title: 'a name or link target that is not UTF-8',
    differs: 'tools that keep names as text change it',
  },
  {
    id: 'case-collision',
    level: 'note',
    title: 'names in one directory that differ by case alone',
    differs: 'on macOS and Windows one of them is lost',
  },
  {
    id: 'sparse-file',
    level: 'note',
    title: 'a sparse file',
    differs: 'the spec advises against them: readers of tars differ',
  },
  {
    id: 'setuid-file',
    level: 'note',
    title: 'a file with the setuid or setgid bit',
    differs: 'runs with the rights of its owner or group',
  },
  {
    id: 'capability-file',
    level: 'note',
    title: 'a file with capabilities',
    differs: 'tools without extended attributes (or without root) drop them',
  },
  {
    id: 'non-reproducible',
    level: 'note',
    title: 'a layer that would not come out the same if it were built again',
    differs: 'its digest changes with every build',
  },
  {
    id: 'wasted-bytes',
    level: 'note',
    title: 'a file that a later layer removes or replaces',
    differs: 'its bytes are stored and pulled, and never seen',
  },
]

const BY_ID: ReadonlyMap<string, LintRule> = new Map(LINT_RULES.map((rule) => [rule.id, rule]))

export function lintRule(id: LintRuleID): LintRule {
  return BY_ID.get(id)!
}

export function isLintRule(id: string): id is LintRuleID {
  return BY_ID.has(id)
}
