// Bytes through one of Node's transform streams, as a generator.

import type { Duplex } from 'node:stream'

/** A stream that may say that it has enough before its input ends (zero padding behind gzip data): the rest is read over. */
export async function* throughStream(
  input: AsyncGenerator<Uint8Array>,
  stream: Duplex,
): AsyncGenerator<Uint8Array> {
  let over = false
  const ended = new Promise<void>((resolve) => {
    for (const event of ['end', 'close', 'error']) {
      stream.once(event, () => {
        over = true
        resolve()
      })
    }
  })
  const feed = async (): Promise<void> => {
    for await (const chunk of input) {
      if (over) continue
      // zlib never calls back for a chunk that it stopped in the middle of.
      const written = new Promise<void>((resolve) => stream.write(chunk, () => resolve()))
      await Promise.race([written, ended])
    }
    stream.end()
  }
  const feeding = feed()
  feeding.catch((error: unknown) => stream.destroy(error as Error))
  try {
    yield* stream as AsyncIterable<Uint8Array>
    await feeding
  } finally {
    over = true
    stream.destroy()
    await input.return(undefined)
  }
}
