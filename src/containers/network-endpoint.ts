// By which names and at which addresses a container is found in its network: `--network name=...`, `--network-alias`,
// `--ip`, `--link-local-ip`, `--mac-address`. Source: docker/cli opts/network.go, container/opts.go parseNetworkOpts.

import { BlockList, isIP } from 'node:net'
import { csvRecord } from './csv-record.ts'
import { parseNetwork, sharedContainer } from './network-mode.ts'
import { wrongArgument, wrongOption } from './wrong-option.ts'

export interface EndpointOptions {
  /**
   * `none`, `host`, `bridge`, a network's name, `container:NAME`, or
   * `name=NET[,alias=A][,ip=IP][,ip6=IP][,link-local-ip=IP][,mac-address=MAC]`.
   */
  readonly network?: string
  /** Names in that network, besides its own. */
  readonly networkAlias?: readonly string[]
  /** Its address in that network. */
  readonly ip?: string
  readonly ip6?: string
  /** Of 169.254.0.0/16 or fe80::/10. */
  readonly linkLocalIP?: readonly string[]
  /** Of its interface in that network, as `02:42:ac:11:00:0b`. */
  readonly macAddress?: string
}

export interface NetworkSettings {
  /** As HostConfig.NetworkMode has it. */
  readonly networkMode: string
  readonly aliases: readonly string[]
  /** '' where any will do. */
  readonly ipv4: string
  readonly ipv6: string
  readonly linkLocal: readonly string[]
  /** '' where any will do. */
  readonly macAddress: string
}

/** docker's own test: no name of a network has an equals sign. */
const LONG_FORM = /\w+=\w+/
const BUILT_IN = new Set(['default', 'bridge', 'host', 'none'])

const LINK_LOCAL = new BlockList()
LINK_LOCAL.addSubnet('169.254.0.0', 16)
LINK_LOCAL.addSubnet('fe80::', 10, 'ipv6')

/** Go's net.ParseMAC. */
const MAC = /^[\da-f]{2}([:-])[\da-f]{2}(?:\1[\da-f]{2})+$|^[\da-f]{4}(?:\.[\da-f]{4})+$/i
const MAC_DIGITS: ReadonlySet<number> = new Set([12, 16, 40])

/** @throws InvalidArgumentError ERR_OPTION in docker's words */
export function settleNetwork(options: EndpointOptions): NetworkSettings {
  const { network = 'default', networkAlias = [], ip = '', ip6 = '' } = options
  const { linkLocalIP = [], macAddress = '' } = options
  const own = LONG_FORM.test(network) ? parseLongForm(network) : plain(network)
  const conflict = (option: string, what: string): Error =>
    wrongOption(
      option,
      network,
      `conflicting options: cannot specify both --${option} and per-network ${what}`,
    )
  if (own.aliases.length > 0 && networkAlias.length > 0) throw conflict('network-alias', 'alias')
  if (own.ipv4 !== '' && ip !== '') throw conflict('ip', 'IPv4 address')
  if (own.ipv6 !== '' && ip6 !== '') throw conflict('ip6', 'IPv6 address')
  if (own.linkLocal.length > 0 && linkLocalIP.length > 0)
    throw conflict('link-local-ip', 'link-local IP addresses')
  if (own.macAddress !== '' && macAddress !== '') throw conflict('mac-address', 'MAC address')
  const settings: NetworkSettings = {
    networkMode: own.networkMode,
    aliases: own.aliases.length > 0 ? own.aliases : networkAlias,
    ipv4: own.ipv4 || ip,
    ipv6: own.ipv6 || ip6,
    linkLocal: own.linkLocal.length > 0 ? own.linkLocal : linkLocalIP,
    macAddress: own.macAddress || macAddress,
  }
  refuseUnfit(settings)
  refuseMAC(settings)
  return settings
}

function plain(network: string): NetworkSettings {
  const networkMode = parseNetwork(network)
  return { networkMode, aliases: [], ipv4: '', ipv6: '', linkLocal: [], macAddress: '' }
}

