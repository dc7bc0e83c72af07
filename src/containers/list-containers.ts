// The containers of a store as `docker ps` chooses and orders them. Knows the store and docker's filters; prints
// nothing.

import type { ImageID } from '../digest/digest.ts'
import type { Container, ContainerStatus, MountPoint } from '../store/container-db.ts'
import type { Store } from '../store/store.ts'
import { containerFilter, createdNs, type ContainerFilter } from './container-filter.ts'
import { imageBytes, writableBytes } from './container-size.ts'

export interface ListContainersOptions {
  /** Those that do not run as well; a filter by status or exit code implies it. */
  readonly all?: boolean
  /** Only the newest so many; implies `all`. */
  readonly last?: number
  readonly filter?: ContainerFilter
  /** Measure them: costs a walk of each writable layer. */
  readonly size?: boolean
}

export interface ContainerListItem {
  readonly id: string
  readonly name: string
  /** As it was typed, or the image's ID where that name means another image by now. */
  readonly image: string
  readonly imageID?: ImageID
  /** Path and arguments, those with spaces in quotes. */
  readonly command: string
  /** RFC 3339. */
  readonly created: string
  readonly status: ContainerStatus
  readonly exitCode: number
  readonly startedAt: string
  readonly finishedAt: string
  readonly labels: Readonly<Record<string, string>>
  readonly mountPoints: readonly MountPoint[]
  readonly networks: readonly string[]
  /** With `size`: what the container wrote. */
  readonly writableBytes?: number
  /** With `size`: that and its image. */
  readonly virtualBytes?: number
}

/**
 * Newest first.
 * @throws NotFoundError ERR_CONTAINER_NOT_FOUND for names in filters
 */
export async function listContainers(
  store: Store,
  options: ListContainersOptions = {},
): Promise<ContainerListItem[]> {
  const { filter = {}, last, size } = options
  const isWanted = containerFilter(store, filter)
  const all =
    options.all === true || last !== undefined || 'statuses' in filter || 'exitCodes' in filter
  const names = new NamesNow(store)
  const found = store.containerDB
    .list()
    .filter((container) => (all || container.state.running) && isWanted(container))
    .sort(newestFirst)
  const items: ContainerListItem[] = []
  for (const container of last === undefined ? found : found.slice(0, last)) {
    items.push(await itemOf(store, container, names, size ?? false))
  }
  return items
}

/** RFC 3339 in UTC with up to nine digits: equal to the second, the fraction decides. */
function newestFirst(a: Container, b: Container): number {
  const [x, y] = [createdNs(a), createdNs(b)]
  if (x !== y) return x < y ? 1 : -1
  return a.id < b.id ? -1 : 1
}

/** What names mean today, each asked once. */
export class NamesNow {
  readonly #store: Store
  readonly #known = new Map<string, ImageID | undefined>()

  constructor(store: Store) {
    this.#store = store
  }

  /** The image as it was typed, or its ID where that name means another image by now. */
  imageOf({ imageID, imageName }: Container): string {
    return imageID === undefined || this.#get(imageName) === imageID ? imageName : imageID
  }

  #get(name: string): ImageID | undefined {
    if (!this.#known.has(name)) this.#known.set(name, this.#resolve(name))
    return this.#known.get(name)
  }

  #resolve(name: string): ImageID | undefined {
    try {
      return this.#store.resolve(name).id
    } catch {
      return undefined // no name at all, or nobody's any more
    }
  }
}

async function itemOf(
  store: Store,
  container: Container,
  names: NamesNow,
  size: boolean,
): Promise<ContainerListItem> {
  const { id, name, imageID, created, state, config, mountPoints } = container
  const own = size ? await writableBytes(store, container) : undefined
  return {
    id,
    name,
    image: names.imageOf(container),
    ...(imageID === undefined ? {} : { imageID }),
    command: commandLine(container),
    created,
    status: state.status,
    exitCode: state.exitCode,
    startedAt: state.startedAt,
    finishedAt: state.finishedAt,
    labels: config.Labels ?? {},
    mountPoints,
    networks: networksOf(container),
    ...(own === undefined
      ? {}
      : { writableBytes: own, virtualBytes: own + imageBytes(store, container) }),
  }
}

/** Path and arguments, those with spaces in quotes, as docker lists them. */
export function commandLine({ path, args }: Container): string {
  return [path, ...args.map((arg) => (arg.includes(' ') ? `'${arg}'` : arg))].join(' ')
}

function networksOf({ document }: Container): string[] {
  const settings = document['NetworkSettings'] as { Networks?: unknown } | null | undefined
  const networks = settings?.Networks
  return typeof networks === 'object' && networks !== null ? Object.keys(networks).sort() : []
}
