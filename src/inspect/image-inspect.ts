// `docker inspect` of an image: the same fields in the same order with the same spelling, and ChainIDs beside Layers.
// Knows the store and docker's API document (moby api/types.ImageInspect of 20.10); prints nothing.

import { chainIDs } from '../digest/chain-id.ts'
import type { ChainID, DiffID, ImageID } from '../digest/digest.ts'
import { goContainerConfig, type ContainerConfig } from '../image/container-config.ts'
import type { GoJson } from '../image/go-json.ts'
import type { Store } from '../store/store.ts'

/** Docker's document; keys stand in docker's order. */
export interface ImageInspection {
  readonly Id: ImageID
  readonly RepoTags: readonly string[]
  readonly RepoDigests: readonly string[]
  /** '' for none. */
  readonly Parent: ImageID | ''
  readonly Comment: string
  /** RFC 3339; 0001-01-01T00:00:00Z where the config does not say. */
  readonly Created: string
  readonly Container: string
  readonly ContainerConfig: Readonly<Record<string, unknown>>
  readonly DockerVersion: string
  readonly Author: string
  readonly Config: Readonly<Record<string, unknown>> | null
  readonly Architecture: string
  readonly Variant?: string
  readonly Os: string
  readonly OsVersion?: string
  readonly Size: number
  readonly VirtualSize: number
  readonly GraphDriver: {
    readonly Data: Readonly<Record<string, string>> | null
    readonly Name: string
  }
  readonly RootFS: {
    readonly Type: string
    readonly Layers?: readonly DiffID[]
    readonly ChainIDs?: readonly ChainID[]
  }
  readonly Metadata: { readonly LastTagTime: string }
}

const ZERO_TIME = '0001-01-01T00:00:00Z'

/** @throws NotFoundError ERR_IMAGE_NOT_FOUND; InvalidArgumentError ERR_AMBIGUOUS_ID, ERR_REFERENCE_SYNTAX */
export async function inspectImage(store: Store, name: string): Promise<ImageInspection> {
  const image = store.image(name)
  const { config } = image
  const { diffIDs } = config.rootfs
  const top = image.layers.at(-1)
  return {
    Id: image.id,
    RepoTags: image.names.filter((known) => !known.isDigest).map((known) => known.name),
    RepoDigests: image.names.filter((known) => known.isDigest).map((known) => known.name),
    Parent: image.parent ?? '',
    Comment: config.comment || (config.history.at(-1)?.comment ?? ''),
    Created: config.created === undefined ? ZERO_TIME : normalizedTime(config.created),
    Container: config.container,
    ContainerConfig: goObject(config.containerConfig ?? {}),
    DockerVersion: config.dockerVersion,
    Author: config.author,
    Config: config.config === undefined ? null : goObject(config.config),
    Architecture: config.architecture,
    ...(config.variant === '' ? {} : { Variant: config.variant }),
    Os: config.os,
    ...(config.osVersion === '' ? {} : { OsVersion: config.osVersion }),
    Size: image.sizeBytes,
    VirtualSize: image.sizeBytes,
    GraphDriver: {
      Data: top === undefined ? null : await store.driver.metadata(top.cacheID),
      Name: store.driver.name,
    },
    RootFS: {
      Type: config.rootfs.type,
      ...(diffIDs.length === 0 ? {} : { Layers: diffIDs, ChainIDs: chainIDs(diffIDs) }),
    },
    Metadata: { LastTagTime: image.lastUpdated ?? ZERO_TIME },
  }
}

/** Go's RFC3339Nano: a fraction without trailing zeros, the zone as it was. */
export function normalizedTime(created: string): string {
  return created
    .toUpperCase()
    .replace(',', '.')
    .replace(/\.(\d+)/, (_all, digits: string) => {
      const kept = digits.slice(0, 9).replace(/0+$/, '')
      return kept === '' ? '' : `.${kept}`
    })
    .replace(/[+-]00:00$/, 'Z')
}

function goObject(config: ContainerConfig): Record<string, unknown> {
  return plain(goContainerConfig(config)) as Record<string, unknown>
}

/** Maps stand for Go structs; as an API, plain objects are handier, and these keys keep their order. */
function plain(value: GoJson): unknown {
  return value instanceof Map
    ? Object.fromEntries([...(value as ReadonlyMap<string, GoJson>)].map(([k, v]) => [k, plain(v)]))
    : value
}
