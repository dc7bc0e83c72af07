// The system-call checks of test/suite on UnionFs, by any user; test/interop/posix.ts runs them on all views.

import t from 'tap'
import { temporaryDirectory } from '../support/temporary.ts'
import { runSuite } from '../suite/suite.ts'

for (const kind of ['UnionFs in a directory', 'UnionFs in memory'] as const) {
  t.test(`POSIX, by ${kind}`, async (t) => {
    const { expectations, failures } = await runSuite(kind, temporaryDirectory(t))
    t.strictSame(failures, [], `${expectations} expectations`)
  })
}
