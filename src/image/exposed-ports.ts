// What EXPOSE takes: `80`, `53/udp`, `8000-8010/tcp`; a host side (`8080:80`) is read and left out.
// Source: docker go-connections nat.ParsePortSpec.

import { DockerfileSyntaxError } from './dockerfile-words.ts'

const PROTOCOLS = ['tcp', 'udp', 'sctp']

/** @returns each port with its protocol: `80/tcp` */
export function exposedPorts(spec: string): string[] {
  const slash = spec.lastIndexOf('/')
  const ports = slash < 0 ? spec : spec.slice(0, slash)
  const protocol = (slash < 0 ? '' : spec.slice(slash + 1)).toLowerCase() || 'tcp'
  const container = ports.slice(ports.lastIndexOf(':') + 1)
  if (container === '') throw new DockerfileSyntaxError(`No port specified: ${spec}<empty>`)
  const range = portRange(container)
  if (range === undefined) throw new DockerfileSyntaxError(`Invalid containerPort: ${container}`)
  if (!PROTOCOLS.includes(protocol)) throw new DockerfileSyntaxError(`Invalid proto: ${protocol}`)
  const host = ports.slice(0, -container.length - 1)
  const hostPort = host.slice(host.lastIndexOf(':') + 1)
  if (hostPort !== '') checkHost(hostPort, container, range)
  const [first, last] = range
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`)
}

function checkHost(host: string, container: string, range: readonly [number, number]): void {
  const hostRange = portRange(host)
  if (hostRange === undefined) throw new DockerfileSyntaxError(`Invalid hostPort: ${host}`)
  const sameLength = hostRange[1] - hostRange[0] === range[1] - range[0]
  if (!sameLength && range[0] !== range[1]) {
    throw new DockerfileSyntaxError(
      `Invalid ranges specified for container and host Ports: ${container} and ${host}`,
    )
  }
}

function portRange(text: string): readonly [number, number] | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text)
  if (match === null) return undefined
  const first = Number(match[1])
  const last = Number(match[2] ?? match[1])
  return first <= last && last <= 65_535 ? [first, last] : undefined
}
