// A time zone's file as tzdata's compiler writes it: TZif, RFC 9636. When clocks changed, to which offset and name, and
// the rule that holds since. Knows bytes; whose zone it is and where its file lies, is local-zone.ts's.

import { timeByRule, type LocalTime } from './zone-rule.ts'

export type Zone = (seconds: number) => LocalTime

interface Changes {
  readonly changes: readonly { readonly at: number; readonly time: LocalTime }[]
  /** What held before the first. */
  readonly before: LocalTime
  readonly end: number
}

const HEADER_BYTES = 44

/** @throws Error where it is no such file, or ends too early */
export function readZone(bytes: Buffer): Zone {
  if (bytes.toString('latin1', 0, 4) !== 'TZif') throw new Error('no TZif file')
  const old = readChanges(bytes, 0, 4)
  if (bytes[4] === 0) return (seconds) => listed(old, seconds)
  // Since version 2 the same follows once more, in 64 bits, and then the rule.
  const found = readChanges(bytes, old.end, 8)
  const rule = bytes.toString('latin1', found.end).split('\n')[1] ?? ''
  const last = found.changes.at(-1)?.at ?? -Infinity
  return (seconds) =>
    (seconds >= last ? timeByRule(rule, seconds) : undefined) ?? listed(found, seconds)
}

function listed({ changes, before }: Changes, seconds: number): LocalTime {
  return changes.findLast(({ at }) => at <= seconds)?.time ?? before
}

function readChanges(bytes: Buffer, start: number, timeBytes: 4 | 8): Changes {
  const count = (index: number): number => bytes.readUInt32BE(start + 20 + 4 * index)
  const [utcMarks, standardMarks, leaps, changes, times, chars] = [0, 1, 2, 3, 4, 5].map(count) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const kindsAt = start + HEADER_BYTES + changes * timeBytes
  const timesAt = kindsAt + changes
  const namesAt = timesAt + times * 6
  const end = namesAt + chars + leaps * (timeBytes + 4) + standardMarks + utcMarks
  if (end > bytes.length) throw new Error('the file ends too early')
  const timeOf = (kind: number): LocalTime => {
    const at = timesAt + kind * 6
    const name = bytes.toString('latin1', namesAt + bytes.readUInt8(at + 5), namesAt + chars)
    return { offsetSeconds: bytes.readInt32BE(at), name: name.split('\0')[0]! }
  }
  const changeAt = (index: number): number => {
    const at = start + HEADER_BYTES + index * timeBytes
    return timeBytes === 4 ? bytes.readInt32BE(at) : Number(bytes.readBigInt64BE(at))
  }
  return {
    changes: Array.from({ length: changes }, (_, index) => ({
      at: changeAt(index),
      time: timeOf(bytes.readUInt8(kindsAt + index)),
    })),
    before: timeOf(0),
    end,
  }
}
