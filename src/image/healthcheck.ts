// HEALTHCHECK of a `--change`: NONE, or CMD with its options. Durations are Go's (`1m30s`), kept in nanoseconds.
// Source: buildkit dockerfile/instructions and Go's time.ParseDuration.

import type { HealthConfig } from './container-config.ts'
import { jsonArguments } from './dockerfile-lines.ts'
import type { Instruction } from './dockerfile-lines.ts'
import { DockerfileSyntaxError } from './dockerfile-words.ts'

const DURATIONS = {
  interval: 'Interval',
  timeout: 'Timeout',
  'start-period': 'StartPeriod',
  'start-interval': 'StartInterval',
} as const

const UNIT_NS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
}
const MILLISECOND = 1e6

export function parseHealthcheck({ flags, rest }: Instruction): HealthConfig {
  const space = /\s+/.exec(rest)
  const type = (space === null ? rest : rest.slice(0, space.index)).toUpperCase()
  const command = space === null ? '' : rest.slice(space.index + space[0].length)
  if (type === 'NONE') {
    if (command !== '') throw new DockerfileSyntaxError('HEALTHCHECK NONE takes no arguments')
    if (flags.length > 0) throw new DockerfileSyntaxError(`unknown flag: ${flagName(flags[0]!)}`)
    return { Test: ['NONE'] }
  }
  const options = parseFlags(flags)
  if (type !== 'CMD') {
    throw new DockerfileSyntaxError(`Unknown type ${JSON.stringify(type)} in HEALTHCHECK (try CMD)`)
  }
  const exec = jsonArguments(command)
  if (command === '' || exec?.length === 0) {
    throw new DockerfileSyntaxError('Missing command after HEALTHCHECK CMD')
  }
  return { Test: exec === undefined ? ['CMD-SHELL', command] : ['CMD', ...exec], ...options }
}

function flagName(flag: string): string {
  return flag.replace(/=.*/s, '')
}

function parseFlags(flags: readonly string[]): HealthConfig {
  const options: Record<string, number> = {}
  const seen = new Set<string>()
  for (const flag of flags) {
    const name = flagName(flag).slice(2)
    const known = name === 'retries' || Object.hasOwn(DURATIONS, name)
    if (!known) throw new DockerfileSyntaxError(`unknown flag: --${name}`)
    if (seen.has(name)) throw new DockerfileSyntaxError(`duplicate flag specified: --${name}`)
    if (!flag.includes('=')) throw new DockerfileSyntaxError(`missing a value on flag: --${name}`)
    seen.add(name)
    const value = flag.slice(flag.indexOf('=') + 1)
    if (value === '') continue
    if (name === 'retries') options['Retries'] = parseRetries(value)
    else options[DURATIONS[name as keyof typeof DURATIONS]] = parseInterval(name, value)
  }
  return options
}

function parseRetries(value: string): number {
  const retries = Number(value)
  if (!/^[+-]?\d+$/.test(value) || Math.abs(retries) > 0x7fffffff) {
    throw new DockerfileSyntaxError(`--retries: ${JSON.stringify(value)} is not a number`)
  }
  if (retries < 0) throw new DockerfileSyntaxError(`--retries cannot be negative (${retries})`)
  return retries
}

function parseInterval(name: string, value: string): number {
  const ns = parseDuration(value)
  if (ns !== 0 && ns < MILLISECOND) {
    throw new DockerfileSyntaxError(`Interval ${JSON.stringify(name)} cannot be less than 1ms`)
  }
  return ns
}

/** Nanoseconds of a Go duration: `300ms`, `-1.5h`, `2h45m`, `0`. */
function parseDuration(text: string): number {
  const body = text.replace(/^[+-]/, '')
  const part = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y
  let ns = 0
  if (body !== '0') {
    do {
      const match = part.exec(body)
      if (match === null) {
        throw new DockerfileSyntaxError(
          /^[\d.]+$/.test(body)
            ? `time: missing unit in duration ${JSON.stringify(text)}`
            : `time: invalid duration ${JSON.stringify(text)}`,
        )
      }
      ns += Number(match[1]) * UNIT_NS[match[2]!]!
    } while (part.lastIndex < body.length)
  }
  if (!Number.isSafeInteger(Math.trunc(ns))) {
    throw new DockerfileSyntaxError(`time: invalid duration ${JSON.stringify(text)}`)
  }
  return Math.trunc(text.startsWith('-') ? -ns : ns)
}
