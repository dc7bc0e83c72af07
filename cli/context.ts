// What every verb is given: the global options as settled for this run, the sinks, the signal, and the store on demand.
// Loads the library only when a verb asks for it, so that --help, --version and completion stay instant.

import type { DriverName, OnWarning, Store, Warning } from '../src/index.ts'
import { isKnownError, isSystemError } from './exit-code.ts'
import { ClosedPipe, type Sink } from './output.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export interface GlobalSettings {
  /** undefined: SHALE_ROOT, else the library's default. */
  readonly root?: string
  readonly driver?: DriverName
  readonly json: boolean
  /** No progress, no warnings, no notes; results and errors only. */
  readonly quiet: boolean
  readonly color: boolean
  readonly logLevel: LogLevel
  readonly lockTimeoutMs: number
}

export const DEFAULT_SETTINGS: GlobalSettings = {
  json: false,
  quiet: false,
  color: true,
  logLevel: 'info',
  lockTimeoutMs: 10_000,
}

export interface Host {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: Sink
  readonly stderr: Sink
  readonly env: NodeJS.ProcessEnv
  /** Aborted by SIGINT, SIGTERM, SIGHUP and by a reader that closes stdout. */
  readonly signal: AbortSignal
}

export class Context {
  readonly stdout: Sink
  readonly stderr: Sink
  readonly env: NodeJS.ProcessEnv
  readonly signal: AbortSignal
  /** Set by a verb that changes something: what holds when a signal ends it before its time. */
  ifInterrupted: string | undefined
  private readonly host: Host
  private isReading = false
  private settings: GlobalSettings = DEFAULT_SETTINGS

  constructor(host: Host) {
    this.host = host
    this.stdout = host.stdout
    this.stderr = host.stderr
    this.env = host.env
    this.signal = host.signal
  }

  /** Called once, before the verb's action, with what the command line said. */
  configure(settings: GlobalSettings): void {
    this.settings = settings
  }

  /** Who waits for standard input is woken by the signal: the stream then fails with the signal's reason. */
  get stdin(): NodeJS.ReadStream {
    const { stdin } = this.host
    if (!this.isReading) {
      this.isReading = true
      const stop = (): void => {
        stdin.destroy(this.signal.reason as Error)
      }
      // The signal may come before the first read, while a lock is waited for: an error that nobody listens to would end
      // the process with a stack trace, and nothing would be undone. Whoever reads is told of it then.
      stdin.on('error', () => {})
      if (this.signal.aborted) stop()
      else this.signal.addEventListener('abort', stop, { once: true })
    }
    return stdin
  }

  get driver(): DriverName | undefined {
    return this.settings.driver
  }
  get json(): boolean {
    return this.settings.json
  }
  get quiet(): boolean {
    return this.settings.quiet
  }
  get logLevel(): LogLevel {
    return this.settings.logLevel
  }
  get lockTimeoutMs(): number {
    return this.settings.lockTimeoutMs
  }
  /** Colour goes to terminals only, and not where NO_COLOR (no-color.org) or --no-color says so. */
  get color(): boolean {
    return this.settings.color && !this.env['NO_COLOR'] && this.stdout.isTerminal
  }

  async root(): Promise<string> {
    if (this.settings.root !== undefined) return this.settings.root
    const { defaultRoot } = await import('./library/store.ts')
    return defaultRoot(this.env)
  }

  /**
   * @param options.sync false with --no-sync
   * @param options.onWarning for verbs that draw on stderr meanwhile; default: told at once
   * @param options.mayBeNew for verbs that make a store, or do without one. To all others a root that is named and not
   *   there is a mistake; the default one is merely empty until something is loaded.
   */
  async openStore(
    options: {
      readonly sync?: boolean
      readonly onWarning?: OnWarning
      readonly mayBeNew?: boolean
    } = {},
  ): Promise<Store> {
    const { openStore } = await import('./library/store.ts')
    const root = await this.root()
    const { mayBeNew = false, ...rest } = options
    const isNamed = this.settings.root !== undefined || Boolean(this.env['SHALE_ROOT'])
    const store = await openStore(root, {
      onWarning: this.onWarning,
      ...rest,
      mustExist: isNamed && !mayBeNew,
      ...(this.driver === undefined ? {} : { driver: this.driver }),
      lockTimeoutMs: this.lockTimeoutMs,
    })
    await this.log('debug', `opened ${store.root} with driver ${store.driver.name}`)
    return store
  }

  /** For the library's onWarning; a function of its own so that it can be handed over. */
  readonly onWarning = (warning: Warning): void => {
    const entry = warning.entry === undefined ? '' : `: ${warning.entry}`
    const times = warning.count > 1 ? ` (${warning.count} times)` : ''
    void this.log('warn', `warning: ${warning.message}${entry}${times}`)
  }

  /** Whether a verb of several names may report this and go on with the next: not after a signal or a closed pipe. */
  isFailureOfOne(error: unknown): boolean {
    return !this.signal.aborted && !(error instanceof ClosedPipe) && isExpected(error)
  }

  shows(level: LogLevel): boolean {
    if (level !== 'error' && level !== 'debug' && this.quiet) return false
    return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(this.logLevel)
  }

  /** One line on stderr, if the log level and --quiet let it through. Text from an image must be escaped already. */
  async log(level: LogLevel, text: string): Promise<void> {
    if (!this.shows(level)) return
    try {
      await this.stderr.write(`shale: ${text}\n`)
    } catch (error) {
      // Nobody reads stderr: the work goes on.
      if (!(error instanceof ClosedPipe)) throw error
    }
  }
}

/** A bug is not one name's failure: it ends the run and shows its stack. */
function isExpected(error: unknown): boolean {
  return isKnownError(error) || isSystemError(error)
}
