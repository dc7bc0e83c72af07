// A union of directories shown by an option string, as mount(8) is given one; no store is asked. Where merges are
// remembered is the only thing that a root is needed for.

import { InvalidArgumentError } from '../errors.ts'
import { Layout } from '../store/layout.ts'
import { parseOverlayOptions } from '../view/overlay/overlay-options.ts'
import { showOverlay } from '../view/overlay/show-overlay.ts'
import { unmountOverlay, type UnmountedOverlay } from '../view/overlay/unmount-overlay.ts'
import { VIEW_CHOICES, type Shown, type ViewChoice } from '../view/show.ts'

export type { UnmountedOverlay } from '../view/overlay/unmount-overlay.ts'

export interface MountOverlayOptions {
  /** Default: `view=` of the option string, else auto. */
  readonly view?: ViewChoice
  /** The FUSE server belongs to this process: `Shown.server` tells when it ends. */
  readonly foreground?: boolean
  /** As mount tables show it. */
  readonly source?: string
  readonly signal?: AbortSignal
}

/**
 * @param root of any store, which need not exist: a merge is remembered below it
 * @param text `lowerdir=L2:L1,upperdir=U,workdir=W`, and what mount(8) and the kernel's overlay take besides
 * @throws InvalidArgumentError ERR_OPTION; NotFoundError ERR_FILE_NOT_FOUND; UnsupportedError ERR_OVERLAY_UNAVAILABLE,
 *   ERR_HOST_UNSUPPORTED; ConflictError ERR_MOUNT_EXISTS, ERR_DESTINATION_EXISTS; HostError; signal.reason
 */
export async function mountOverlay(
  root: string,
  text: string,
  target: string,
  options: MountOverlayOptions = {},
): Promise<Shown> {
  const parsed = parseOverlayOptions(text)
  const { view = viewOf(parsed.view), ...rest } = options
  return showOverlay({ ...rest, options: parsed, target, view, merges: mergesOf(root) })
}

/**
 * A writable merge is folded into its upper directory first.
 * @throws NotFoundError ERR_MOUNT_NOT_FOUND; HostError (EBUSY: somebody is in it)
 */
export function unmountDirectories(root: string, target: string): Promise<UnmountedOverlay> {
  return unmountOverlay(mergesOf(root), target)
}

/** The same for every driver. */
function mergesOf(root: string): string {
  return new Layout(root, 'overlay2').merges
}

function viewOf(text: string | undefined): ViewChoice {
  if (text === undefined) return 'auto'
  const view = VIEW_CHOICES.find((choice) => choice === text)
  if (view !== undefined) return view
  throw new InvalidArgumentError(
    'ERR_OPTION',
    `cannot take the mount option view: expected ${VIEW_CHOICES.join(', ')}, got '${text}'`,
    { details: { option: 'view' } },
  )
}
