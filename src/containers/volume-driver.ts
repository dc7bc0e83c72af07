// Volumes of a driver other than docker's own. dockerd asks that driver at each start where they lie; nothing here can,
// and a local volume of the same name is another volume.

import { UnsupportedError } from '../errors.ts'
import type { Container, MountPoint } from '../store/container-db.ts'

export interface VolumeUse {
  /** What cannot be done, as `take over`. */
  readonly act: string
  /** What can be done instead. */
  readonly remedy: string
  /** The option of create that asked for it. */
  readonly option?: string
}

export function isOfOtherDriver({ type, driver }: MountPoint): boolean {
  return type === 'volume' && driver !== '' && driver !== 'local'
}

/** @throws UnsupportedError ERR_HOST_UNSUPPORTED */
export function refuseOtherDriver(
  { name: owner }: Container,
  point: MountPoint,
  { act, remedy, option }: VolumeUse,
): void {
  if (!isOfOtherDriver(point)) return
  const { name, driver, destination } = point
  throw new UnsupportedError(
    'ERR_HOST_UNSUPPORTED',
    `cannot ${act} the volume ${name} of ${owner}: it is of the volume driver ${JSON.stringify(driver)}, and shale has docker's local driver alone; ${remedy}`,
    { details: { ...(option ? { option } : {}), value: owner, name, driver, path: destination } },
  )
}
