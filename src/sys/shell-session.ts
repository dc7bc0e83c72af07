// One sh(1) that is given commands one after another, as a person at a terminal gives them: variables, the working
// directory and mounts of a namespace stay between them. Standard error comes with standard output, in order.
// Knows processes; knows nothing of what is asked of them.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { HostError } from '../errors.ts'

export interface ShellSessionOptions {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  readonly signal?: AbortSignal
}

export interface ShellAnswer {
  readonly output: string
  readonly code: number
}

/** A command that says more than this is stopped with the session. */
const OUTPUT_BYTES_MAX = 16 << 20

export class ShellSession implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #ended: Promise<void>
  readonly #mark = randomBytes(12).toString('hex')
  #said = ''
  #failure: Error | undefined
  #wake: () => void = () => {}

  /** @param program ends in a shell that reads commands from standard input: `sh`, `unshare -rm sh` */
  constructor(program: readonly string[], options: ShellSessionOptions) {
    const [file, ...args] = program
    const { cwd, env, signal } = options
    this.#child = spawn(file!, args, { cwd, env, stdio: 'pipe', detached: true })
    const hear = (chunk: string): void => {
      this.#said += chunk
      if (this.#said.length > OUTPUT_BYTES_MAX) this.#fail(new Error('it says too much'))
      this.#wake()
    }
    this.#child.stdout.setEncoding('utf8').on('data', hear)
    this.#child.stderr.setEncoding('utf8').on('data', hear)
    this.#child.stdin.on('error', (error) => this.#fail(error))
    this.#child.on('error', (error) => this.#fail(error))
    const abort = (): void => this.#fail(signal?.reason as Error)
    // One that was aborted before tells nobody any more.
    if (signal?.aborted) abort()
    else signal?.addEventListener('abort', abort, { once: true })
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', () => {
        // One signal may see many sessions.
        signal?.removeEventListener('abort', abort)
        this.#fail(new Error(this.#said.trim() || 'it ended'))
        resolve()
      })
      this.#child.once('error', () => resolve())
    })
  }

  /** @throws HostError where the shell is gone; signal.reason */
  async run(command: string): Promise<ShellAnswer> {
    this.#said = ''
    // A here-document of the command would need a mark as well; eval takes it as one word whatever is in it.
    const word = `'${command.replaceAll("'", `'\\''`)}'`
    this.#child.stdin.write(`eval ${word} 2>&1 </dev/null; printf '\\n${this.#mark} %d\\n' "$?"\n`)
    const end = new RegExp(`\\n${this.#mark} (\\d+)\\n`)
    for (;;) {
      const found = end.exec(this.#said)
      if (found) return { output: this.#said.slice(0, found.index), code: Number(found[1]) }
      if (this.#failure) throw this.#failure
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  /** With all that it started; its mounts, if it has a namespace of its own, go with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end()
    this.#kill()
    await this.#ended
  }

  #fail(cause: Error): void {
    if (this.#failure === undefined) {
      this.#failure =
        cause.name === 'AbortError' || cause.name === 'Interrupted'
          ? cause
          : new HostError('ERR_HOST', `cannot run the commands: ${cause.message}`, { cause })
      this.#kill()
    }
    this.#wake()
  }

  #kill(): void {
    const { pid } = this.#child
    if (pid === undefined) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // It is gone already.
    }
  }
}
