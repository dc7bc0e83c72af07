// Killed at any moment, or let down by the disk: some points of each verb, others each time. All of them are
// test/interop/any-moment.ts's.

import t from 'tap'
import { AnyMoment } from './support/any-moment/trial.ts'
import { verbsIn } from './support/any-moment/verbs.ts'
import { isInterop } from './support/host.ts'
import { memoryDirectory } from './support/temporary.ts'

const POINTS_OF_EACH = 2
const DEEDS = ['kill', 'ENOSPC', 'EIO', 'EDQUOT'] as const

t.test('some points of each verb', { skip: isInterop && 'runs with npm test' }, async (t) => {
  const directory = memoryDirectory(t)
  const { before, verbs } = verbsIn(directory)
  for (const verb of verbs) {
    const trial = new AnyMoment(directory, before, verb)
    for (let i = 0; i < POINTS_OF_EACH; i++) {
      const point = 1 + Math.floor(Math.random() * trial.points)
      const deed = i === 0 ? 'kill' : DEEDS[1 + Math.floor(Math.random() * 3)]!
      t.same(
        await trial.stoppedAt(point, deed),
        [],
        `${verb.name}: ${deed} at ${point} of ${trial.points}`,
      )
    }
  }
})
