// Tars for people who like to `for await`: entries one by one, each with its body as a stream.
// A thin shell around TarParser; loading layers pushes chunks to the parser itself, without a promise for each entry.

import type { TarHandler, TarHeader, TarLimits } from './entry.ts'
import { TarParser } from './parser.ts'

export interface TarEntry {
  readonly header: TarHeader
  /**
   * The payload as the archive has it (of a sparse file: its pieces, see SparseBody). Can be read once, and until the
   * next entry is asked for; what is not read is skipped.
   */
  readonly body: AsyncIterable<Uint8Array>
}

export interface ReadTarOptions {
  readonly limits?: Partial<TarLimits>
}

type Event = TarHeader | Uint8Array | 'end'

/**
 * Reads an uncompressed tar. Holds one chunk of the source at a time; body pieces are views of it.
 * @throws what TarParser throws, after the entries before the fault were given out
 */
export async function* readTar(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: ReadTarOptions = {},
): AsyncGenerator<TarEntry, void, undefined> {
  await using events = new EventQueue(source, options.limits)
  for (;;) {
    const event = await events.next()
    if (event === undefined) return
    // Pieces of a body that nobody read, and its end.
    if (event === 'end' || event instanceof Uint8Array) continue
    const body = new Body(events)
    yield { header: event, body }
    body.close()
  }
}

class Body implements AsyncIterable<Uint8Array> {
  readonly #events: EventQueue
  #open = true

  constructor(events: EventQueue) {
    this.#events = events
  }

  /** From here on the events belong to the next entry. */
  close(): void {
    this.#open = false
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    while (this.#open) {
      const event = await this.#events.next()
      if (!(event instanceof Uint8Array)) {
        this.#open = false
        return
      }
      yield event
    }
  }
}

class EventQueue implements AsyncDisposable {
  readonly #chunks: AsyncIterator<Uint8Array> | Iterator<Uint8Array>
  readonly #parser: TarParser
  #events: Event[] = []
  #at = 0
  #error: unknown
  #ended = false

  constructor(
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    limits: Partial<TarLimits> | undefined,
  ) {
    this.#chunks =
      Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
    const handler: TarHandler = {
      raw: () => {},
      entry: (header) => this.#events.push(header),
      body: (bytes) => this.#events.push(bytes),
      bodyEnd: () => this.#events.push('end'),
      globalHeader: () => {},
    }
    this.#parser = new TarParser(handler, limits)
  }

  async next(): Promise<Event | undefined> {
    while (this.#at === this.#events.length) {
      this.#events = []
      this.#at = 0
      if (this.#error !== undefined) throw this.#error as Error
      if (this.#ended) return undefined
      const result = await this.#chunks.next()
      this.#ended = result.done === true
      try {
        if (result.done) this.#parser.end()
        else this.#parser.write(result.value)
      } catch (error) {
        this.#error = error
      }
    }
    return this.#events[this.#at++]
  }

  /** Tells the source that nobody reads on, also when the reader stopped half way. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) await this.#chunks.return?.()
  }
}
