// `npm run demo [-- IMAGE.tar] [-- --root DIR]`: the process around the demo, as cli/main.ts is around the verbs.

import fs from 'node:fs'
import { parseArgs } from 'node:util'
import { InvalidArgumentError } from '../../src/index.ts'
import { Context } from '../context.ts'
import { END_CODES, onEndRequest } from '../end-request.ts'
import { EXIT, exitCodeOf } from '../exit-code.ts'
import { openInput } from '../input.ts'
import { ClosedPipe, StreamSink } from '../output.ts'
import { reportError } from '../report.ts'
import { demo } from './demo.ts'
import { FalseClaim } from './narration.ts'

const abort = new AbortController()
let code: number = EXIT.ok

onEndRequest((signal) => {
  code = END_CODES[signal]
  abort.abort()
})

const context = new Context({
  stdin: process.stdin,
  stdout: new StreamSink(process.stdout, () => {
    code = EXIT.pipeClosed
    abort.abort()
  }),
  stderr: new StreamSink(process.stderr),
  env: process.env,
  signal: abort.signal,
})

try {
  const { archive, root } = readArguments()
  await demo({
    ...(archive === undefined ? {} : { archive }),
    ...(root === undefined ? {} : { root }),
    stdout: context.stdout,
    stderr: context.stderr,
    color: context.color,
    signal: abort.signal,
  })
} catch (error) {
  if (error instanceof ClosedPipe) code = EXIT.pipeClosed
  else if (code === EXIT.ok) {
    code = error instanceof FalseClaim ? EXIT.integrity : exitCodeOf(error)
    if (error instanceof FalseClaim) await context.stderr.write(`shale: ${error.message}\n`)
    else await reportError(error, context)
  }
}
process.exit(code)

function readArguments(): { archive?: string; root?: string } {
  let parsed
  try {
    parsed = parseArgs({ allowPositionals: true, options: { root: { type: 'string' } } })
  } catch (cause) {
    throw usage((cause as Error).message, cause)
  }
  const { positionals, values } = parsed
  const [archive, extra] = positionals
  if (extra !== undefined) throw usage(`expected one archive, and found ${extra} as well`)
  if (archive !== undefined) openInput(archive, 'show')
  const { root } = values
  if (root !== undefined && fs.existsSync(root) && fs.readdirSync(root).length > 0) {
    throw usage(`--root ${root} is in use; name a directory that is empty or missing`)
  }
  return {
    ...(archive === undefined ? {} : { archive }),
    ...(root === undefined ? {} : { root }),
  }
}

function usage(reason: string, cause?: unknown): InvalidArgumentError {
  return new InvalidArgumentError('ERR_OPTION', `cannot run the demo: ${reason}`, { cause })
}
