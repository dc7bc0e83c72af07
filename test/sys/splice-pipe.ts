import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { SplicePipe } from '../../src/sys/splice-pipe.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const SIZE_BYTES = 300_000

t.test('what lies in a file arrives behind the header, or nothing does', async (t) => {
  const dir = temporaryDirectory(t)
  const content = Buffer.alloc(SIZE_BYTES)
  // A hole stays in the middle.
  for (let i = 0; i < SIZE_BYTES; i++) content[i] = i > 90_000 && i < 200_000 ? 0 : (i * 7) % 251
  const source = path.join(dir, 'source')
  fs.writeFileSync(source, content.subarray(0, 90_001))
  const writer = fs.openSync(source, 'r+')
  fs.writeSync(writer, content, 200_000, SIZE_BYTES - 200_000, 200_000)
  fs.closeSync(writer)
  const fd = fs.openSync(source, 'r')
  const pipe = new SplicePipe(1 << 20)
  t.teardown(() => {
    pipe.close()
    fs.closeSync(fd)
  })
  let count = 0
  const reaches = fc.record({
    offset: fc.integer({ min: 0, max: SIZE_BYTES }),
    sizeBytes: fc.integer({ min: 1, max: SIZE_BYTES }),
    header: fc.uint8Array({ minLength: 1, maxLength: 100 }),
  })
  fc.assert(
    fc.property(reaches, ({ offset, sizeBytes, header }) => {
      const sink = path.join(dir, `sink-${count++}`)
      const to = fs.openSync(sink, 'w')
      const sent = pipe.send(header, { fd, offset, sizeBytes }, to)
      fs.closeSync(to)
      const there = fs.readFileSync(sink)
      fs.unlinkSync(sink)
      if (sent !== offset + sizeBytes <= SIZE_BYTES) return false
      const expected = [header, content.subarray(offset, offset + sizeBytes)]
      return there.equals(sent ? Buffer.concat(expected) : Buffer.alloc(0))
    }),
    { numRuns: 300 },
  )
})

t.test('a pipe that is too small for it takes nothing', async (t) => {
  const dir = temporaryDirectory(t)
  const [source, sink] = ['source', 'sink'].map((name) => path.join(dir, name)) as [string, string]
  fs.writeFileSync(source, Buffer.alloc(100_000))
  const fd = fs.openSync(source, 'r')
  const to = fs.openSync(sink, 'w')
  const pipe = new SplicePipe(64 << 10)
  t.equal(pipe.send(Buffer.from('x'), { fd, offset: 0, sizeBytes: 70_000 }, to), false)
  t.equal(fs.statSync(sink).size, 0)
  t.equal(pipe.send(Buffer.from('x'), { fd, offset: 0, sizeBytes: 40_000 }, to), true)
  t.equal(fs.statSync(sink).size, 40_001)
  pipe.close()
  fs.closeSync(fd)
  fs.closeSync(to)
})
