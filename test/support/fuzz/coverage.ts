// Which code an input reached that none before it did: V8's own block coverage, asked through the inspector. That is
// what makes the fuzzer guided; it needs no instrumented build and nothing beyond Node.

import inspector from 'node:inspector'

interface CoveredFunction {
  readonly ranges: readonly { startOffset: number; endOffset: number; count: number }[]
}

interface CoveredScript {
  readonly url: string
  readonly functions: readonly CoveredFunction[]
}

const OURS = /\/dist\/(?:src|cli)\//

export class Coverage implements Disposable {
  readonly #session = new inspector.Session()
  readonly #seen = new Map<string, Set<number>>()
  #blocks = 0

  constructor() {
    this.#session.connect()
    this.#post('Profiler.enable')
    this.#post('Profiler.startPreciseCoverage', { callCount: false, detailed: true })
  }

  /** Blocks that were reached so far. */
  get blocks(): number {
    return this.#blocks
  }

  /** Forgets what ran since the last question. */
  skip(): void {
    this.#post('Profiler.takePreciseCoverage')
  }

  /** How many blocks ran since the last question that had never run before. @param keep count them as known */
  fresh(keep: boolean): number {
    const { result } = this.#post('Profiler.takePreciseCoverage') as {
      result: readonly CoveredScript[]
    }
    let fresh = 0
    for (const { url, functions } of result) {
      if (!OURS.test(url)) continue
      let seen = this.#seen.get(url)
      if (seen === undefined) this.#seen.set(url, (seen = new Set()))
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          // Two offsets as one number: files are far below 4 MiB.
          const block = startOffset * 2 ** 22 + endOffset
          if (count === 0 || seen.has(block)) continue
          fresh++
          if (keep) seen.add(block)
        }
      }
    }
    if (keep) this.#blocks += fresh
    return fresh
  }

  [Symbol.dispose](): void {
    this.#session.disconnect()
  }

  #post(method: string, parameters: object = {}): unknown {
    let answer: unknown
    // Answered before post() returns: the session is this thread's own.
    this.#session.post(method, parameters, (error, result) => {
      if (error) throw error
      answer = result
    })
    return answer
  }
}
