// `--device` and `--device-cgroup-rule`: which devices of the host a container has, and which it may use if they come to
// be. No device is looked for: dockerd does that when the container starts.
// Source: docker/cli container/opts.go validateLinuxPath, parseLinuxDevice, validateDeviceCgroupRule.

import path from 'node:path'
import { wrongArgument } from './wrong-option.ts'

export interface DeviceMapping {
  readonly onHost: string
  readonly inContainer: string
  /** Some of `rwm`: read, write, make a node of it. */
  readonly access: string
}

const DEVICE = '/HOST[:/PATH][:ACCESS], where ACCESS is some of rwm'
const ACCESS = /^(?!.*(.).*\1)[rwm]+$/
/** Type, major, minor, access. */
export const DEVICE_RULE: RegExp = /^([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/

/** `/HOST[:/PATH][:ACCESS]` @throws InvalidArgumentError ERR_OPTION in docker's words, which name no option by themselves */
export function parseDevice(text: string): DeviceMapping {
  const refuse = (reason: string): Error =>
    wrongArgument('device', text, `${reason}; expected ${DEVICE}`)
  const parts = text.split(':')
  const onHost = parts[0]!
  if (parts.length > 3 || onHost === '') throw refuse(`bad format for path: ${text}`)
  const isAccess = parts.length === 2 && ACCESS.test(parts[1]!)
  const access = parts[2] ?? (isAccess ? parts[1]! : 'rwm')
  if (!ACCESS.test(access)) throw refuse(`bad mode specified: ${access}`)
  const inContainer = parts.length === 1 || isAccess ? onHost : parts[1]!
  for (const place of [inContainer, onHost])
    if (!place.startsWith('/')) throw refuse(`${place} is not an absolute path`)
  // docker cleans the path that stands last, and no other.
  const clean = path.posix.normalize(inContainer).replace(/(.)\/$/, '$1')
  if (parts.length === 3) return { onHost, inContainer, access }
  return { onHost: parts.length === 2 && !isAccess ? onHost : clean, inContainer: clean, access }
}

/** `TYPE MAJOR:MINOR ACCESS`, where `*` is any. @throws InvalidArgumentError ERR_OPTION in docker's words */
export function parseDeviceRule(text: string): string {
  if (DEVICE_RULE.test(text)) return text
  throw wrongArgument('device-cgroup-rule', text, `invalid device cgroup format '${text}'`)
}
