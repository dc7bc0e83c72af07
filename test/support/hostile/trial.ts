// One case through one entrance, and all that can be done with the image if it loaded; what went wrong as plain lines.
// The verbs run in this process, so that a corpus of hundreds takes seconds.

import fs from 'node:fs'
import path from 'node:path'
import { buildImage, dockerArchive25, packed } from '../image.ts'
import { shaleInProcess, type InProcessOutput } from '../in-process.ts'
import { dir, file, layerTar } from '../layer.ts'
import type { HostileCase } from './case.ts'
import type { Ground } from './ground.ts'
import type { Entrance } from './wrap.ts'

export interface TrialOptions {
  readonly driver: 'overlay2' | 'vfs'
  /** Look at it, mount it, save it: the long way. */
  readonly isThorough?: boolean
  readonly canMountKernel?: boolean
}

type Run = (...args: readonly string[]) => Promise<InProcessOutput>

/** A C0 or C1 control other than a newline or a tab, or an override of the reading direction: a terminal would obey. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/u

export class Trial {
  readonly problems: string[] = []
  readonly ground: Ground
  private readonly options: TrialOptions

  constructor(ground: Ground, options: TrialOptions) {
    this.ground = ground
    this.options = options
  }

  /** @returns the error's code, or undefined where it loaded */
  async hostile(hostile: HostileCase, entrance: Entrance): Promise<string | undefined> {
    const before = this.ground.outside()
    const inside = this.ground.inside()
    const content = this.ground.inside('content')
    const done = await this.enter(entrance, hostile.limits)
    if (done.code !== 0) {
      this.checkError(hostile, done)
      if (this.ground.inside() !== inside) this.problem('the store is not as before')
    } else if (hostile.expect !== 'harmless') {
      this.problem(`it loaded, and should be refused with ${hostile.expect.join(' or ')}`)
    }
    if (done.code === 0) await this.look(hostile, done)
    if (this.ground.outside() !== before) {
      this.problem(
        `something outside of the root changed:\n${difference(before, this.ground.outside())}`,
      )
    }
    const leaks = this.ground.leaksIn(this.ground.root)
    if (leaks.length > 0) this.problem(`the store holds what a canary holds: ${leaks.join(', ')}`)
    if (done.code === 0) await this.remove(done, content)
    return done.code === 0 ? undefined : errorOf(done).code
  }

  async twin(hostile: HostileCase, entrance: Entrance): Promise<void> {
    const content = this.ground.inside('content')
    const done = await this.enter(entrance)
    if (done.code !== 0) {
      this.problem(`the benign twin is refused: ${done.stderr.trim()}`)
      return
    }
    if (this.options.isThorough) await this.look({ ...hostile, holds: {}, lacks: [] }, done)
    await this.remove(done, content)
  }

  private problem(text: string): void {
    this.problems.push(text)
  }

  private enter(entrance: Entrance, limits: readonly string[] = []): Promise<InProcessOutput> {
    const flags = limits.flatMap((limit) => ['--limit', limit])
    const { input, verb } = entrance
    if (verb === 'import')
      return this.run(['--json', 'import', ...flags, input, 'hostile:1'], entrance)
    const source = entrance.viaStdin ? [] : ['-i', input]
    return this.run(['--json', 'load', '--no-sync', ...flags, ...source], entrance)
  }

  private async run(args: readonly string[], entrance?: Entrance): Promise<InProcessOutput> {
    const done = await shaleInProcess(['--driver', this.options.driver, ...args], {
      root: this.ground.root,
      ...(entrance?.viaStdin ? { stdin: fs.readFileSync(entrance.input) } : {}),
    })
    const isRaw = args.some((arg) => arg === 'cat' || arg === 'save')
    if (!isRaw) {
      const found = CONTROL.exec(done.stdout) ?? CONTROL.exec(done.stderr)
      if (found) this.problem(`${args.join(' ')}: prints ${JSON.stringify(found[0])} raw`)
    }
    const isSeen =
      done.stdoutBytes.includes(this.ground.secret) || done.stderr.includes(this.ground.secret)
    if (isSeen) this.problem(`${args.join(' ')}: prints what a canary holds`)
    if (done.code === 70) this.problem(`${args.join(' ')}: a bug: ${done.stderr.trim()}`)
    return done
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

  /** Everything that reads the image; reading verbs may fail on it, but not as a bug, and not by telling. */
  private async look(hostile: HostileCase, done: InProcessOutput): Promise<void> {
    const id = imageOf(done)
    const run: Run = (...args) => this.run(args)
    const listed = await run('--json', 'ls', '-R', id)
    if (listed.code !== 0) this.problem(`ls -R fails: ${listed.stderr.trim()}`)
    const files =
      listed.code === 0 ? (JSON.parse(listed.stdout) as { path: string; type: string }[]) : []
    for (const [name, content] of Object.entries(hostile.holds ?? {})) {
      const read = await run('cat', `${id}:${name}`)
      if (read.stdout !== content) {
        this.problem(
          `${name} should hold ${JSON.stringify(content)}: ${JSON.stringify(read.stdout)} ${read.stderr}`,
        )
      }
    }
    for (const name of hostile.lacks ?? []) {
      if (files.some((file) => file.path === name)) this.problem(`${name} should not be there`)
    }
    const links = files
      .filter((file) => file.type !== 'file' && file.type !== 'directory')
      .slice(0, 60)
    for (const { path: name } of links) {
      await run('cat', `${id}:${name}`)
      await run('ls', `${id}:${name}/`)
    }
    for (const name of ['/etc/passwd', '/secret', '/d/secret', '/s/dir/keep'])
      await run('cat', `${id}:${name}`)
    if (!this.options.isThorough) return
    for (const verb of ['ls', 'inspect', 'history', 'layers', 'lint']) await run(verb, id)
    await run('ls', '-lR', '--layers', id)
    for (const verb of ['images', 'tree', 'info', 'df']) await run(verb)
    await run('inspect', '-f', '{{json .Config}} {{.Author}} {{.Comment}}', id)
    await run('history', '--no-trunc', '--format', '{{.CreatedBy}} {{.Comment}}', id)
    await this.mount(id, 'merge')
    if (this.options.canMountKernel && this.options.driver === 'overlay2')
      await this.mount(id, 'kernel')
    await this.save(id)
    await this.container(id)
  }

  private async mount(id: string, view: 'merge' | 'kernel'): Promise<void> {
    const target = path.join(this.ground.scratch, `mounted-${view}`)
    fs.mkdirSync(target)
    const shown = await this.run(['mount', '--view', view, id, target])
    if (shown.code !== 0) this.problem(`mount --view ${view} fails: ${shown.stderr.trim()}`)
    else {
      const leaks = this.ground.leaksIn(target)
      if (leaks.length > 0)
        this.problem(`the ${view} holds what a canary holds: ${leaks.join(', ')}`)
      const gone = await this.run(['umount', target])
      if (gone.code !== 0) this.problem(`umount fails: ${gone.stderr.trim()}`)
    }
    fs.rmSync(target, { recursive: true, force: true })
  }

  private async save(id: string): Promise<void> {
    const file = path.join(this.ground.scratch, 'saved.tar')
    const saved = await this.run(['save', '-o', file, id])
    if (saved.code !== 0) this.problem(`save fails: ${saved.stderr.trim()}`)
    else if (fs.readFileSync(file).includes(this.ground.secret))
      this.problem('the saved archive holds what a canary holds')
    fs.rmSync(file, { force: true })
  }

  /** Where this shale has such verbs: a container of it, exported and compared. */
  private async container(id: string): Promise<void> {
    const created = await this.run(['create', '--name', 'hostile', id, '/bin/true'])
    if (created.code === 2) return
    if (created.code !== 0) {
      this.problem(`create fails: ${created.stderr.trim()}`)
      return
    }
    const file = path.join(this.ground.scratch, 'exported.tar')
    await this.run(['export', '-o', file, 'hostile'])
    if (fs.existsSync(file) && fs.readFileSync(file).includes(this.ground.secret))
      this.problem('the exported tar holds what a canary holds')
    fs.rmSync(file, { force: true })
    await this.run(['diff', 'hostile'])
    const removed = await this.run(['rm', '-f', '-v', 'hostile'])
    if (removed.code !== 0) this.problem(`rm fails: ${removed.stderr.trim()}`)
  }

  private async remove(done: InProcessOutput, content: string): Promise<void> {
    const removed = await this.run(['rmi', '-f', imageOf(done)])
    if (removed.code !== 0) this.problem(`rmi fails: ${removed.stderr.trim()}`)
    else if (this.ground.inside('content') !== content)
      this.problem('after rmi the store is not as it was')
  }
}

