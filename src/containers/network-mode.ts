// Whose network a container has, and what it is told of names: `--network`, `--add-host`, `--dns`. The documents name a
// network, and dockerd looks for it when the container starts; so nothing is looked for here either.
// Source: docker/cli opts, moby runconfig validateNetContainerMode.

import { isIP } from 'node:net'
import { wrongArgument, wrongOption } from './wrong-option.ts'

const NETWORK_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/
/** docker/cli opts.validateDomain. */
const DOMAIN =
  /^(?=.{1,255}$)(?=.*[a-zA-Z])[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*\.?$/

/**
 * As HostConfig.NetworkMode has it: `default`, `bridge`, `host`, `none`, a name, or `container:NAME`.
 * @throws InvalidArgumentError ERR_OPTION
 */
export function parseNetwork(text: string): string {
  if (text === '') throw wrongOption('network', text, 'no name set for network')
  if (text === 'container:')
    throw wrongOption(
      'network',
      text,
      'Invalid network mode: invalid container format container:<name|id>',
    )
  if (sharedContainer(text) !== undefined) return text
  if (NETWORK_NAME.test(text)) return text
  throw wrongOption(
    'network',
    text,
    `invalid network ${JSON.stringify(text)}: expected none, host, container:NAME or a network's name, only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
  )
}

/** The container in whose network it is to be, if so. */
export function sharedContainer(mode: string): string | undefined {
  return mode.startsWith('container:') ? mode.slice('container:'.length) : undefined
}

/** The network whose member the container becomes; undefined for one in another container's. */
export function networkOf(mode: string): string | undefined {
  if (sharedContainer(mode) !== undefined) return undefined
  return mode === 'default' ? 'bridge' : mode
}

/** `HOST:IP` or `HOST=IP`; recorded with the colon. @throws InvalidArgumentError ERR_OPTION */
export function parseExtraHost(text: string): string {
  const at = text.includes('=') ? text.indexOf('=') : text.indexOf(':')
  const host = text.slice(0, Math.max(at, 0))
  if (host === '' || host.includes(':'))
    throw wrongArgument('add-host', text, `bad format for add-host: ${JSON.stringify(text)}`)
  const given = text.slice(at + 1)
  if (given === 'host-gateway') return `${host}:${given}`
  const address = /^\[(.+)\]$/.exec(given)?.[1] ?? given
  if (isAddress(address)) return `${host}:${address}`
  const reason = `invalid IP address in add-host: ${JSON.stringify(address)}`
  throw wrongArgument('add-host', text, reason)
}

/** @throws InvalidArgumentError ERR_OPTION */
export function parseDNS(text: string): string {
  const address = text.trim()
  // An address of IPv6 has many forms, and one that is written down.
  if (isAddress(address)) return isIP(address) === 4 ? address : shortestIPv6(address)
  throw wrongArgument('dns', text, `IP address is not correctly formatted: ${text}`)
}

/** A domain, or `.` for none. @throws InvalidArgumentError ERR_OPTION */
export function parseDNSSearch(text: string): string {
  const domain = text.trim()
  if (domain === '.' || DOMAIN.test(domain)) return domain
  throw wrongArgument('dns-search', text, `${text} is not a valid domain`)
}

function shortestIPv6(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1)
}

/** Go's net.ParseIP takes no zone. */
export function isAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%')
}
