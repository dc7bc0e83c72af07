// A container's volumes and binds as its bundle mounts them, out of MountPoints of config.v2.json.

import { ownField } from '../image/json.ts'
import type { Container } from '../store/container-db.ts'
import type { Store } from '../store/store.ts'
import type { BundleVolume } from './bundle-spec.ts'
import { sourceOf } from './copy-volume.ts'
import { objectAt, textAt } from './document-fields.ts'
import { mountPointRecord } from './mount-points.ts'
import { refuseOtherDriver } from './volume-driver.ts'

/** @throws UnsupportedError ERR_HOST_UNSUPPORTED where a volume is of another driver than docker's own */
export function bundleVolumes(store: Store, container: Container): BundleVolume[] {
  return container.mountPoints
    .filter(({ type }) => type === 'volume' || type === 'bind')
    .map((point) => {
      refuseOtherDriver(container, point, {
        act: 'put into a bundle',
        remedy:
          'mount it on the host, and make the bundle of a container that has that directory with -v',
      })
      const stored = mountPointRecord(container, point)
      const bindOptions = objectAt(objectAt(stored, 'Spec'), 'BindOptions')
      return {
        source: sourceOf(store, point),
        destination: point.destination,
        writable: point.writable,
        recursive: ownField(bindOptions, 'NonRecursive') !== true,
        propagation: textAt(stored, 'Propagation') || 'rprivate',
      }
    })
}
