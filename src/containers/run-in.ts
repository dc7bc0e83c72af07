// run-in: a program in the root file system of a container or an image, with nothing else of a container about it: the
// host's processes, network and devices are what they are. What it changes in a container stays there; what it
// changes in an image is gone with it.

import path from 'node:path'
import { UnsupportedError, type OnWarning } from '../errors.ts'
import type { ContainerConfig } from '../image/container-config.ts'
import { openImageStack } from '../inspect/image-stack.ts'
import type { MountSpec } from '../driver/driver.ts'
import type { Store } from '../store/store.ts'
import { runInRoot, type RunInRootOptions, type RunInRootResult } from '../sys/run-in-root.ts'
import { unreadableForm } from '../view/kernel.ts'
import { resolveUser } from './bundle-user.ts'
import { mergeOf, settleForReading } from './container-merges.ts'
import { layerOf, openContainerStack } from './container-stack.ts'
import { containerOrImage, type TreeSource } from './export-tree.ts'
import { mountContainer, mountsOf, unmountContainer } from './mount-container.ts'
import { processEnvironment } from './process-environment.ts'

export interface RunInOptions extends RunInRootOptions {
  /** `USER[:GROUP]` by the image's own files. Default: root. */
  readonly user?: string
  /** Default: as the image has it, else `/`. */
  readonly workingDirectory?: string
  /** `NAME=VALUE`, over those of the image. */
  readonly env?: readonly string[]
  readonly onWarning?: OnWarning
}

/**
 * Runs a program to its end.
 * @param name of a container, or else of an image
 * @param command a program, looked up on the PATH of the image, and its arguments
 * @returns its exit code; 126 and 127 with a reason where it could not be started, as docker run has it
 * @throws NotFoundError ERR_CONTAINER_NOT_FOUND; InvalidArgumentError ERR_OPTION for a user that the image does not know;
 *   UnsupportedError ERR_OVERLAY_UNAVAILABLE, ERR_HOST_UNSUPPORTED; HostError
 */
export async function runIn(
  store: Store,
  name: string,
  command: readonly [string, ...string[]],
  options: RunInOptions = {},
): Promise<RunInRootResult> {
  const source = containerOrImage(store, name)
  if ('container' in source) await settleForReading(store, source.container, options.signal)
  const config = configOf(source)
  const user = await userOf(store, source, options.user ?? '')
  const job = {
    command,
    cwd: options.workingDirectory ?? (config.WorkingDir || '/'),
    env: processEnvironment(config, { home: user.home, extra: options.env ?? [] }),
    uid: user.uid,
    gid: user.gid,
  }
  if ('image' in source) {
    const mount = readable(store, overlayOf(store, await imageMount(store, source)))
    return runInRoot({ ...job, mount }, options)
  }
  const { container } = source
  // What is written out is its root until it is folded back: beside it, the layers are out of date.
  const merge = mergeOf(store, container)
  if (merge !== undefined) return runInRoot({ ...job, root: merge.target }, options)
  if (process.geteuid?.() !== 0) {
    const spec = await store.driver.writableMounts(layerOf(container).mountID)
    if (spec.kind === 'bind') return runInRoot({ ...job, root: spec.source }, options)
    return runInRoot({ ...job, mount: readable(store, spec) }, options)
  }
  // Where every other verb sees it, too: two mounts of one writable layer would not know of each other.
  const [mounted] = mountsOf(store, container)
  if (mounted !== undefined) return runInRoot({ ...job, root: mounted }, options)
  const { target } = await mountContainer(store, container.id)
  try {
    return await runInRoot({ ...job, root: target }, options)
  } finally {
    await unmountContainer(store, container.id)
  }
}

export function configOf(source: TreeSource): ContainerConfig {
  return 'container' in source ? source.container.config : (source.image.config.config ?? {})
}

async function userOf(
  store: Store,
  source: TreeSource,
  user: string,
): ReturnType<typeof resolveUser> {
  using stack =
    'container' in source
      ? await openContainerStack(store, source.container)
      : await openImageStack(store, source.image)
  return await resolveUser(stack, user)
}

async function imageMount(
  store: Store,
  { image }: Extract<TreeSource, { image: unknown }>,
): Promise<MountSpec> {
  const top = image.layers.at(-1)
  if (top !== undefined) return store.driver.mounts(top.cacheID)
  throw new UnsupportedError(
    'ERR_OVERLAY_UNAVAILABLE',
    `cannot run anything in image ${image.id}: it has no layers`,
    { details: { imageID: image.id } },
  )
}

type OverlaySpec = Extract<MountSpec, { kind: 'overlay' }>

/** One directory is as good a lower as many. */
export function overlayOf(store: Store, spec: MountSpec): OverlaySpec {
  if (spec.kind === 'overlay') return spec
  const { home } = store.driver
  return {
    kind: 'overlay',
    lowers: [spec.source],
    shortLowers: [path.relative(home, spec.source)],
    home,
    userxattr: store.form !== 'trusted',
  }
}

function readable(store: Store, spec: OverlaySpec): OverlaySpec {
  const reason = unreadableForm(store.form)
  if (reason === undefined) return spec
  throw new UnsupportedError(
    'ERR_OVERLAY_UNAVAILABLE',
    `cannot enter the root file system: ${reason}`,
    { details: { reason } },
  )
}
