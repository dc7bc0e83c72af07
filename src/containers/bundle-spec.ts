// config.json of an OCI runtime bundle (runtime-spec 1.0.2) out of what a container starts with: docker's defaults for
// mounts, capabilities, masked paths and namespaces; without root what runc spec --rootless leaves of them.
// Pure data: who the user is, where volumes lie and which IDs may be mapped, the caller says.

import type { ContainerConfig } from '../image/container-config.ts'
import type { BundleDevices, DeviceNode } from './bundle-devices.ts'
import type { HostFacts } from './bundle-host.ts'
import type { ProcessUser } from './bundle-user.ts'
import { cleanPlace } from './mount-place.ts'

export interface IDMapping {
  readonly containerID: number
  readonly hostID: number
  readonly size: number
}

/** How an ordinary user's container sees IDs. */
export interface UserMappings {
  readonly uids: readonly IDMapping[]
  readonly gids: readonly IDMapping[]
}

export interface BundleVolume {
  /** Of the host. */
  readonly source: string
  readonly destination: string
  readonly writable: boolean
  /** With what is mounted below it on the host. */
  readonly recursive: boolean
  /** `rprivate` and the like. */
  readonly propagation: string
}

export interface BundleFacts {
  readonly config: ContainerConfig
  /** Program and arguments. */
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly hostname: string
  readonly user: ProcessUser
  readonly volumes: readonly BundleVolume[]
  /** What it was asked to be run with. */
  readonly host: HostFacts
  /** Absent without any of its own. */
  readonly devices?: BundleDevices
  /** Absent for a bundle that root runs. */
  readonly mappings?: UserMappings
}

interface OCIMount {
  readonly destination: string
  readonly type: string
  readonly source: string
  readonly options: readonly string[]
}

const HARDENED: readonly string[] = ['nosuid', 'noexec', 'nodev']

const mount = (
  destination: string,
  type: string,
  source: string,
  options: readonly string[],
): OCIMount => ({ destination, type, source, options })

/** moby oci.DefaultLinuxSpec. */
const MOUNTS: readonly OCIMount[] = [
  mount('/proc', 'proc', 'proc', HARDENED),
  mount('/dev', 'tmpfs', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
  mount('/dev/pts', 'devpts', 'devpts', [
    'nosuid',
    'noexec',
    'newinstance',
    'ptmxmode=0666',
    'mode=0620',
    'gid=5',
  ]),
  mount('/sys', 'sysfs', 'sysfs', [...HARDENED, 'ro']),
  mount('/sys/fs/cgroup', 'cgroup', 'cgroup', ['ro', ...HARDENED]),
  mount('/dev/mqueue', 'mqueue', 'mqueue', HARDENED),
  mount('/dev/shm', 'tmpfs', 'shm', [...HARDENED, 'mode=1777', 'size=67108864']),
]

const NAMESPACES: readonly string[] = ['pid', 'network', 'ipc', 'uts', 'mount']

/** The document; its `root` is the folder `rootfs` beside it. Rlimits are bigints, which JSON.stringify refuses. */
export function bundleSpec(facts: BundleFacts): object {
  const { config, args, env, hostname, user, volumes, mappings, host } = facts
  const isRootless = mappings !== undefined
  const { capabilities, privileged } = host
  const own = isRootless ? rootlessMounts() : MOUNTS
  const { nodes, rules } = facts.devices ?? { nodes: [], rules: [] }
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: config.Tty ?? false,
      user: {
        uid: user.uid,
        gid: user.gid,
        // Groups that are not mapped cannot be joined, and a namespace of one ID may not call setgroups at all.
        ...(isRootless || user.additionalGids.length === 0
          ? {}
          : { additionalGids: user.additionalGids }),
      },
      args,
      env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      cwd: config.WorkingDir || '/',
      capabilities: {
        bounding: capabilities,
        // As docker: a user other than root starts with none in effect.
        ...(user.uid === 0 ? { effective: capabilities, permitted: capabilities } : {}),
      },
      ...(host.rlimits.length === 0 ? {} : { rlimits: host.rlimits }),
      ...(host.appArmorProfile === '' ? {} : { apparmorProfile: host.appArmorProfile }),
      noNewPrivileges: host.noNewPrivileges,
    },
    root: { path: 'rootfs', readonly: host.readOnly },
    hostname,
    mounts: [...(privileged ? own.map(writable) : own), ...ownMounts(host, volumes)],
    linux: {
      ...(isRootless ? { uidMappings: mappings.uids, gidMappings: mappings.gids } : {}),
      ...(nodes.length === 0 ? {} : { devices: isRootless ? nodes.map(withoutOwner) : nodes }),
      ...(isRootless
        ? {}
        : {
            resources: {
              devices: [{ allow: privileged, access: 'rwm' }, ...(privileged ? [] : rules)],
              ...host.resources,
            },
          }),
      ...rootPropagation(volumes),
      namespaces: namespacesOf(isRootless, host.sharesNetwork).map((type) => ({ type })),
      ...(host.maskedPaths.length === 0 ? {} : { maskedPaths: host.maskedPaths }),
      ...(host.readOnlyPaths.length === 0 ? {} : { readonlyPaths: host.readOnlyPaths }),
    },
  }
}

