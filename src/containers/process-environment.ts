// The environment of a program that starts in an image: docker's defaults, the image's variables, the caller's.

import type { ContainerConfig } from '../image/container-config.ts'

/** moby system.DefaultPathEnv. */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export interface EnvironmentFacts {
  readonly home: string
  readonly hostname?: string
  /** `NAME=VALUE`, the last of a name wins. */
  readonly extra?: readonly string[]
}

export function processEnvironment(
  config: ContainerConfig,
  { home, hostname, extra = [] }: EnvironmentFacts,
): Record<string, string> {
  const env = new Map<string, string>([['PATH', DEFAULT_PATH]])
  if (hostname !== undefined) env.set('HOSTNAME', hostname)
  if (config.Tty) env.set('TERM', 'xterm')
  for (const variable of [...(config.Env ?? []), ...extra]) {
    const equals = variable.indexOf('=')
    // A name alone takes a variable away, as docker create -e NAME does where the host has none.
    if (equals < 0) env.delete(variable)
    else env.set(variable.slice(0, equals), variable.slice(equals + 1))
  }
  if (!env.has('HOME')) env.set('HOME', home)
  return Object.fromEntries(env)
}
