// The JSON lines of tar-split.json, written as dockerd 20.10 writes them, byte for byte.
// One record a line, keys in the order type, name or name_raw, size, payload, position.
// Knows neither gzip nor files; reading is in decoder.ts.

import type { BytePath } from '../path/byte-path.ts'
import type { FileRecord, SplitRecord } from './record.ts'

const START_BYTES = 64 * 1024
/** Everything of a line but its payload and name: keys, quotes and two numbers. */
const LINE_BYTES = 128

/** Turns records into JSON lines. Numbers them itself. */
export class SplitEncoder {
  #out: Buffer = Buffer.allocUnsafe(START_BYTES)
  #used = 0
  #position = 0

  /** Bytes that `take` would return. */
  get pendingBytes(): number {
    return this.#used
  }

  segment(bytes: Uint8Array): void {
    this.#reserve(LINE_BYTES + Math.ceil(bytes.length / 3) * 4)
    this.#write('{"type":2,"payload":"')
    const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#write(source.toString('base64'))
    this.#endLine('","position":')
  }

  file(record: FileRecord): void {
    const { name, sizeBytes, checksum } = record
    // A byte of a name becomes six chars at most (\u001f).
    this.#reserve(LINE_BYTES + name.length * 6)
    this.#write(`{"type":1,${nameFields(name)}`)
    if (sizeBytes !== 0) this.#write(`"size":${sizeBytes},`)
    if (checksum === undefined) {
      this.#endLine('"payload":null,"position":')
    } else {
      const payload = Buffer.from(checksum).toString('base64')
      this.#endLine(`"payload":"${payload}","position":`)
    }
  }

  record(record: SplitRecord): void {
    if (record.kind === 'segment') this.segment(record.bytes)
    else this.file(record)
  }

  /** What was written since the last call, valid until the next record; empty when there is nothing. */
  take(): Uint8Array {
    const taken = this.#out.subarray(0, this.#used)
    this.#used = 0
    return taken
  }

  #endLine(text: string): void {
    this.#write(text)
    this.#write(`${this.#position++}}\n`)
  }

  #write(text: string): void {
    this.#used += this.#out.write(text, this.#used, 'latin1')
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#out.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.#out.length * 2, this.#used + bytes))
    this.#out.copy(grown, 0, 0, this.#used)
    this.#out = grown
  }
}

const PLAIN = /^[ !#-%'-;=?-[\]-~]*$/

/** `name` or `name_raw` with its comma; nothing for the empty name (Go's omitempty). A byte string. */
function nameFields(name: BytePath): string {
  if (name === '') return ''
  if (PLAIN.test(name)) return `"name":"${name}",`
  const bytes = Buffer.from(name, 'latin1')
  // What is no UTF-8 does not survive the way through text.
  if (!Buffer.from(bytes.toString('utf8'), 'utf8').equals(bytes))
    return `"name_raw":"${bytes.toString('base64')}",`
  return `"name":"${escapeAsGo(name)}",`
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\xe2\x80\xa8': '\\u2028',
  '\xe2\x80\xa9': '\\u2029',
}

/**
 * Escapes as Go's encoding/json before 1.22: `<`, `>` and `&` for the sake of HTML, line separators for that of
 * JavaScript, and \b and \f in the long form. Works on UTF-8 as a byte string.
 */
function escapeAsGo(name: string): string {
  // eslint-disable-next-line no-control-regex
  return name.replace(/["\\<>&\x00-\x1f]|\xe2\x80[\xa8\xa9]/g, (found) => {
    return SHORT_ESCAPES[found] ?? `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
