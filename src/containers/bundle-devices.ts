// A container's devices out of hostconfig.json, as config.json has them: nodes with the numbers that the host's have, and
// the rules by which its cgroup lets them be used.
// Source: moby oci/devices_linux.go DevicesFromPath, oci/oci.go AppendDevicePermissionsFromCgroupRules.

import fs from 'node:fs'
import path from 'node:path'
import { NotFoundError } from '../errors.ts'
import { isObject, type JsonObject } from '../image/json.ts'
import { pathFromText } from '../path/byte-path.ts'
import { AT_FDCWD } from '../sys/file-calls.ts'
import { statusAt } from '../sys/file-status.ts'
import { DEVICE_RULE } from './devices.ts'
import { listAt, textAt, textsAt } from './document-fields.ts'

export interface DeviceNode {
  readonly path: string
  readonly type: 'b' | 'c'
  readonly major: number
  readonly minor: number
  readonly fileMode: number
  readonly uid: number
  readonly gid: number
}

/** Without numbers, it is for all of them. */
export interface DeviceRule {
  readonly allow: true
  readonly type: string
  readonly major?: number
  readonly minor?: number
  readonly access: string
}

export interface BundleDevices {
  readonly nodes: readonly DeviceNode[]
  readonly rules: readonly DeviceRule[]
}

/**
 * @param owner whose devices they are, for messages
 * @throws NotFoundError ERR_FILE_NOT_FOUND
 */
export function bundleDevices(hostConfig: JsonObject, owner: string): BundleDevices {
  const given = listAt(hostConfig, 'Devices').filter(isObject)
  const found = given.flatMap((each) => {
    const onHost = textAt(each, 'PathOnHost')
    const access = textAt(each, 'CgroupPermissions') || 'rwm'
    const nodes = nodesBelow(onHost, textAt(each, 'PathInContainer') || onHost)
    if (nodes.length === 0) throw noDevice(onHost, owner)
    return nodes.map((node) => ({ node, access }))
  })
  return {
    nodes: found.map(({ node }) => node),
    rules: [
      ...found.map(({ node: { type, major, minor }, access }): DeviceRule => {
        return { allow: true, type, major, minor, access }
      }),
      ...textsAt(hostConfig, 'DeviceCgroupRules').flatMap(ruleOf),
    ],
  }
}

function noDevice(onHost: string, owner: string): NotFoundError {
  return new NotFoundError(
    'ERR_FILE_NOT_FOUND',
    `cannot put into a bundle the device ${onHost} of ${owner}: there is no such device on this host; make the bundle where it is, or of a container without it`,
    { details: { path: onHost, container: owner } },
  )
}

/** What the name leads to; of a directory, all devices in it, but none that a link leads to. */
function nodesBelow(onHost: string, inContainer: string): DeviceNode[] {
  const real = realPath(onHost)
  if (real === undefined) return []
  const own = nodeAt(real, inContainer)
  if (own !== undefined) return [own]
  if (!fs.statSync(real).isDirectory()) return []
  const names = fs.readdirSync(real, { recursive: true, encoding: 'utf8' }).sort()
  return names.flatMap((name) => nodeAt(path.join(real, name), path.join(inContainer, name)) ?? [])
}

function realPath(file: string): string | undefined {
  try {
    return fs.realpathSync(file)
  } catch {
    return undefined
  }
}

function nodeAt(file: string, inContainer: string): DeviceNode | undefined {
  const status = statusAt(AT_FDCWD, pathFromText(file))
  if (typeof status === 'number' || (status.type !== 'char' && status.type !== 'block'))
    return undefined
  return {
    path: inContainer,
    type: status.type === 'char' ? 'c' : 'b',
    major: status.devMajor,
    minor: status.devMinor,
    fileMode: status.mode,
    uid: status.uid,
    gid: status.gid,
  }
}

function ruleOf(text: string): DeviceRule[] {
  const [, type, major, minor, access] = DEVICE_RULE.exec(text) ?? []
  if (type === undefined || access === undefined) return []
  const number = (name: string, digits: string | undefined): object =>
    digits === undefined || digits === '*' ? {} : { [name]: Number(digits) }
  return [{ allow: true, type, ...number('major', major), ...number('minor', minor), access }]
}