/** docker's client takes keys and values in any case, and writes them in small letters. */
function parseLongForm(text: string): NetworkSettings {
  const refuse = (reason: string): Error => wrongArgument('network', text, reason)
  const fields = csvRecord(text.toLowerCase())
  if (typeof fields === 'string') throw refuse(fields)
  const given = { name: '', ip: '', ip6: '', 'mac-address': '' }
  const several: Record<'alias' | 'link-local-ip', string[]> = { alias: [], 'link-local-ip': [] }
  for (const field of fields) {
    const equals = field.indexOf('=')
    const [key, value] = [
      field.slice(0, Math.max(equals, 0)).trim(),
      field.slice(equals + 1).trim(),
    ]
    if (key === '') throw refuse(`invalid field ${field}`)
    if (key === 'alias' || key === 'link-local-ip') several[key].push(value)
    else if (key === 'name' || key === 'ip' || key === 'ip6' || key === 'mac-address')
      given[key] = value
    else
      throw refuse(
        `invalid field key ${key}; expected name, alias, ip, ip6, link-local-ip and mac-address`,
      )
  }
  if (given.name === '') throw refuse('network name/id is not specified')
  return {
    networkMode: parseNetwork(given.name),
    aliases: several.alias,
    ipv4: given.ip,
    ipv6: given.ip6,
    linkLocal: several['link-local-ip'],
    macAddress: given['mac-address'],
  }
}

/** docker writes an address in one of its own networks down, and refuses it when the container starts. */
function refuseUnfit(settings: NetworkSettings): void {
  const { networkMode, aliases, ipv4, ipv6, linkLocal } = settings
  const isOwn = !BUILT_IN.has(networkMode) && sharedContainer(networkMode) === undefined
  const refuse = (option: string, value: string, reason: string): Error =>
    wrongOption(option, value, reason)
  const [alias] = aliases
  if (aliases.includes('')) throw refuse('network-alias', '', 'an alias in a network has a name')
  if (alias !== undefined && !isOwn)
    throw refuse(
      'network-alias',
      alias,
      `network-scoped aliases are only supported for user-defined networks, and ${networkMode} is none`,
    )
  for (const [option, address, version] of [
    ['ip', ipv4, 4],
    ['ip6', ipv6, 6],
  ] as const) {
    if (address === '') continue
    if (isIP(address) !== version || address.includes('%'))
      throw refuse(option, address, `invalid IPv${version} address: ${address}`)
    if (!isOwn)
      throw refuse(
        option,
        address,
        `user specified IP address is supported on user defined networks only, and ${networkMode} is none`,
      )
  }
  for (const address of linkLocal) {
    if (!isLinkLocal(address))
      throw refuse(
        'link-local-ip',
        address,
        `invalid link-local IP address: ${address}; expected one of 169.254.0.0/16 or fe80::/10`,
      )
    if (!isOwn)
      throw refuse(
        'link-local-ip',
        address,
        `link-local IP addresses are kept for user-defined networks only, and ${networkMode} is none`,
      )
  }
}

function isLinkLocal(address: string): boolean {
  const version = isIP(address)
  // A zone is of the host that says it.
  if (version === 0 || address.includes('%')) return false
  return LINK_LOCAL.check(address, version === 4 ? 'ipv4' : 'ipv6')
}

/** It is of the container, not of its network, in these documents; so docker has it in networks of its own as well. */
function refuseMAC({ networkMode, macAddress }: NetworkSettings): void {
  if (macAddress === '') return
  if (!MAC.test(macAddress) || !MAC_DIGITS.has(macAddress.replaceAll(/[:.-]/g, '').length))
    throw wrongArgument('mac-address', macAddress, `${macAddress} is not a valid mac address`)
  if (networkMode === 'host' || sharedContainer(networkMode) !== undefined)
    throw wrongOption(
      'mac-address',
      macAddress,
      'conflicting options: mac-address and the network mode',
    )
}
