// One case through one entrance, and what went wrong as plain lines. The verbs run in this process, so that a corpus of
// hundreds takes seconds. What is looked at afterwards is looks.ts's.

import fs from 'node:fs'
import { shaleInProcess, type InProcessOutput } from '../in-process.ts'
import type { HostileCase } from './case.ts'
import type { Ground } from './ground.ts'
import { look } from './looks.ts'
import type { Entrance } from './wrap.ts'

export interface TrialOptions {
  readonly driver: 'overlay2' | 'vfs'
  /** Look at it by every verb that reads, mount it, save it, make containers of it: the long way. */
  readonly isThorough?: boolean
  readonly canMountKernel?: boolean
  readonly canMountFuse?: boolean
  /** Owners and types that the disk cannot have are in tar-split, or partly so. */
  readonly isKeptAside?: boolean
  /** What else is done with an attack that loaded. */
  readonly whileLoaded?: (trial: Trial, image: string) => Promise<void>
}

/** A C0 or C1 control other than a newline or a tab, or an override of the reading direction: a terminal would obey. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/u

/** These give an image's bytes as they are. */
const RAW_VERBS: ReadonlySet<string> = new Set(['cat', 'save', 'cp'])

/** Warnings that tell of the host or of the store's form, whatever the archive is. */
export const HOST_LACKS: RegExp = /(devices cannot be made|cannot be set) here/

/** No verb takes a hundredth of it on anything that is not a bomb: what takes longer would take for ever. */
const DEADLINE_MS = 60_000

export class Trial {
  readonly problems: string[] = []
  readonly ground: Ground
  readonly options: TrialOptions

  constructor(ground: Ground, options: TrialOptions) {
    this.ground = ground
    this.options = options
  }

  async hostile(hostile: HostileCase, entrance: Entrance): Promise<void> {
    const content = this.ground.inside('content')
    const inside = this.ground.inside()
    await this.confined(async () => {
      const done = await this.enter(entrance, hostile.limits)
      if (done.code !== 0) {
        this.checkError(hostile, done)
        if (this.ground.inside() !== inside) this.problem('the store is not as before')
        return
      }
      if (hostile.expect !== 'harmless') {
        this.problem(`it loaded, and should be refused with ${hostile.expect.join(' or ')}`)
      }
      await look(this, imageOf(done), hostile)
      await this.options.whileLoaded?.(this, imageOf(done))
      await this.remove(imageOf(done), content)
    })
  }

  async twin(hostile: HostileCase, entrance: Entrance): Promise<void> {
    const content = this.ground.inside('content')
    const done = await this.enter(entrance)
    if (done.code !== 0) {
      this.problem(`the benign twin is refused: ${done.stderr.trim()}`)
      return
    }
    const warned = done.stderr
      .split('\n')
      .filter((line) => line.includes('warning: ') && !HOST_LACKS.test(line))
    const { twinWarns } = hostile
    const isTold = twinWarns !== undefined && warned.every((line) => line.includes(twinWarns))
    if (warned.length > 0 && !isTold)
      this.problem(`the benign twin is warned of: ${warned.join('; ')}`)
    if (this.options.isThorough) await look(this, imageOf(done), {})
    await this.remove(imageOf(done), content)
  }

  /** The archive as it lies there, which no store has taken. */
  async lint(entrance: Entrance): Promise<void> {
    const inside = this.ground.inside()
    await this.confined(() => this.run(['--json', 'lint', entrance.input]))
    if (this.ground.inside() !== inside) this.problem('lint changed the store')
  }

  /** Whatever `act` does: nothing outside of the root changes, and what a canary holds does not come in. */
  async confined(act: () => Promise<unknown>): Promise<void> {
    const before = this.ground.outside()
    await act()
    const after = this.ground.outside()
    if (after !== before) {
      this.problem(`something outside of the root changed:\n${difference(before, after)}`)
    }
    this.checkLeaks(this.ground.root, 'the store')
  }

