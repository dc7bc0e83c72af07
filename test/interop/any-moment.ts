// Killed at any moment, or let down by the disk, at every point of every verb in turn; SHALE_EVERY=1 tries each one, and
// by default every so many, from a random one on. And the order in which things are flushed and named.

import t from 'tap'
import { AnyMoment } from '../support/any-moment/trial.ts'
import { verbsIn } from '../support/any-moment/verbs.ts'
import { SHARE, unless } from '../support/host.ts'
import { memoryDirectory } from '../support/temporary.ts'

const skip = unless({ interop: true })
const EVERY = Number(process.env['SHALE_EVERY'] ?? 29 * SHARE)
const ERRORS = ['ENOSPC', 'EIO', 'EDQUOT'] as const

t.test('killed, and failing', { skip }, async (t) => {
  const directory = memoryDirectory(t)
  const { before, verbs } = verbsIn(directory)
  let count = 0
  for (const verb of verbs) {
    const trial = new AnyMoment(directory, before, verb)
    const problems: string[] = []
    const first = 1 + Math.floor(Math.random() * Math.min(EVERY, trial.points))
    for (let point = first; point <= trial.points; point += EVERY) {
      problems.push(...(await trial.stoppedAt(point, 'kill')))
      problems.push(...(await trial.stoppedAt(point, ERRORS[point % ERRORS.length]!)))
      count += 2
    }
    t.same(problems, [], `${verb.name}: ${trial.points} points`)
  }
  t.comment(`${count} trials`)
})

t.test('what is named was flushed before', { skip }, async (t) => {
  const directory = memoryDirectory(t)
  const { before, verbs } = verbsIn(directory)
  for (const verb of verbs) {
    const { calls } = new AnyMoment(directory, before, verb)
    const decided = calls.findIndex(
      ([name, , to]) => name === 'renameSync' && String(to).endsWith('/journal.json'),
    )
    t.ok(decided > 0, `${verb.name}: a journal gets its name`)
    const temporary = String(calls[decided]![1])
    const flushed = calls.findLastIndex(([name], i) => i < decided && name === 'syncfs')
    t.ok(flushed >= 0, `${verb.name}: everything is flushed first`)
    const since = calls.slice(flushed + 1, decided)
    const opened = since.findIndex(([name, file]) => name === 'openSync' && file === temporary)
    t.equal(opened, 0, `${verb.name}: after that the journal alone is written`)
    t.ok(
      since.some(([name]) => name === 'fsyncSync' || name === 'fdatasyncSync'),
      `${verb.name}: and flushed`,
    )
    const after = calls.slice(decided + 1)
    const synced = after.findIndex(([name]) => name === 'fsyncSync')
    const renamed = after.findIndex(([name]) => name === 'renameSync')
    t.ok(
      synced >= 0 && (renamed < 0 || synced < renamed),
      `${verb.name}: and its name, before any other is given`,
    )
  }
})
