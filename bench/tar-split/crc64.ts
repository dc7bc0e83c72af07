// CRC-64/GO-ISO by words, beside the textbook's table byte by byte and zlib's CRC-32, which is native code.

import zlib from 'node:zlib'
import { Crc64 } from '../../src/tar-split/crc64.ts'
import type { MicroCase, MicroContestant } from '../micro.ts'
import { seededRandom } from '../random.ts'

const CHUNK_BYTES = 1 << 20

export async function crc64Case({ smoke }: { readonly smoke: boolean }): Promise<MicroCase> {
  const random = seededRandom(13)
  const chunk = Buffer.alloc(CHUNK_BYTES)
  for (let i = 0; i < chunk.length; i += 4) chunk.writeUInt32LE(random.integer(2 ** 32), i)
  const rounds = smoke ? 1 : 256
  // The table needs a minute for what the fold does in a blink.
  const fewer = Math.max(1, rounds >> 5)
  const crc32 = (zlib as { crc32?: (bytes: Uint8Array, start?: number) => number }).crc32
  const native: MicroContestant[] =
    crc32 === undefined
      ? []
      : [
          {
            name: 'zlib CRC-32',
            subject: false,
            work: rounds * CHUNK_BYTES,
            run() {
              let value = 0
              for (let i = 0; i < rounds; i++) value = crc32(chunk, value)
            },
          },
        ]
  return {
    title: 'tar-split/crc64',
    workUnit: 'byte',
    contestants: [
      {
        name: 'shale Crc64',
        subject: true,
        work: rounds * CHUNK_BYTES,
        run() {
          const crc = new Crc64()
          for (let i = 0; i < rounds; i++) crc.update(chunk)
          crc.digest()
        },
      },
      ...native,
      {
        name: 'table, byte by byte',
        subject: false,
        work: fewer * CHUNK_BYTES,
        run() {
          let state = ~0n
          for (let i = 0; i < fewer; i++) state = tableWise(chunk, state)
        },
      },
    ],
  }
}

const TABLE = new Uint32Array(512)
for (let i = 0; i < 256; i++) {
  let value = BigInt(i)
  for (let bit = 0; bit < 8; bit++) value = (value >> 1n) ^ (value & 1n ? 0xd800000000000000n : 0n)
  TABLE[2 * i] = Number(value >> 32n)
  TABLE[2 * i + 1] = Number(value & 0xffffffffn)
}

function tableWise(bytes: Uint8Array, state: bigint): bigint {
  let hi = Number((state >> 32n) & 0xffffffffn)
  let lo = Number(state & 0xffffffffn)
  for (let i = 0; i < bytes.length; i++) {
    const at = ((lo ^ bytes[i]!) & 0xff) * 2
    lo = ((lo >>> 8) | (hi << 24)) ^ TABLE[at + 1]!
    hi = (hi >>> 8) ^ TABLE[at]!
  }
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)
}
