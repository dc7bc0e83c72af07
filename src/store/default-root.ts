// Where a store is when nobody says: SHALE_ROOT, else /var/lib/shale for root, else the user's own data folder.

import os from 'node:os'
import path from 'node:path'
import { HostError } from '../errors.ts'

/**
 * @param env where SHALE_ROOT, XDG_DATA_HOME and HOME are looked up; default this process's
 * @throws HostError ERR_HOST for a user without a home
 */
export function defaultRoot(env: NodeJS.ProcessEnv = process.env): string {
  if (env['SHALE_ROOT']) return path.resolve(env['SHALE_ROOT'])
  if (process.geteuid?.() === 0) return '/var/lib/shale'
  return userRoot(env)
}

/** The XDG base directory specification: a relative path is to be passed over, or the store would lie where one stands. */
export function userRoot(env: NodeJS.ProcessEnv): string {
  const data = env['XDG_DATA_HOME'] ?? ''
  if (path.isAbsolute(data)) return path.join(data, 'shale')
  const named = env['HOME'] ?? ''
  const home = path.isAbsolute(named) ? named : recordedHome()
  return path.join(home, '.local', 'share', 'shale')
}

/** As /etc/passwd has it. */
function recordedHome(): string {
  try {
    return os.userInfo().homedir
  } catch (cause) {
    throw new HostError(
      'ERR_HOST',
      `cannot tell where the store is: user ${process.geteuid?.() ?? ''} has no home directory; name a place with --root, SHALE_ROOT or HOME`,
      { cause },
    )
  }
}
