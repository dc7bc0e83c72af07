// What one attack is: how its bytes are made, how its benign twin's are, and what must come of each.
// Knows no shale: the corpus can be run against any tool that loads images.

import type { ArchiveFiles } from '../image.ts'

export const HOSTILE_CLASSES = [
  'path-escape',
  'hardlink-escape',
  'race',
  'parser-differential',
  'bomb',
  'manifest',
  'whiteout',
  'host-read',
] as const
export type HostileClass = (typeof HOSTILE_CLASSES)[number]

/** Where the things lie that no archive may touch or read. */
export interface Canaries {
  /** Absolute; holds `secret`, `passwd`, `dir/keep`. */
  readonly dir: string
  /** The same from any depth below the store: enough `../` to meet `/`, then the path. */
  readonly up: string
}

export type Payload =
  /** Layer tars (plain or compressed), base first: wrapped in every format there is. */
  | { readonly layers: readonly Buffer[]; readonly config?: Readonly<Record<string, unknown>> }
  /** A whole archive, as named members: loaded as a tar and, unless `asTarOnly`, as a directory. */
  | { readonly members: ArchiveFiles; readonly asTarOnly?: true }
  /** A file as it stands. */
  | { readonly bytes: Buffer }

/** `harmless`: it may load, and then reads, lists and mounts without leaving its root. */
export type Expected = 'harmless' | readonly string[]

export interface HostileCase {
  /** `class/what`, and a file's name. */
  readonly id: string
  readonly class: HostileClass
  /** CVE, GHSA, RUSTSEC or the public thread that it is known by. */
  readonly advisory?: string
  /** One line: what an unpacker without care would do. */
  readonly attack: string
  readonly build: (canaries: Canaries) => Payload
  /** Looks alike, and must load. */
  readonly twin: (canaries: Canaries) => Payload
  /** What the twin is rightly warned of, where it is benign and odd; default: it loads without a warning. */
  readonly twinWarns?: string
  /** Error codes, any of which is right. */
  readonly expect: Expected
  /** What the message has to name; default nothing. */
  readonly names?: string
  /** Files that the loaded image has to have, with their content: harmless must not mean empty. */
  readonly holds?: Readonly<Record<string, string>>
  /** Files that it must not have. */
  readonly lacks?: readonly string[]
  /** `--limit`s of the run, where the real bound would make the test slow. */
  readonly limits?: readonly string[]
  /** Time and memory are measured, in a process of its own. */
  readonly isHeavy?: true
  /** Not meant for `import`, which knows no lower layers. */
  readonly isForImport?: false
}

export type CaseInit = Omit<HostileCase, 'id' | 'class'>

/** @param cases by what is attacked, in kebab-case */
export function casesOf(
  kind: HostileClass,
  cases: Readonly<Record<string, CaseInit>>,
): readonly HostileCase[] {
  return Object.entries(cases).map(([name, init]) => ({
    id: `${kind}/${name}`,
    class: kind,
    ...init,
  }))
}
