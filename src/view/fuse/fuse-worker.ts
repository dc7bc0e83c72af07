// Worker: opens the layers and serves one mount until it is gone. A thread of its own, because it blocks in read(2)
// while the process's main thread listens for signals.

import { parentPort, workerData } from 'node:worker_threads'
import { packError } from '../../errors.ts'
import { systemNow } from '../../sys/clock.ts'
import { asksFor } from '../../sys/mount-flags.ts'
import { UnionTree } from '../../union/tree.ts'
import { LayerStack } from '../stack.ts'
import { DirectoryUpper } from '../upper/directory-upper.ts'
import { DiskLayer } from '../upper/disk-layer.ts'
import type { FuseWorkerData } from './config.ts'
import { OwnerMap } from './owner-map.ts'
import { serve } from './server.ts'

function run({ config, device }: FuseWorkerData): void {
  const { form, lowers, upper: place, asRoot, checked, volatile = false, owners } = config
  const { whiteoutNames = false, flags = [] } = config
  using stack = new LayerStack(lowers, { form, whiteoutNames })
  const upper = place && new DirectoryUpper(place.directory, { form, ...place })
  try {
    const layers = stack.layers.map((layer) => new DiskLayer(layer))
    serve({
      device,
      tree: new UnionTree({ lowers: layers, upper }, systemNow),
      place: place?.directory ?? lowers[0]!,
      // What the kernel writes by itself it does not flush, whatever the mount's flags say.
      passthrough: asRoot && !asksFor(flags, 'sync'),
      checked,
      volatile,
      ...(owners === undefined ? {} : { owners: new OwnerMap(owners) }),
      onReady: () => parentPort?.postMessage({ ready: true }),
    })
    // umount(8) has returned already, and whoever mounts again at once must find nobody here.
    upper?.release()
    if (!volatile) upper?.sync()
  } finally {
    upper?.close()
  }
}

try {
  run(workerData as FuseWorkerData)
} catch (error) {
  parentPort?.postMessage({ failed: packError(error) })
}
