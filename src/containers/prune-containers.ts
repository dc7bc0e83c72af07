// container prune: all containers that do not run, by docker's filters, with what that gives back.

import { matchesLabels } from '../inspect/image-filter.ts'
import type { Container } from '../store/container-db.ts'
import type { Store } from '../store/store.ts'
import { writableBytes } from './container-size.ts'
import { mountsOf } from './mount-container.ts'
import { planContainerRemoval } from './remove-container.ts'

export interface PruneContainersOptions {
  /** Only containers made before then; milliseconds since 1970. */
  readonly untilMs?: number
  /** `key` or `key=value`; all must match. */
  readonly labels?: readonly string[]
  /** None of these may match. */
  readonly labelsNot?: readonly string[]
  /** Only say what would go. */
  readonly dryRun?: boolean
  readonly signal?: AbortSignal
}

export interface PrunedContainers {
  /** Whole IDs. */
  readonly ids: readonly string[]
  /** Of their writable layers, as `ps -s` counts. */
  readonly reclaimedBytes: number
}

/**
 * Removes every container that neither runs nor is mounted, with its writable layer; volumes stay.
 * @throws LockedError; HostError; signal.reason. The store stays as it was.
 */
export async function pruneContainers(
  store: Store,
  options: PruneContainersOptions = {},
): Promise<PrunedContainers> {
  if (options.dryRun ?? false) return factsOf(store, unused(store, options))
  return store.write(
    async (transaction) => {
      const containers = unused(store, options)
      const facts = await factsOf(store, containers)
      planContainerRemoval(store, transaction, containers, { volumes: false })
      return facts
    },
    options.signal ? { signal: options.signal } : {},
  )
}

function unused(store: Store, options: PruneContainersOptions): Container[] {
  const { untilMs, labels, labelsNot } = options
  return store.containerDB.list().filter((container) => {
    const own = container.config.Labels ?? {}
    if (container.state.running || mountsOf(store, container).length > 0) return false
    if (untilMs !== undefined && Date.parse(container.created) >= untilMs) return false
    if (labels && !matchesLabels(labels, own)) return false
    return !labelsNot?.some((label) => matchesLabels([label], own))
  })
}

async function factsOf(store: Store, containers: readonly Container[]): Promise<PrunedContainers> {
  let reclaimedBytes = 0
  for (const container of containers) {
    reclaimedBytes += (await writableBytes(store, container)) ?? 0
  }
  return { ids: containers.map(({ id }) => id), reclaimedBytes }
}
