// The kernel's own merge of a stack: an overlay mount without an upper directory, or a read-only bind mount where there
// is one layer. Tells apart "cannot be had here" (UnsupportedError, try another view) from "went wrong".
// Knows in which forms the kernel can read a store at all; how a mount is made is src/sys's.

import os from 'node:os'
import type { LayerForm, MountSpec } from '../driver/driver.ts'
import { HostError, LayerStoreError, UnsupportedError } from '../errors.ts'
import { mountSpec, mountWritable } from '../sys/mount.ts'

/** Answers of the kernel that mean: not this stack, not on this file system, not for you. */
const REFUSALS: ReadonlySet<unknown> = new Set([
  'EINVAL',
  'EPERM',
  'EACCES',
  'ENODEV',
  'ENOSYS',
  'EOPNOTSUPP',
  'ENOTSUP',
  'ELOOP',
  'E2BIG',
])

/**
 * Mounts on an existing directory, read-only.
 * @throws UnsupportedError ERR_OVERLAY_UNAVAILABLE with details.reason, HostError
 */
export async function mountKernel(
  spec: MountSpec,
  target: string,
  form: LayerForm = 'trusted',
): Promise<void> {
  await mountReadable(() => mountSpec(spec, target), spec, target, form)
}

/** The same with an upper directory, writable. */
export async function mountKernelWritable(
  spec: Extract<MountSpec, { kind: 'overlay' }>,
  target: string,
  form: LayerForm = 'trusted',
): Promise<void> {
  await mountReadable(() => mountWritable(spec, target), spec, target, form)
}

async function mountReadable(
  mount: () => Promise<void>,
  spec: MountSpec,
  target: string,
  form: LayerForm,
): Promise<void> {
  const reason = spec.kind === 'overlay' ? unreadableForm(form) : undefined
  if (reason !== undefined) throw unavailable(target, reason)
  try {
    await mount()
  } catch (error) {
    throw refusesKernel(error, target)
  }
}

/** What a failed mount says: UnsupportedError with details.reason where another view may do; else the error as it is. */
export function refusesKernel(error: unknown, target: string): unknown {
  if (error instanceof UnsupportedError) {
    const stated = error.message.replace(/^[^:]*: /, '')
    return unavailable(target, stated, error)
  }
  if (!(error instanceof HostError) || !REFUSALS.has(error.details['errno'])) return error
  return unavailable(target, `the kernel refuses these layers: ${error.message}`, error)
}

/** Why the kernel would show something else than the image; undefined when it shows the image. */
export function unreadableForm(
  form: LayerForm,
  release: string = os.release(),
): string | undefined {
  if (form === 'none') {
    return 'this store keeps removals as files named .wh.*, which the kernel does not read'
  }
  const [major = 0, minor = 0] = release.split('.').map((part) => parseInt(part, 10))
  if (form === 'user' && (major < 6 || (major === 6 && minor < 7))) {
    return `this store keeps removals as extended attributes, which the kernel reads from Linux 6.7 on; this is ${release}`
  }
  return undefined
}

function unavailable(target: string, reason: string, cause?: unknown): UnsupportedError {
  return new UnsupportedError(
    'ERR_OVERLAY_UNAVAILABLE',
    `cannot mount the layers on ${target}: ${reason}`,
    {
      ...(cause === undefined ? {} : { cause }),
      details: { ...(cause instanceof LayerStoreError ? cause.details : {}), path: target, reason },
    },
  )
}
