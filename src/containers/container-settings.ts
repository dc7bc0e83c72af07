// What a container starts with: what its maker asked for, and the image's config where nothing was asked.
// Pure rules over configs; the same merge fills a commit's config. Source: moby daemon merge() and
// mergeAndVerifyConfig().

import path from 'node:path'
import { InvalidArgumentError } from '../errors.ts'
import type { ContainerConfig, HealthConfig } from '../image/container-config.ts'
import { isSignal } from '../image/signal-names.ts'

/** `config` as asked, its gaps filled from `base`. */
export function mergeConfigs(config: ContainerConfig, base: ContainerConfig): ContainerConfig {
  const merged: { -readonly [Key in keyof ContainerConfig]: ContainerConfig[Key] } = { ...config }
  const fill = <Key extends keyof ContainerConfig>(key: Key): void => {
    if (base[key] !== undefined) merged[key] = base[key]
  }
  if (!config.User) fill('User')
  // None at all stays null, as docker writes it: an empty list is another image ID.
  if (isEmpty(config.Env)) {
    delete merged.Env
    fill('Env')
  } else merged.Env = withMissingVariables(config.Env ?? [], base.Env ?? [])
  merged.Labels = { ...base.Labels, ...config.Labels }
  if (isEmpty(config.Entrypoint)) {
    if (isEmpty(config.Cmd)) {
      fill('Cmd')
      fill('ArgsEscaped')
    }
    if (config.Entrypoint === undefined) fill('Entrypoint')
  }
  if (base.Healthcheck) merged.Healthcheck = mergeHealth(config.Healthcheck, base.Healthcheck)
  if (!config.WorkingDir) fill('WorkingDir')
  if (!config.StopSignal) fill('StopSignal')
  for (const key of ['ExposedPorts', 'Volumes'] as const) {
    const all = [...new Set([...(config[key] ?? []), ...(base[key] ?? [])])].sort()
    if (all.length > 0) merged[key] = all
    else delete merged[key]
  }
  return merged
}

function withMissingVariables(asked: readonly string[], base: readonly string[]): string[] {
  const names = new Set(asked.map(nameOf))
  return [...asked, ...base.filter((variable) => !names.has(nameOf(variable)))]
}

function nameOf(variable: string): string {
  return variable.split('=', 1)[0]!
}

function isEmpty(list: readonly string[] | undefined): boolean {
  return list === undefined || list.length === 0
}

function mergeHealth(asked: HealthConfig | undefined, base: HealthConfig): HealthConfig {
  if (asked === undefined) return base
  const test = isEmpty(asked.Test) ? base.Test : asked.Test
  const numbers = ['Interval', 'Timeout', 'StartPeriod', 'Retries'] as const
  const filled = Object.fromEntries(
    numbers.flatMap((name) => {
      const value = asked[name] || base[name]
      return value === undefined ? [] : [[name, value] as const]
    }),
  )
  return { ...asked, ...filled, ...(test === undefined ? {} : { Test: test }) }
}

/**
 * The config of a new container.
 * @throws InvalidArgumentError ERR_OPTION in docker's words: no command, a relative working directory, a bad variable
 */
export function settleConfig(asked: ContainerConfig, image: ContainerConfig): ContainerConfig {
  for (const variable of asked.Env ?? []) {
    if (nameOf(variable) === '') throw refuse('env', variable, 'invalid environment variable')
  }
  if (asked.StopSignal && !isSignal(asked.StopSignal))
    throw refuse('stop-signal', asked.StopSignal, 'Invalid signal')
  const merged = mergeConfigs(asked, image)
  const reset = merged.Entrypoint?.length === 1 && merged.Entrypoint[0] === ''
  const { Entrypoint: entrypoint, ...rest } = merged
  const config: ContainerConfig =
    reset || entrypoint === undefined ? rest : { ...rest, Entrypoint: entrypoint }
  if (isEmpty(config.Entrypoint) && isEmpty(config.Cmd)) {
    throw new InvalidArgumentError('ERR_OPTION', 'No command specified', {
      details: { option: 'command' },
    })
  }
  const { WorkingDir } = config
  if (!WorkingDir) return config
  if (!WorkingDir.startsWith('/')) {
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `the working directory '${WorkingDir}' is invalid, it needs to be an absolute path`,
      { details: { option: 'workdir', value: WorkingDir } },
    )
  }
  const clean = path.posix.normalize(WorkingDir).replace(/(.)\/$/, '$1')
  return { ...config, WorkingDir: clean }
}

/** The program and its arguments. */
export function commandOf(config: ContainerConfig): { path: string; args: readonly string[] } {
  const [program = '', ...args] = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])]
  return { path: program, args }
}

function refuse(option: string, value: string, reason: string): InvalidArgumentError {
  return new InvalidArgumentError('ERR_OPTION', `${reason}: ${value}`, {
    details: { option, value },
  })
}
