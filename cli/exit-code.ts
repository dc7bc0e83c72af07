// The one table of exit codes: what a script may rely on. docs/exit-codes.md shows the same table, and a test holds both
// against the error classes. Knows errors by their class name, so that asking for help loads no library.

export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  partial: 3,
  notFound: 10,
  locked: 11,
  integrity: 12,
  /** A bug in shale: the stack is printed. EX_SOFTWARE of sysexits.h. */
  internal: 70,
  /** As a shell reports a program that SIGHUP, SIGINT, SIGPIPE or SIGTERM ended. */
  hungUp: 129,
  interrupted: 130,
  pipeClosed: 141,
  terminated: 143,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Every class of src/errors.ts. */
export const EXIT_BY_CLASS: Readonly<Record<string, ExitCode>> = {
  LayerStoreError: EXIT.failure,
  InvalidArgumentError: EXIT.usage,
  NotFoundError: EXIT.notFound,
  ConflictError: EXIT.failure,
  IntegrityError: EXIT.integrity,
  ArchiveError: EXIT.integrity,
  UnsafePathError: EXIT.integrity,
  LimitError: EXIT.integrity,
  UnsupportedError: EXIT.failure,
  LockedError: EXIT.locked,
  HostError: EXIT.failure,
}

/** An error that shale throws on purpose, as the command line sees it. */
export interface KnownError extends Error {
  readonly code: string
  readonly details: Readonly<Record<string, unknown>>
}

export function isKnownError(error: unknown): error is KnownError {
  if (!(error instanceof Error) || !Object.hasOwn(EXIT_BY_CLASS, error.name)) return false
  const { code, details } = error as Partial<KnownError>
  return typeof code === 'string' && typeof details === 'object'
}

/** A system call of node:fs that nobody wrapped: the host's refusal, not a bug. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  if (!(error instanceof Error)) return false
  const { code, syscall } = error as NodeJS.ErrnoException
  return typeof code === 'string' && typeof syscall === 'string'
}

/** The code with which an error ends the program; interruptions are main.ts's. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof PartialFailure) return error.exitCode
  if (error instanceof CheckFailed) return EXIT.failure
  if (error instanceof ProgramEnded) return error.exitCode as ExitCode
  if (isKnownError(error)) return EXIT_BY_CLASS[error.name] ?? EXIT.failure
  return isSystemError(error) ? EXIT.failure : EXIT.internal
}

/** A program that shale ran has ended, and its exit code is shale's; all is said. */
export class ProgramEnded extends Error {
  readonly exitCode: number

  constructor(exitCode: number) {
    super(`the program ended with ${exitCode}`)
    this.name = 'ProgramEnded'
    this.exitCode = exitCode
  }
}

/** A check came to its end and found something: the report is the output, and nothing more is to be said. */
export class CheckFailed extends Error {
  constructor() {
    super('the check found something')
    this.name = 'CheckFailed'
  }
}

/**
 * A verb that takes several names went on after a failure, as docker does, and has reported each one: the end is 3
 * where something was done, else what the first failure says.
 */
export class PartialFailure extends Error {
  readonly exitCode: ExitCode

  constructor(options: { readonly doneCount: number; readonly errors: readonly unknown[] }) {
    super(`${options.errors.length} of ${options.doneCount + options.errors.length} failed`)
    this.name = 'PartialFailure'
    this.exitCode = options.doneCount > 0 ? EXIT.partial : exitCodeOf(options.errors[0])
  }
}
