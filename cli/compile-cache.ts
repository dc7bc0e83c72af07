// V8's compiled code, kept from one run to the next where Node can do that (from 22.8 on): compiling the program is a
// third of what a listing takes there. Knows where it may be kept safely.

import fs from 'node:fs'
import module from 'node:module'
import path from 'node:path'
import process from 'node:process'

/** Newer than the types that the oldest Node of ours has. */
const { enableCompileCache } = module as { enableCompileCache?: (directory: string) => unknown }

/** Where the user has said otherwise, Node has heard it already. Anything in the way means that nothing is kept. */
export function useCompileCache(): void {
  const { env } = process
  if (!enableCompileCache || env['NODE_COMPILE_CACHE'] || env['NODE_DISABLE_COMPILE_CACHE']) return
  const directory = ownCacheDirectory(env)
  if (directory !== undefined) enableCompileCache(directory)
}

/**
 * `$XDG_CACHE_HOME/shale/code`, made if need be; undefined where that is not this user's alone: what is in it gets run,
 * and under sudo the home may still be that of somebody else.
 */
export function ownCacheDirectory(env: NodeJS.ProcessEnv): string | undefined {
  const { XDG_CACHE_HOME: given, HOME: home } = env
  const cache = given && path.isAbsolute(given) ? given : home && path.join(home, '.cache')
  if (!cache) return undefined
  const directory = path.join(cache, 'shale', 'code')
  try {
    // A home that is not there, or not ours, is nothing to make folders in.
    if (fs.statSync(path.dirname(cache)).uid !== process.getuid!()) return undefined
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 })
    for (const each of [directory, path.dirname(directory)]) {
      const found = fs.lstatSync(each)
      const isOurs = found.isDirectory() && found.uid === process.getuid!()
      if (!isOurs || (found.mode & 0o022) !== 0) return undefined
    }
    return directory
  } catch {
    return undefined
  }
}