/** @returns the bounds that a rootless bundle has no cgroup for: `memory`, `cpu`, `pids`, `devices` */
export function unheldBounds(
  { resources }: HostFacts,
  { rules }: Pick<BundleDevices, 'rules'>,
): readonly string[] {
  const isBound = rules.some(({ access }) => access.length < 'rwm'.length)
  return [...Object.keys(resources), ...(isBound ? ['devices'] : [])]
}

/** The runtime mounts the host's own node there, and its owner is not mapped. */
function withoutOwner({
  uid: _uid,
  gid: _gid,
  ...node
}: DeviceNode): Omit<DeviceNode, 'uid' | 'gid'> {
  return node
}

/** The network stays the host's: nobody could set up another, and sysfs belongs to the namespace of its network. */
function namespacesOf(isRootless: boolean, sharesNetwork: boolean): readonly string[] {
  const others = NAMESPACES.filter((type) => type !== 'network')
  if (isRootless) return [...others, 'user']
  return sharesNetwork ? others : NAMESPACES
}

/** What is the kernel's, and else shown read-only. */
function writable(each: OCIMount): OCIMount {
  return { ...each, options: each.options.filter((option) => option !== 'ro') }
}

/** runc specconv.ToRootless: no cgroups, the host's /sys, no owner that is not mapped. */
function rootlessMounts(): OCIMount[] {
  return MOUNTS.filter(({ destination }) => destination !== '/sys/fs/cgroup').map((each) => {
    if (each.destination === '/sys') {
      return mount('/sys', 'none', '/sys', ['rbind', ...HARDENED, 'ro'])
    }
    return { ...each, options: each.options.filter((option) => !/^[ug]id=/.test(option)) }
  })
}

/**
 * As dockerd sorts them, those of few parts first: what is mounted above a place later would cover it. A place of
 * `--tmpfs` is a tmpfs, whatever else was asked to be there.
 */
function ownMounts({ tmpfs }: HostFacts, volumes: readonly BundleVolume[]): OCIMount[] {
  const inMemory = Object.entries(tmpfs).map(([place, options]) =>
    mount(place, 'tmpfs', 'tmpfs', options),
  )
  const taken = new Set(inMemory.map(({ destination }) => cleanPlace(destination)))
  const others = volumes.filter(({ destination }) => !taken.has(cleanPlace(destination)))
  const parts = ({ destination }: OCIMount): number => cleanPlace(destination).split('/').length
  return [...inMemory, ...others.map(volumeMount)].sort((a, b) => parts(a) - parts(b))
}

function volumeMount(volume: BundleVolume): OCIMount {
  const { source, destination, writable, recursive, propagation } = volume
  const options = [recursive ? 'rbind' : 'bind', propagation, writable ? 'rw' : 'ro']
  return mount(destination, 'bind', source, options)
}

/**
 * What a root keeps to itself, none of its mounts can pass on or get: it is as open as the most open of them. Without
 * one that asks for it, that is the runtime's to choose.
 */
function rootPropagation(volumes: readonly BundleVolume[]): { rootfsPropagation?: string } {
  const some = (kind: string): boolean =>
    volumes.some(({ propagation }) => propagation.replace(/^r/, '') === kind)
  if (some('shared')) return { rootfsPropagation: 'shared' }
  return some('slave') ? { rootfsPropagation: 'rslave' } : {}
}
