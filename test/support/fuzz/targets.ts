// All that the fuzzer can be let loose on.

import { LOAD_TARGETS } from './load-targets.ts'
import { PARSER_TARGETS } from './parser-targets.ts'
import type { FuzzTarget } from './target.ts'

export const TARGETS: readonly FuzzTarget[] = [...PARSER_TARGETS, ...LOAD_TARGETS]

const none = { words: [], bytesMax: 1, seeds: (): Buffer[] => [] }

/** Not let loose on anything: they show that what goes wrong is seen. */
const SELF_TESTS: readonly FuzzTarget[] = [
  {
    ...none,
    name: 'self-test-throws',
    run() {
      throw new TypeError('not a refusal')
    },
  },
  {
    ...none,
    name: 'self-test-hangs',
    run() {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    },
  },
  {
    ...none,
    name: 'self-test-grows',
    run() {
      Buffer.alloc(300 << 20, 1)
    },
  },
  {
    ...none,
    name: 'self-test-exits',
    run() {
      process.exit(3)
    },
  },
]

export function targetNamed(name: string): FuzzTarget {
  const target = [...TARGETS, ...SELF_TESTS].find((each) => each.name === name)
  if (target !== undefined) return target
  const names = TARGETS.map((each) => each.name).join(', ')
  throw new Error(`there is no target ${JSON.stringify(name)}; choose from ${names}`)
}
