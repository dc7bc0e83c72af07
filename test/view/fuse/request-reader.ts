// Who asks without pause is answered without going to sleep: seen by the flags of a pipe that stands for the device.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import t from 'tap'
import { close } from '../../../src/sys/file-calls.ts'
import { libc } from '../../../src/sys/libc.ts'
import { Message } from '../../../src/view/fuse/message.ts'
import { RequestReader } from '../../../src/view/fuse/request-reader.ts'

const ASKER = 32
const LENGTH = 40

/** A request of thread `asker`, as far as the reader looks at it. */
function request(asker: number): Buffer {
  const bytes = Buffer.alloc(LENGTH)
  bytes.writeUInt32LE(asker, ASKER)
  return bytes
}

function isNonblocking(fd: number): boolean {
  const flags = /^flags:\s+(\d+)$/m.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))![1]!
  return (Number.parseInt(flags, 8) & fs.constants.O_NONBLOCK) !== 0
}

t.test('looks for the next one while one thread asks, and sleeps when it stops', async (t) => {
  const ends = Buffer.alloc(8)
  t.equal(libc().pipe2(ends, 0), 0)
  const [reads, writes] = [ends.readInt32LE(0), ends.readInt32LE(4)]
  t.teardown(() => [reads, writes].map(close))
  const into = new Message(4096)
  const requests = new RequestReader(reads, into)
  const ask = (asker: number): void => {
    fs.writeSync(writes, request(asker))
    t.equal(requests.read(), LENGTH)
    t.equal(into.word(ASKER), asker)
  }
  const askUntilLooking = (...askers: number[]): boolean => {
    // A busy machine may put a pause between any two of them.
    for (let i = 0; i < 5000 && !isNonblocking(reads); i++) ask(askers[i % askers.length]!)
    return isNonblocking(reads)
  }

  t.notOk(isNonblocking(reads), 'a new one waits')
  ask(7)
  t.notOk(isNonblocking(reads), 'one request is no pace')
  // Reading flags between requests takes its time; in one go it is close enough.
  const inOneGo = (count: number, askerOf: (i: number) => number): void => {
    for (let i = 0; i < count; i++) {
      fs.writeSync(writes, request(askerOf(i)))
      requests.read()
    }
  }
  inOneGo(2000, (i) => 7 + (i % 2))
  t.notOk(isNonblocking(reads), 'two that take turns: never')
  inOneGo(2000, (i) => (i % 3 === 0 ? 0 : 7))
  t.ok(
    isNonblocking(reads) || askUntilLooking(7),
    'one, with what the kernel does by itself between',
  )
  ask(8)
  t.notOk(isNonblocking(reads), 'another one ends it')

  inOneGo(2000, () => 8)
  t.ok(isNonblocking(reads) || askUntilLooking(8))
  const later = spawn('sh', ['-c', 'sleep 0.3; head -c 40 /dev/zero >&3'], {
    stdio: ['ignore', 'ignore', 'inherit', writes],
  })
  const began = process.cpuUsage()
  t.equal(requests.read(), LENGTH, 'what comes later is waited for')
  const { user, system } = process.cpuUsage(began)
  t.ok(user + system < 200_000, 'asleep')
  t.notOk(isNonblocking(reads))
  await once(later, 'exit')
})

t.test('works until somebody asks, and waits when nothing is left to do', async (t) => {
  const ends = Buffer.alloc(8)
  t.equal(libc().pipe2(ends, 0), 0)
  const [reads, writes] = [ends.readInt32LE(0), ends.readInt32LE(4)]
  t.teardown(() => [reads, writes].map(close))
  const requests = new RequestReader(reads, new Message(4096))
  const ask = (asker: number): void => {
    fs.writeSync(writes, request(asker))
    requests.read()
  }
  const work = { done: 0, askedAfter: Infinity, endsAfter: Infinity }
  const step = (): boolean => {
    work.done++
    if (work.done === work.askedAfter) fs.writeSync(writes, request(7))
    return work.done < work.endsAfter
  }
  ask(7)
  ask(7)
  work.askedAfter = 5
  t.equal(requests.readBeside(step), LENGTH)
  t.equal(work.done, 5, 'no step more than there is time for')

  work.done = 0
  fs.writeSync(writes, request(7))
  t.equal(requests.readBeside(step), LENGTH)
  t.equal(work.done, 0, 'whoever waits already does not wait for that')
  fs.writeSync(writes, request(8))
  t.equal(requests.readBeside(step), LENGTH)
  fs.writeSync(writes, request(7))
  t.equal(requests.readBeside(step), LENGTH)
  t.notOk(isNonblocking(reads), 'where several ask it waits')
  ask(7)

  work.askedAfter = Infinity
  work.endsAfter = 3
  const later = spawn('sh', ['-c', 'sleep 0.3; head -c 40 /dev/zero >&3'], {
    stdio: ['ignore', 'ignore', 'inherit', writes],
  })
  const began = process.cpuUsage()
  t.equal(requests.readBeside(step), LENGTH, 'what comes later is waited for')
  const { user, system } = process.cpuUsage(began)
  t.ok(user + system < 200_000, 'asleep')
  t.equal(work.done, 3)
  await once(later, 'exit')

  const none = new RequestReader(-1, new Message(4096))
  t.equal(
    none.readBeside(() => true),
    -9,
    'an error of the device is the answer',
  )
})

t.test('an error of the device is the answer', async (t) => {
  const requests = new RequestReader(-1, new Message(4096))
  t.equal(requests.read(), -9)
})
