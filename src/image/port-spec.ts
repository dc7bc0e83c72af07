// A port of a container, and where on the host it is found: `80`, `8080:80/udp`, `127.0.0.1::80`, `8000-8010:80`.
// EXPOSE and `--publish` share it. Source: docker go-connections nat.ParsePortSpec; whether the address is one, its
// callers say.

const PROTOCOLS = ['tcp', 'udp', 'sctp']

export interface PortMapping {
  /** `80/tcp` */
  readonly port: string
  /** '' for all; without brackets. */
  readonly hostIP: string
  /** '' for any that is free; a range for the first free one of it. */
  readonly hostPort: string
}

/** One for each port of a range. @param refuse makes the error of a reason in docker's words */
export function parsePortSpec(text: string, refuse: (reason: string) => Error): PortMapping[] {
  const { spec, protocol } = splitProtocol(text)
  const parts = spec.split(':')
  const container = parts.pop()!
  const host = parts.pop() ?? ''
  const hostIP = parts.join(':').replace(/^\[(.*)\]$/, '$1')
  if (container === '') throw refuse(`No port specified: ${text}<empty>`)
  const range = portRange(container)
  if (range === undefined) throw refuse(`Invalid containerPort: ${container}`)
  const hostRange = host === '' ? undefined : portRange(host)
  if (host !== '' && hostRange === undefined) throw refuse(`Invalid hostPort: ${host}`)
  const [first, last] = range
  const isOne = first === last
  if (hostRange && !isOne && hostRange[1] - hostRange[0] !== last - first)
    throw refuse(`Invalid ranges specified for container and host Ports: ${container} and ${host}`)
  if (!PROTOCOLS.includes(protocol)) throw refuse(`Invalid proto: ${protocol}`)
  return Array.from({ length: last - first + 1 }, (_, index) => ({
    port: `${first + index}/${protocol}`,
    hostIP,
    hostPort: hostRange ? hostPortAt(hostRange, index, isOne) : '',
  }))
}

/** Ports of one container port's range stand as a range: the first free one is taken when it starts. */
function hostPortAt([from, to]: readonly [number, number], index: number, isOne: boolean): string {
  return isOne && from !== to ? `${from}-${to}` : String(from + index)
}

/** `80/UDP` without its protocol, and that in small letters; tcp where none is said. */
export function splitProtocol(text: string): { readonly spec: string; readonly protocol: string } {
  const slash = text.lastIndexOf('/')
  return {
    spec: slash < 0 ? text : text.slice(0, slash),
    protocol: (slash < 0 ? '' : text.slice(slash + 1)).toLowerCase() || 'tcp',
  }
}

function portRange(text: string): readonly [number, number] | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text)
  if (match === null) return undefined
  const first = Number(match[1])
  const last = Number(match[2] ?? match[1])
  return first <= last && last <= 65_535 ? [first, last] : undefined
}
