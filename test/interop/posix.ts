// The suite of system-call checks of test/suite on every view that this host has. The kernel's overlay comes first: it
// is the oracle of what is expected. Ordinary users run the part of it that needs no other user.

import t from 'tap'
import { againAsUser, fuseSkip } from '../support/fuse-for-users.ts'
import { isInterop } from '../support/host.ts'
import { overlaySkip } from '../support/layer-directory.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { runSuite, type ViewKind } from '../suite/suite.ts'

const VIEWS: readonly (readonly [ViewKind, string | false])[] = [
  ['kernel', await overlaySkip()],
  ['fuse', fuseSkip()],
  ['fuse, plain directories', fuseSkip()],
  ['merge', false],
  ['UnionFs in a directory', false],
  ['UnionFs in memory', false],
]

const off = !isInterop && 'runs in test:interop'

for (const [kind, skip] of VIEWS) {
  t.test(`POSIX, by ${kind}`, { skip: off || skip }, async (t) => {
    const { expectations, failures } = await runSuite(kind, temporaryDirectory(t))
    t.strictSame(failures, [], `${expectations} expectations`)
  })
}

if (isInterop) againAsUser(import.meta.url)
