// zstd by hand: one raw block and runs of zeros, in frames that ask for any window, and the way back. No compressor at hand
// writes four bytes for 128 KiB, or windows that it does not use.

const MAGIC = 0xfd2fb528
const BLOCK_BYTES = 128 << 10
const RAW = 0
const RUN = 1

/** @param windowLog of two */
export function zstdRuns(head: Buffer, zeroBytes: number, windowLog: number = 17): Buffer {
  const blocks = zeroBytes / BLOCK_BYTES
  const out: Buffer[] = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, (windowLog - 10) << 3])]
  const block = (bytes: number, kind: number, isLast: boolean): Buffer => {
    const header = Buffer.alloc(3)
    header.writeUIntLE((bytes << 3) | (kind << 1) | (isLast ? 1 : 0), 0, 3)
    return header
  }
  out.push(block(head.length, RAW, false), head)
  for (let i = 0; i < blocks; i++)
    out.push(block(BLOCK_BYTES, RUN, i === blocks - 1), Buffer.from([0]))
  return Buffer.concat(out)
}

/** @returns undefined for what is not of frames as above */
export function plainOfRuns(packed: Buffer): Buffer | undefined {
  const out: Buffer[] = []
  for (let at = 0; at < packed.length;) {
    if (isSkippable(packed, at)) {
      at += 8 + packed.readUInt32LE(at + 4)
      continue
    }
    if (packed.length - at < 9 || packed.readUInt32LE(at) !== MAGIC || packed[at + 4] !== 0) return
    at += 6
    for (let isLast = false; !isLast;) {
      if (at + 3 > packed.length) return
      const header = packed.readUIntLE(at, 3)
      isLast = (header & 1) === 1
      const bytes = header >> 3
      const kind = (header >> 1) & 3
      at += 3
      if (kind === RAW) out.push(packed.subarray(at, at + bytes))
      else if (kind === RUN) out.push(Buffer.alloc(bytes, packed[at]))
      else return
      at += kind === RUN ? 1 : bytes
    }
  }
  return Buffer.concat(out)
}

/** RFC 8878, 3.1.2. */
function isSkippable(packed: Buffer, at: number): boolean {
  return packed.length - at >= 8 && (packed.readUInt32LE(at) & ~0xf) === 0x184d2a50
}
