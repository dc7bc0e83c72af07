// A module of ours as a process of its own that goes on after this one: started, told what to do, and let go when it
// says that it is ready. Knows the handshake; what the server serves is the caller's.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import os from 'node:os'
import { fileURLToPath } from 'node:url'
import { HostError, unpackError, type PackedError } from '../errors.ts'

/**
 * V8's own threads, that compile while it runs: four is Node's number, of which each takes the processor from the server
 * and from whoever waits for it. One is left to those; a first walk on two processors takes an eighth less time so.
 */
const COMPILING_MAX = 4
const COMPILING = `--v8-pool-size=${Math.min(COMPILING_MAX, Math.max(1, os.availableParallelism() - 1))}`

/** What the server sends back over the channel; one of them, once. */
export type ServerGreeting = { readonly ready: true } | { readonly failed: PackedError }

export interface StartedServer {
  readonly pid: number
  /** Of one that stays attached: its exit code, -1 when a signal ended it. */
  readonly ended: Promise<number>
  stop(): void
}

export interface StartServerOptions {
  /** Sent as the first message; JSON. */
  readonly config: object
  /** For process lists. */
  readonly label: string
  /** It keeps this process's output, and this process waits for it. */
  readonly attached?: boolean
}

/** @throws what the server failed with; HostError where it ended without a word */
export async function startServer(
  module: URL,
  options: StartServerOptions,
): Promise<StartedServer> {
  const { attached = false } = options
  const output = attached ? 'inherit' : 'ignore'
  const child = spawn(process.execPath, [COMPILING, fileURLToPath(module), options.label], {
    stdio: ['ignore', output, output, 'ipc'],
    detached: true,
    // No directory is kept busy by it, least of all one that it covers itself.
    cwd: '/',
  })
  const ended = once(child, 'exit').then(([code]) => (code as number | null) ?? -1)
  // Whoever does not wait for it must not hear of it either.
  ended.catch(() => undefined)
  const greeting = await new Promise<ServerGreeting | undefined>((resolve, reject) => {
    child.once('message', (message) => resolve(message as ServerGreeting))
    child.once('exit', () => resolve(undefined))
    child.once('error', reject)
    child.send(options.config, (error) => {
      if (error) resolve(undefined)
    })
  })
  if (child.connected) child.disconnect()
  if (greeting === undefined) {
    throw new HostError('ERR_HOST', `cannot start ${options.label}: its process ended at once`, {
      details: { pid: child.pid },
    })
  }
  if ('failed' in greeting) throw unpackError(greeting.failed)
  if (!attached) child.unref()
  return { pid: child.pid!, ended, stop: () => void child.kill('SIGTERM') }
}
