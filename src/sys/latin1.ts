// Names between a buffer and a string of one char for each byte (see BytePath), by the methods that Buffer has for just
// that. `toString` and `write` look for the encoding by its name and check each argument: until V8 has optimised them they
// take four times as long, and a server reads and writes a name with nearly every request.

/** Node has had them since its first releases, and documents others that call them. */
interface Latin1Buffer {
  latin1Slice(start: number, end: number): string
  latin1Write(text: string, at: number): number
}

const hasOwn = ['latin1Slice', 'latin1Write'].every((name) => name in Buffer.prototype)

/** @param end at most the buffer's length */
export const readLatin1: (bytes: Buffer, start: number, end: number) => string = hasOwn
  ? (bytes, start, end) => (bytes as unknown as Latin1Buffer).latin1Slice(start, end)
  : (bytes, start, end) => bytes.toString('latin1', start, end)

/** @returns how many bytes were written: all, where there is room */
export const writeLatin1: (bytes: Buffer, text: string, at: number) => number = hasOwn
  ? (bytes, text, at) => (bytes as unknown as Latin1Buffer).latin1Write(text, at)
  : (bytes, text, at) => bytes.write(text, at, 'latin1')
