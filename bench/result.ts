// What a benchmark run leaves behind, as plain data: the shape of the JSON that is written, charted and compared.

export const SCHEMA = 'shale-bench/1'

export interface BenchResult {
  readonly schema: typeof SCHEMA
  /** RFC 3339. */
  readonly startedAt: string
  readonly arguments: readonly string[]
  readonly machine: Machine
  readonly peers: readonly PeerFacts[]
  readonly contests: readonly ContestResult[]
  readonly targets: readonly TargetResult[]
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  readonly kernel: string
  readonly system: string
  readonly node: string
  readonly zlib: string
  readonly shale: string
  /** The checkout's commit, with a + where files differ from it. */
  readonly commit?: string
  /** One-minute load average when the run began: what else the machine did. */
  readonly loadAverage: number
  readonly root: boolean
}

export interface PeerFacts {
  readonly id: string
  /** First line of what it says about itself. */
  readonly version?: string
  /** Why it takes no part. */
  readonly absent?: string
  /** What it verifies and writes, and what it does not. */
  readonly does: string
}

export type Cache = 'warm' | 'cold'

export interface ContestResult {
  readonly suite: string
  readonly title: string
  /** As the kernel names it: tmpfs, ext4. Absent where no disk takes part. */
  readonly fileSystem?: string
  readonly cache: Cache
  readonly input?: InputFacts
  /** What `work` of a row counts. */
  readonly workUnit?: string
  readonly rows: readonly Row[]
}

export interface InputFacts {
  readonly name: string
  readonly layers: number
  readonly entries: number
  readonly tarBytes: number
  readonly gzipBytes: number
}

export interface Row {
  readonly name: string
  readonly group?: string
  /** It is shale that was measured. */
  readonly subject: boolean
  /** Name of shale's row that this one is held against. */
  readonly against?: string
  readonly does?: string
  readonly work?: number
  /** Rounds in order; the warm-up is not among them. */
  readonly samples: readonly Sample[]
  /** What came out, beside what came out of the others. */
  readonly verdict?: string
  readonly failed?: string
}

export interface Sample {
  /** Wall time from spawn to exit, or of the piece of code. */
  readonly seconds: number
  /** User and system time of the program and what it waited for; of a daemon too. */
  readonly cpuSeconds?: number
  readonly peakRssBytes?: number
  /** Cores that everything else on the machine kept busy meanwhile: above some tenths, the times say little. */
  readonly othersCores?: number
  /** Where one number is a sum: its parts, in seconds of one core. */
  readonly parts?: Readonly<Record<string, number>>
}

export interface TargetResult {
  readonly measure: string
  readonly unit: 'ratio' | 'MB'
  readonly atMost: number
  /** Absent where this run did not measure it. */
  readonly reached?: number
  readonly of?: string
}

/** @throws Error with what is wrong */
export function parseResult(text: string, file: string): BenchResult {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new Error(`cannot read ${file}: it is no JSON`, { cause })
  }
  const schema = (value as { schema?: unknown } | null)?.schema
  if (schema !== SCHEMA) {
    throw new Error(
      `cannot read ${file}: expected a result of schema ${SCHEMA}, found ${JSON.stringify(schema)}`,
    )
  }
  return value as BenchResult
}
