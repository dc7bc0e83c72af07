// One verb, stopped at one of its points: what lies there afterwards is the old store or the new one, nothing is left
// aside, and the second try succeeds.

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { openStore } from '../../../src/index.ts'
import { shale, type Output } from '../cli.ts'
import { problemsOf, stateOf } from './state.ts'

const PRELOAD = new URL('./points.js', import.meta.url).href

export interface Verb {
  readonly name: string
  readonly args: readonly string[]
  /** What a second try may say when the first one had got through: the image is gone, the name is taken. */
  readonly again?: RegExp
}

export class AnyMoment {
  readonly #directory: string
  readonly #before: string
  readonly #verb: Verb
  readonly #old: unknown
  readonly #new: unknown
  /** Of the verb when nothing happens to it. */
  readonly points: number
  /** What they are, in their order. */
  readonly calls: readonly (readonly unknown[])[]

  /** @param before a root as it is before the verb; copied for each trial */
  constructor(directory: string, before: string, verb: Verb) {
    this.#directory = directory
    this.#before = before
    this.#verb = verb
    this.#old = stateOf(before)
    const root = this.#copy()
    const calls = path.join(directory, 'calls')
    const done = this.#run(root, { SHALE_TEST_CALLS: calls })
    if (done.code !== 0) throw new Error(`${verb.name} fails by itself: ${done.stderr}`)
    this.points = fs.statSync(this.#counter).size
    this.#new = stateOf(root)
    const lines = fs.readFileSync(calls, 'utf8').trim().split('\n')
    this.calls = lines.map((line) => JSON.parse(line) as unknown[])
    fs.rmSync(calls)
  }

  get #counter(): string {
    return path.join(this.#directory, 'counter')
  }

  #copy(): string {
    const root = path.join(this.#directory, 'root')
    fs.rmSync(root, { recursive: true, force: true })
    // Node's own copies no devices, which whiteouts are.
    execFileSync('cp', ['-a', this.#before, root])
    return root
  }

  #run(root: string, env: Readonly<Record<string, string>>): Output {
    fs.rmSync(this.#counter, { force: true })
    return shale(['--root', root, ...this.#verb.args], {
      env: {
        NODE_OPTIONS: `--import=${PRELOAD}`,
        SHALE_TEST_COUNTER: this.#counter,
        SOURCE_DATE_EPOCH: '1700000000',
        ...env,
      },
    })
  }

  /** @returns what is wrong, in words; nothing if all is well */
  async stoppedAt(point: number, deed: string): Promise<string[]> {
    const root = this.#copy()
    const problems: string[] = []
    const done = this.#run(root, { SHALE_TEST_POINT: String(point), SHALE_TEST_DEED: deed })
    if (deed === 'kill' && done.signal !== 'SIGKILL' && done.code !== 137 && done.code !== 0)
      problems.push(`ended with ${done.code ?? done.signal}: ${done.stderr}`)
    // With an error it either gives up, or can do without that call.
    if (deed !== 'kill' && done.code !== 0 && done.stderr.trim() === '')
      problems.push(`ended with ${done.code ?? done.signal} and said nothing`)
    if (/^\s+at .+:\d+:\d+/m.test(done.stderr)) problems.push(`a stack trace: ${done.stderr}`)
    // The next writer sweeps.
    const store = await openStore(root)
    await store.write(async () => {})
    problems.push(...problemsOf(root))
    const state = JSON.stringify(stateOf(root))
    const isOld = state === JSON.stringify(this.#old)
    const isNew = state === JSON.stringify(this.#new)
    if (!isOld && !isNew) problems.push(`neither the old store nor the new one: ${state}`)
    if (done.code === 0 && !isNew && deed === 'kill') problems.push('done, and not the new store')
    const again = this.#run(root, {})
    if (again.code !== 0 && !(isNew && this.#verb.again?.test(again.stderr)))
      problems.push(`the second try ended with ${again.code ?? again.signal}: ${again.stderr}`)
    problems.push(...problemsOf(root))
    if (JSON.stringify(stateOf(root)) !== JSON.stringify(this.#new))
      problems.push('after the second try it is not the new store')
    return problems.map((text) => `${this.#verb.name}, ${deed} at ${point}: ${text}`)
  }
}
