// Which IDs an ordinary user may map into a user namespace: its own, and what /etc/subuid and /etc/subgid grant where
// newuidmap and newgidmap are there to set it (subuid(5)). The root of a user namespace: those that it has itself.

import fs from 'node:fs'
import os from 'node:os'
import { inUserNamespace } from '../sys/probe.ts'
import { findProgram } from '../sys/run-program.ts'
import type { IDMapping, UserMappings } from './bundle-spec.ts'

/** The caller is root inside. undefined for the host's root, who needs none. */
export function userMappings(): UserMappings | undefined {
  const uid = process.geteuid?.() ?? 0
  const gid = process.getegid?.() ?? 0
  if (uid === 0) {
    return inUserNamespace()
      ? { uids: mapped('/proc/self/uid_map'), gids: mapped('/proc/self/gid_map') }
      : undefined
  }
  const own = (hostID: number): IDMapping => ({ containerID: 0, hostID, size: 1 })
  const [uids, gids] = ['/etc/subuid', '/etc/subgid'].map((file) => granted(file, uid))
  const canSet = findProgram('newuidmap') !== undefined && findProgram('newgidmap') !== undefined
  if (!canSet || !uids || !gids) return { uids: [own(uid)], gids: [own(gid)] }
  return { uids: [own(uid), uids], gids: [own(gid), gids] }
}

/** user_namespaces(7): as many in a namespace below, each under its own number. */
function mapped(file: string): IDMapping[] {
  return fs
    .readFileSync(file, 'latin1')
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .map(([inside = 0, , size = 0]) => ({ containerID: inside, hostID: inside, size }))
}

/** `NAME:START:COUNT`, NAME an account's name or number; the first that is ours. */
function granted(file: string, uid: number): IDMapping | undefined {
  let text: string
  try {
    text = fs.readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
  const names = new Set([String(uid), accountName()])
  for (const line of text.split('\n')) {
    const [name = '', start = '', count = ''] = line.trim().split(':')
    if (!names.has(name) || !/^[1-9][0-9]*$/.test(start) || !/^[1-9][0-9]*$/.test(count)) continue
    return { containerID: 1, hostID: Number(start), size: Number(count) }
  }
  return undefined
}

/** An account may have no name at all, as in many containers. */
function accountName(): string {
  try {
    return os.userInfo().username
  } catch {
    return ''
  }
}