function imageOf(done: InProcessOutput): string {
  const document = JSON.parse(done.stdout) as { imageID: string } | { imageID: string }[]
  return (Array.isArray(document) ? document[0]! : document).imageID
}

function errorOf(done: InProcessOutput): { code: string; message: string } {
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

/** A store that has something to lose. */
export async function oldStore(
  ground: Ground,
  driver: 'overlay2' | 'vfs',
  form?: 'trusted' | 'user' | 'none',
): Promise<void> {
  if (form !== undefined) {
    // What a first write would settle, settled for it.
    fs.mkdirSync(path.join(ground.root, 'shale'))
    fs.writeFileSync(path.join(ground.root, 'shale', 'form'), form)
  }
  const archive = path.join(ground.scratch, 'old.tar')
  const image = buildImage([layerTar(dir('old'), file('old/f', 'old'))])
  fs.writeFileSync(archive, packed(dockerArchive25([{ image, tags: ['old:1'] }])))
  const flags = ['--driver', driver, 'load', '--no-sync', '-i', archive]
  const done = await shaleInProcess(flags, { root: ground.root })
  if (done.code !== 0) throw new Error(done.stderr)
  // The folders that a first container leaves, so that later ones leave nothing new; `VOLUME` for that of volumes.
  for (const line of [
    ['create', '--name', 'first', '-v', '/kept', 'old:1', '/bin/true'],
    ['rm', '-v', 'first'],
  ]) {
    const made = await shaleInProcess(['--driver', driver, ...line], { root: ground.root })
    if (made.code !== 0) throw new Error(made.stderr)
  }
}
