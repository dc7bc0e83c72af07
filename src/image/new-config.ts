// A config that is made here (import, commit), byte for byte as docker would make it from the same facts: sorted
// top-level keys, docker's own order below, Go's escaping. Source: moby image.MarshalJSON.
// Knows no clock and no host: times, architecture and versions are told.

import type { DiffID } from '../digest/digest.ts'
import { goContainerConfig } from './container-config.ts'
import type { ContainerConfig } from './container-config.ts'
import { encodeGoJSON } from './go-json.ts'
import type { GoJson } from './go-json.ts'

export interface NewHistoryItem {
  /** RFC 3339 in UTC with up to nine digits of fraction, as Go's RFC3339Nano. */
  readonly created: string
  readonly author?: string
  readonly createdBy?: string
  readonly comment?: string
  readonly emptyLayer?: boolean
}

export interface NewConfigFacts {
  readonly architecture: string
  readonly variant?: string
  readonly os: string
  readonly osVersion?: string
  readonly osFeatures?: readonly string[]
  readonly created: string
  readonly author?: string
  readonly comment?: string
  readonly config: ContainerConfig
  /** Zero values when absent, as for an import. */
  readonly containerConfig?: ContainerConfig
  readonly container?: string
  readonly dockerVersion?: string
  readonly history: readonly NewHistoryItem[]
  readonly diffIDs: readonly DiffID[]
}

/** The config's bytes; their SHA-256 is the image ID. */
export function newConfig(facts: NewConfigFacts): Uint8Array {
  // Null-proto plain object: go-json sorts its keys, as docker's second pass through a map does.
  const top = Object.create(null) as Record<string, GoJson>
  const texts = {
    architecture: facts.architecture,
    author: facts.author,
    comment: facts.comment,
    container: facts.container,
    docker_version: facts.dockerVersion,
    os: facts.os,
    'os.version': facts.osVersion,
    variant: facts.variant,
  }
  for (const [key, text] of Object.entries(texts)) if (text) top[key] = text
  if (facts.osFeatures !== undefined && facts.osFeatures.length > 0) {
    top['os.features'] = facts.osFeatures
  }
  top['config'] = goContainerConfig(facts.config)
  top['container_config'] = goContainerConfig(facts.containerConfig ?? {})
  top['created'] = facts.created
  if (facts.history.length > 0) top['history'] = facts.history.map(historyItem)
  const rootfs = new Map<string, GoJson>([['type', 'layers']])
  if (facts.diffIDs.length > 0) rootfs.set('diff_ids', facts.diffIDs)
  top['rootfs'] = rootfs
  return new TextEncoder().encode(encodeGoJSON(top))
}

/** docker 20.10's order; later ones put created_by before author. Only the ID of a commit with an author differs. */
function historyItem(item: NewHistoryItem): GoJson {
  const out = new Map<string, GoJson>([['created', item.created]])
  if (item.author) out.set('author', item.author)
  if (item.createdBy) out.set('created_by', item.createdBy)
  if (item.comment) out.set('comment', item.comment)
  if (item.emptyLayer) out.set('empty_layer', true)
  return out
}

/** Go's RFC3339Nano in UTC: trailing zeros of the fraction dropped. @param ns since 1970 */
export function goTime(ns: bigint): string {
  const fraction = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
  const seconds = Number((ns - fraction) / 1_000_000_000n)
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19)
  const digits = fraction.toString().padStart(9, '0').replace(/0+$/, '')
  return `${whole}${digits === '' ? '' : `.${digits}`}Z`
}
