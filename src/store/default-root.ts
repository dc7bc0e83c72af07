// Where a store is when nobody says: SHALE_ROOT, else /var/lib/shale for root, else the user's own data folder.

import os from 'node:os'
import path from 'node:path'

/** @param env where SHALE_ROOT and XDG_DATA_HOME are looked up; default this process's */
export function defaultRoot(env: NodeJS.ProcessEnv = process.env): string {
  if (env['SHALE_ROOT']) return path.resolve(env['SHALE_ROOT'])
  if (process.geteuid?.() === 0) return '/var/lib/shale'
  return path.join(env['XDG_DATA_HOME'] || path.join(os.homedir(), '.local', 'share'), 'shale')
}