  checkLeaks(directory: string, what: string): void {
    const leaks = this.ground.leaksIn(directory)
    if (leaks.length > 0) this.problem(`${what} holds what a canary holds: ${leaks.join(', ')}`)
  }

  problem(text: string): void {
    this.problems.push(text)
  }

  /** A command line that may fail, but not as a bug, not by telling, and not for ever. */
  async run(args: readonly string[], stdin?: Uint8Array): Promise<InProcessOutput> {
    const what = args.join(' ').slice(0, 500)
    const signal = AbortSignal.timeout(DEADLINE_MS)
    const done = await shaleInProcess(['--driver', this.options.driver, ...args], {
      root: this.ground.root,
      signal,
      ...(stdin === undefined ? {} : { stdin }),
    })
    if (!args.some((arg) => RAW_VERBS.has(arg))) {
      const found = CONTROL.exec(done.stdout) ?? CONTROL.exec(done.stderr)
      if (found) this.problem(`${what}: prints ${JSON.stringify(found[0])} raw`)
    }
    const isSeen =
      done.stdoutBytes.includes(this.ground.secret) || done.stderr.includes(this.ground.secret)
    if (isSeen) this.problem(`${what}: prints what a canary holds`)
    if (done.code === 70) this.problem(`${what}: a bug: ${done.stderr.trim()}`)
    if (signal.aborted) this.problem(`${what}: does not end`)
    return done
  }

  /** A command line that has to succeed. */
  async must(...args: readonly string[]): Promise<InProcessOutput> {
    const done = await this.run(args)
    if (done.code !== 0) {
      this.problem(`${args.join(' ').slice(0, 500)} fails: ${done.stderr.trim().slice(0, 1000)}`)
    }
    return done
  }

  private enter(entrance: Entrance, limits: readonly string[] = []): Promise<InProcessOutput> {
    const flags = limits.flatMap((limit) => ['--limit', limit])
    const { input, verb, viaStdin } = entrance
    const stdin = viaStdin ? fs.readFileSync(input) : undefined
    if (verb === 'import') return this.run(['--json', 'import', ...flags, input, 'hostile:1'])
    const source = viaStdin ? [] : ['-i', input]
    return this.run(['--json', 'load', '--no-sync', ...flags, ...source], stdin)
  }

  private checkError(hostile: HostileCase, done: InProcessOutput): void {
    const { code, message } = errorOf(done)
    if (hostile.expect === 'harmless') this.problem(`it is refused, and is harmless: ${message}`)
    else if (!hostile.expect.includes(code)) {
      this.problem(`refused with ${code} instead of ${hostile.expect.join(' or ')}: ${message}`)
    }
    if (hostile.names !== undefined && !message.includes(hostile.names)) {
      this.problem(`the message does not name ${JSON.stringify(hostile.names)}: ${message}`)
    }
    if (message.length > 2000) this.problem(`the message has ${message.length} characters`)
  }

  private async remove(image: string, content: string): Promise<void> {
    const removed = await this.must('rmi', '-f', image)
    if (removed.code === 0 && this.ground.inside('content') !== content)
      this.problem('after rmi the store is not as it was')
  }
}

function imageOf(done: InProcessOutput): string {
  const document = JSON.parse(done.stdout) as { imageID: string } | { imageID: string }[]
  return (Array.isArray(document) ? document[0]! : document).imageID
}

/** Of a run with `--json`; `none` where no error was told in that form. */
export function errorOf(done: InProcessOutput): { code: string; message: string } {
  const line = done.stderr
    .trim()
    .split('\n')
    .find((text) => text.startsWith('{"error"'))
  if (line === undefined) return { code: 'none', message: done.stderr }
  return (JSON.parse(line) as { error: { code: string; message: string } }).error
}

function difference(before: string, after: string): string {
  const was = new Set(before.split('\n'))
  const is = new Set(after.split('\n'))
  return [
    ...[...was].filter((line) => !is.has(line)).map((line) => `- ${line}`),
    ...[...is].filter((line) => !was.has(line)).map((line) => `+ ${line}`),
  ].join('\n')
}
