// One piece of shale's inner work beside its baseline, in this process: what a profile points at, measured alone.
// The modules that define such cases lie in folders named as those of src.

export interface MicroContestant {
  readonly name: string
  /** It is shale's own code. */
  readonly subject: boolean
  /** Bytes, files or lookups of one run, as the case counts. */
  readonly work: number
  readonly run: () => void | Promise<void>
  /** Before each run, off the clock. */
  readonly before?: () => void
}

export interface MicroCase {
  /** `tar-split/crc64`: where the measured code lies in src. */
  readonly title: string
  readonly workUnit: string
  /** shale's first. */
  readonly contestants: readonly MicroContestant[]
  /** After the last run. */
  end?(): void
}

/** Whether sizes are those of a smoke test. @param dir for what must lie on a disk */
export type MakeCase = (options: {
  readonly smoke: boolean
  readonly dir: string
}) => Promise<MicroCase>
