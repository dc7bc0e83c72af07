// Other programs run to their end: the limits hold whatever the program leaves behind.

import t from 'tap'
import { runProgram } from '../../src/sys/run-program.ts'
import { unless } from '../support/host.ts'

t.test(
  'what lives on in a session of its own, with the output open, is not waited for',
  { skip: unless({ programs: ['setsid', 'sleep'] }) },
  async (t) => {
    const left = ['-c', 'setsid sleep 20 & exit 0']
    const startedAt = Date.now()
    await t.rejects(runProgram('sh', left, { timeoutMs: 200 }), {
      message: 'cannot run sh to its end: it did not end within 200 ms',
    })
    const signal = AbortSignal.timeout(200)
    await t.rejects(runProgram('sh', left, { signal }), { name: 'TimeoutError' })
    t.ok(Date.now() - startedAt < 15_000, 'nor for what it left')
  },
)
