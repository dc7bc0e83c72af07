import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { acquireLock, isLocked, probeLock } from '../../src/sys/lock.ts'
import { temporaryDirectory } from '../support/temporary.ts'

t.test('one exclusive holder at a time', async (t) => {
  const file = path.join(temporaryDirectory(t), 'lock')
  const lock = acquireLock(file)
  t.ok(lock)
  t.equal(fs.readFileSync(file, 'utf8'), `${process.pid}\n`)
  t.equal(acquireLock(file), undefined)
  t.equal(acquireLock(file, { exclusive: false }), undefined)
  lock!.release()
  lock!.release()
  using again = acquireLock(file)
  t.ok(again)
})

t.test('shared holders exclude a writer only', async (t) => {
  const file = path.join(temporaryDirectory(t), 'lock')
  using one = acquireLock(file, { exclusive: false })
  using two = acquireLock(file, { exclusive: false })
  t.ok(one && two)
  t.equal(acquireLock(file), undefined)
})

t.test('a lock ends with its process, also when that is killed', async (t) => {
  const file = path.join(temporaryDirectory(t), 'lock')
  const module = new URL('../../src/sys/lock.js', import.meta.url).href
  const script = `import { acquireLock } from ${JSON.stringify(module)}
    if (!acquireLock(${JSON.stringify(file)})) process.exit(1)
    console.log('held')
    setInterval(() => {}, 1000)`
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => holder.kill('SIGKILL'))
  await once(holder.stdout, 'data')
  t.equal(acquireLock(file), undefined)
  const held = probeLock(file)
  t.ok(isLocked(file))
  t.ok(held)
  if (held?.pid !== undefined) t.equal(held.pid, holder.pid)
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  t.equal(probeLock(file), undefined)
  t.notOk(isLocked(file))
  using lock = acquireLock(file)
  t.ok(lock)
})

t.test('probing leaves nothing behind', async (t) => {
  const file = path.join(temporaryDirectory(t), 'lock')
  t.equal(probeLock(file), undefined)
  t.notOk(isLocked(file))
  t.notOk(fs.existsSync(file))
  fs.writeFileSync(file, 'content')
  t.equal(probeLock(file), undefined)
  t.notOk(isLocked(file))
  t.equal(fs.readFileSync(file, 'utf8'), 'content')
  using lock = acquireLock(file)
  t.ok(lock)
})

t.test('a lock that cannot be made says so', async (t) => {
  t.throws(() => acquireLock('/nowhere/at/all/lock'), {
    name: 'HostError',
    details: { errno: 'ENOENT' },
  })
})
