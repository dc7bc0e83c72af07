// `--ulimit`: what each process of a container may use at most, by setrlimit(2).
// Source: docker/go-units ulimit.go, docker/cli opts/ulimit.go.

import { wrongArgument } from './wrong-option.ts'

export interface Ulimit {
  readonly name: string
  /** -1 is no bound. */
  readonly soft: number
  readonly hard: number
}

const NAMES: ReadonlySet<string> = new Set([
  ...['core', 'cpu', 'data', 'fsize', 'locks', 'memlock', 'msgqueue', 'nice', 'nofile'],
  ...['nproc', 'rss', 'rtprio', 'rttime', 'sigpending', 'stack'],
])

/** The last of a name counts, and they are written by name. @throws InvalidArgumentError ERR_OPTION in docker's words */
export function parseUlimits(texts: readonly string[]): readonly Ulimit[] {
  const byName = new Map(texts.map(parseUlimit).map((each) => [each.name, each]))
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** `NAME=SOFT[:HARD]` */
function parseUlimit(text: string): Ulimit {
  const refuse = (reason: string): Error => wrongArgument('ulimit', text, reason)
  const equals = text.indexOf('=')
  if (equals < 0) throw refuse(`invalid ulimit argument: ${text}`)
  const [name, values] = [text.slice(0, equals), text.slice(equals + 1)]
  if (!NAMES.has(name)) throw refuse(`invalid ulimit type: ${name}`)
  const bounds = values.split(':')
  if (bounds.length > 2)
    throw refuse(
      `too many limit value arguments - ${values}, can only have up to two, \`soft[:hard]\``,
    )
  const [soft, hard = soft] = bounds.map((bound) => boundOf(bound, refuse)) as [number, number?]
  const rule = 'ulimit soft limit must be less than or equal to hard limit'
  if (hard !== -1 && soft === -1) throw refuse(`${rule}: soft: -1 (unlimited), hard: ${hard}`)
  if (hard !== -1 && soft > hard) throw refuse(`${rule}: ${soft} > ${hard}`)
  return { name, soft, hard }
}

/** The documents have it as a number of JSON, which readers other than docker's hold exactly up to 2^53. */
function boundOf(text: string, refuse: (reason: string) => Error): number {
  const reason = (why: string): Error =>
    refuse(`strconv.ParseInt: parsing ${JSON.stringify(text)}: ${why}`)
  if (!/^[+-]?\d+$/.test(text)) throw reason('invalid syntax')
  const bound = Number(text)
  if (!Number.isSafeInteger(bound)) throw reason('value out of range; -1 is no bound')
  return bound
}
