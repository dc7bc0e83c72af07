// SHA-256 as the loader takes it, from node:crypto in chunks of 1 MiB, beside @noble/hashes in plain JavaScript.

import { createHash } from 'node:crypto'
import { sha256 } from '@noble/hashes/sha2.js'
import type { MicroCase } from '../micro.ts'

const CHUNK_BYTES = 1 << 20

export async function hashCase({ smoke }: { readonly smoke: boolean }): Promise<MicroCase> {
  const chunk = Buffer.alloc(CHUNK_BYTES, 'layer')
  const rounds = smoke ? 1 : 256
  const fewer = Math.max(1, rounds >> 3)
  return {
    title: 'digest/hash',
    workUnit: 'byte',
    contestants: [
      {
        name: 'node:crypto SHA-256',
        subject: true,
        work: rounds * CHUNK_BYTES,
        run() {
          const hash = createHash('sha256')
          for (let i = 0; i < rounds; i++) hash.update(chunk)
          hash.digest()
        },
      },
      {
        name: '@noble/hashes SHA-256',
        subject: false,
        work: fewer * CHUNK_BYTES,
        run() {
          const hash = sha256.create()
          for (let i = 0; i < fewer; i++) hash.update(chunk)
          hash.digest()
        },
      },
    ],
  }
}
