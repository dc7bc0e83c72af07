// A shell that is given commands one after another.

import t from 'tap'
import { ShellSession } from '../../src/sys/shell-session.ts'
import { temporaryDirectory } from '../support/temporary.ts'

t.test('a signal that was aborted before the session was there', async (t) => {
  const signal = AbortSignal.abort()
  const cwd = temporaryDirectory(t)
  await using shell = new ShellSession(['sh'], { cwd, env: process.env, signal })
  await t.rejects(shell.run('echo ran'), signal.reason as Error)
})
