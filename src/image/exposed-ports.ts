// What EXPOSE takes: `80`, `53/udp`, `8000-8010/tcp`; a host side (`8080:80`) is read and left out.

import { DockerfileSyntaxError } from './dockerfile-words.ts'
import { parsePortSpec } from './port-spec.ts'

/** @returns each port with its protocol: `80/tcp` */
export function exposedPorts(spec: string): string[] {
  const refuse = (reason: string): Error => new DockerfileSyntaxError(reason)
  return parsePortSpec(spec, refuse).map(({ port }) => port)
}
