// What a container was asked to be run with, out of hostconfig.json, as a bundle's config.json says it: privilege and
// capabilities, what is read-only or masked, tmpfs, bounds, and the host's network.
// Left out is what needs somebody to do it: networks (of another container, too), ports, names in /etc/hosts, --init,
// restarts. So are the profiles that docker has of its own, and what create has no flag for and is not in
// bundle-limits.ts: namespaces shared with others, --group-add, --shm-size, --sysctl, block I/O.
// Source: moby daemon/oci_linux.go, oci/caps/utils.go, container/container_unix.go.

import { isArray, isObject, ownField, type JsonObject } from '../image/json.ts'
import { resourcesOf, rlimitsOf, type Rlimit } from './bundle-limits.ts'
import { bundleSecurity, type BundleSecurity } from './bundle-security.ts'
import { ALL_CAPABILITIES, CAPABILITY_NAMES } from './capabilities.ts'
import { numberAt, objectAt, textsAt } from './document-fields.ts'
import { MASKED_PATHS, READ_ONLY_PATHS } from './masked-paths.ts'

export interface HostFacts extends BundleSecurity {
  readonly capabilities: readonly string[]
  readonly privileged: boolean
  readonly readOnly: boolean
  /** In the network of whoever runs it. */
  readonly sharesNetwork: boolean
  /** Options of tmpfs by place. */
  readonly tmpfs: Readonly<Record<string, readonly string[]>>
  readonly maskedPaths: readonly string[]
  readonly readOnlyPaths: readonly string[]
  /** linux.resources but for devices; `{}` without bounds. */
  readonly resources: JsonObject
  readonly rlimits: readonly Rlimit[]
}

/** moby oci/caps.DefaultCapabilities. */
const DEFAULT_CAPABILITIES: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
]
const TMPFS_OPTIONS: readonly string[] = ['noexec', 'nosuid', 'nodev', 'rprivate']

/**
 * @param hostConfig HostConfig; `{}` for an image
 * @param mountPoints MountPoints of config.v2.json
 */
export function hostFacts(hostConfig: JsonObject, mountPoints: JsonObject = {}): HostFacts {
  const is = (key: string): boolean => ownField(hostConfig, key) === true
  const privileged = is('Privileged')
  return {
    capabilities: privileged ? [...CAPABILITY_NAMES] : capabilitiesOf(hostConfig),
    privileged,
    readOnly: is('ReadonlyRootfs'),
    sharesNetwork: ownField(hostConfig, 'NetworkMode') === 'host',
    tmpfs: { ...tmpfsMounts(mountPoints), ...tmpfsPlaces(hostConfig) },
    ...bundleSecurity(hostConfig),
    maskedPaths: pathsAt(hostConfig, 'MaskedPaths') ?? (privileged ? [] : MASKED_PATHS),
    readOnlyPaths: pathsAt(hostConfig, 'ReadonlyPaths') ?? (privileged ? [] : READ_ONLY_PATHS),
    resources: resourcesOf(hostConfig),
    rlimits: rlimitsOf(hostConfig),
  }
}

function capabilitiesOf(hostConfig: JsonObject): readonly string[] {
  const [added, dropped] = [names(hostConfig, 'CapAdd'), names(hostConfig, 'CapDrop')]
  if (added.has(ALL_CAPABILITIES)) return [...CAPABILITY_NAMES].filter((name) => !dropped.has(name))
  const kept = dropped.has(ALL_CAPABILITIES)
    ? []
    : DEFAULT_CAPABILITIES.filter((name) => !dropped.has(name))
  return [...new Set([...kept, ...added])]
}

/** Clients before docker 23 left names as they were typed. */
function names(hostConfig: JsonObject, key: string): ReadonlySet<string> {
  return new Set(
    textsAt(hostConfig, key)
      .map((name) => name.toUpperCase())
      .map((name) => (name === ALL_CAPABILITIES || name.startsWith('CAP_') ? name : `CAP_${name}`)),
  )
}

function tmpfsPlaces(hostConfig: JsonObject): Record<string, readonly string[]> {
  return Object.fromEntries(
    Object.entries(objectAt(hostConfig, 'Tmpfs')).map(([place, options]) => [
      place,
      merged(typeof options === 'string' && options !== '' ? options.split(',') : []),
    ]),
  )
}

function tmpfsMounts(mountPoints: JsonObject): Record<string, readonly string[]> {
  return Object.fromEntries(
    Object.entries(mountPoints).flatMap(([place, point]) => {
      if (!isObject(point) || ownField(point, 'Type') !== 'tmpfs') return []
      const options = objectAt(objectAt(point, 'Spec'), 'TmpfsOptions')
      const [bytes, mode] = [numberAt(options, 'SizeBytes'), numberAt(options, 'Mode')]
      const given = [
        ...(ownField(point, 'RW') === false ? ['ro'] : []),
        ...(mode === 0 ? [] : [`mode=${mode.toString(8)}`]),
        ...(bytes === 0 ? [] : [`size=${bytes}`]),
      ]
      return [[place, merged(given)] as const]
    }),
  )
}

/** Of two that say something on the same matter, the later one. */
function merged(options: readonly string[]): readonly string[] {
  const matter = (option: string): string =>
    /^r[ow]$/.test(option) ? 'rw' : option.split('=', 1)[0]!.replace(/^no(?=exec|suid|dev)/, '')
  const all = new Map([...TMPFS_OPTIONS, ...options].map((option) => [matter(option), option]))
  return [...all.values()]
}

/** An empty list is `systempaths=unconfined`; none at all is of a docker before 18.09, or of a privileged container. */
function pathsAt(hostConfig: JsonObject, key: string): readonly string[] | undefined {
  return isArray(ownField(hostConfig, key)) ? textsAt(hostConfig, key) : undefined
}
