// A suite of system-call checks, to be run on any file system: POSIX.1-2017, Linux's manual pages, and what overlayfs
// documents of itself. Each check prepares something and says what it expects of each call; what cannot be had in a view
// (permissions in the process, say) is asked for by name, and everything else is the same for all views.
//
// Each check runs twice: on files that a lower layer has, and on files that are made in the view. The kernel's overlay
// is among the views: an expectation that it does not meet is wrong.

import type { Subject } from '../support/union-operations.ts'

/** What not every view has. */
export type Need =
  /** Permissions, and other users to have them. */
  | 'users'
  /** Files can be given away. */
  | 'owners'
  /** Descriptors of the process, for locks. */
  | 'descriptors'
  /** O_TMPFILE. */
  | 'temporary files'
  /** The file system below can punch them. */
  | 'holes'
  /** It has those that chattr(1) sets. */
  | 'file flags'
  /** Pipes that can be opened. */
  | 'pipes'
  /** Symbolic links are their maker's: nobody else may link to them (fs.protected_hardlinks). */
  | 'links of one’s own'

export interface Place {
  readonly subject: Subject
  readonly fs: Subject['fs']
  /** A directory of this check's own. */
  readonly at: string
  /** What was prepared is in a lower layer. */
  readonly lower: boolean
  /** Directories of lower layers can be renamed: no overlay. */
  readonly movesDirectories: boolean
}

export interface Trial extends Place {
  /** A path below `at`. */
  readonly path: (...names: string[]) => string
  readonly equal: (what: string, actual: unknown, expected: unknown) => void
  /** @returns the code of what it fails with, or 'ok' */
  readonly code: (action: () => unknown) => string
  /** In a user's name: root's rights are gone meanwhile. */
  readonly as: <T>(user: number, group: number, action: () => T) => T
}

export interface Check {
  readonly name: string
  readonly needs?: readonly Need[]
  /** By plain calls, in the directory `at`, wherever that is. */
  readonly prepare?: (fs: Subject['fs'], at: string) => void
  readonly run: (trial: Trial) => void
}

export interface Outcome {
  readonly expectations: number
  readonly failures: readonly string[]
}

export function runCheck(check: Check, place: Place): Outcome {
  const failures: string[] = []
  let expectations = 0
  const variant = place.lower ? 'prepared below' : 'prepared here'
  const trial: Trial = {
    ...place,
    path: (...names) => [place.at, ...names].join('/'),
    equal(what, actual, expected) {
      expectations++
      if (Object.is(actual, expected)) return
      failures.push(
        `${check.name} (${variant}): ${what}: expected ${String(expected)}, not ${String(actual)}`,
      )
    },
    code: codeOf,
    as: asUser,
  }
  try {
    check.run(trial)
  } catch (error) {
    failures.push(`${check.name} (${variant}): ${String(error)}`)
  }
  return { expectations, failures }
}

export function codeOf(action: () => unknown): string {
  try {
    const result = action()
    return typeof result === 'number' && result < 0 ? `errno ${-result}` : 'ok'
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    return code
  }
}

function asUser<T>(user: number, group: number, action: () => T): T {
  const groups = process.getgroups!()
  process.setgroups!([])
  process.setegid!(group)
  process.seteuid!(user)
  try {
    return action()
  } finally {
    process.seteuid!(0)
    process.setegid!(0)
    process.setgroups!(groups)
  }
}
