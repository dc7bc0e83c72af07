import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { Sha256 } from '../../src/sys/sha256.ts'

t.test("here and elsewhere, it is node:crypto's", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.boolean()), { maxLength: 12 }),
      async (parts) => {
        const hash = new Sha256()
        const expected = createHash('sha256')
        for (const [bytes, elsewhere] of parts) {
          expected.update(bytes)
          await hash.update(bytes, elsewhere)
        }
        const digest = hash.digest()
        await hash.close()
        return digest === expected.digest('hex')
      },
    ),
    { numRuns: 200 },
  )
})

t.test('given up while a thread is still at work', async (t) => {
  const hash = new Sha256()
  const running = hash.update(Buffer.alloc(32 << 20), true)
  await hash.close()
  await hash.close()
  t.equal(await running, undefined)
})
