// `--publish` and `--expose`: which ports of a container are to be reached, and from where on the host. dockerd maps
// them while the container runs; here they are written down.
// Source: docker/cli container/opts.go.

import { parsePortSpec, type PortMapping } from '../image/port-spec.ts'
import { isAddress } from './network-mode.ts'
import { wrongOption } from './wrong-option.ts'

/** `80`, `8080:80/udp`, or the long form `published=8080,target=80`. @throws InvalidArgumentError ERR_OPTION */
export function parsePublished(text: string): PortMapping[] {
  const refuse = (reason: string): Error => wrongOption('publish', text, reason)
  const mappings = parsePortSpec(text.includes('=') ? shortForm(text, refuse) : text, refuse)
  for (const { hostIP } of mappings) {
    if (hostIP !== '' && !isAddress(hostIP)) throw refuse(`Invalid ip address: ${hostIP}`)
  }
  return mappings
}

function shortForm(text: string, refuse: (reason: string) => Error): string {
  const given: Record<string, string> = { protocol: 'tcp', published: '', target: '' }
  for (const field of text.split(',')) {
    const equals = field.indexOf('=')
    const [key, value] = [field.slice(0, Math.max(equals, 0)), field.slice(equals + 1)]
    if (key === '')
      throw refuse(`invalid publish opts format (should be name=value but got '${field}')`)
    // docker's client passes over other keys; `mode=host` alone says what happens anyway.
    if (!Object.hasOwn(given, key) && field !== 'mode=host')
      throw refuse(
        `cannot publish ${JSON.stringify(text)}: there is no ${field} for a container; expected published, target and protocol`,
      )
    given[key] = value
  }
  return `${given['published']}:${given['target']}/${given['protocol']}`
}

/** `80`, `53/udp`, `8000-8010`: no host has a part in it. @throws InvalidArgumentError ERR_OPTION */
export function parseExposed(text: string): string[] {
  if (text.includes(':'))
    throw wrongOption('expose', text, `invalid port format for --expose: ${text}`)
  const refuse = (reason: string): Error =>
    wrongOption('expose', text, `invalid range format for --expose: ${text}, error: ${reason}`)
  return parsePortSpec(text, refuse).map(({ port }) => port)
}
