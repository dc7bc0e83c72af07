// Which driver a root is opened with.

import { InvalidArgumentError } from '../errors.ts'
import type { Driver, DriverName } from './driver.ts'
import { hasLayers, StoreForm } from './form.ts'
import { Overlay2Driver } from './overlay2.ts'
import { VfsDriver } from './vfs.ts'

export const DRIVER_NAMES: readonly DriverName[] = ['overlay2', 'vfs']

/**
 * As dockerd chooses: the driver that the root has layers of; vfs only where there is nothing else; overlay2 for a new
 * root.
 * @throws InvalidArgumentError ERR_OPTION
 */
export function selectDriver(root: string, wanted?: DriverName): Driver {
  if (wanted !== undefined && !DRIVER_NAMES.includes(wanted)) {
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `cannot use storage driver ${JSON.stringify(wanted)}: choose one of ${DRIVER_NAMES.join(', ')}`,
      { details: { driver: wanted } },
    )
  }
  const onlyVfs = hasLayers(root, 'vfs/dir') && !hasLayers(root, 'overlay2')
  const name = wanted ?? (onlyVfs ? 'vfs' : 'overlay2')
  const form = new StoreForm(root)
  return name === 'vfs' ? new VfsDriver(root, form) : new Overlay2Driver(root, form)
}
