// A stack of layers shown through FUSE: by a server process of our own, which goes on after this one.

import { checkFuse } from '../../sys/fuse-device.ts'
import { startServer, type StartedServer } from '../../sys/start-server.ts'
import type { FuseConfig } from './config.ts'

export interface MountFuseOptions extends Pick<
  FuseConfig,
  'target' | 'form' | 'lowers' | 'whiteoutNames' | 'upper' | 'flags' | 'volatile' | 'owners'
> {
  /** As mount tables show it; default: the topmost directory, by which a store knows its mounts. */
  readonly source?: string
  /** Default: where the caller is root. */
  readonly forOthers?: boolean
  /** Default: where the caller is root. */
  readonly checked?: boolean
  /** This process waits for the server, and shows what it says. */
  readonly foreground?: boolean
}

/** As mount tables name the type. */
export const FUSE_TYPE = 'fuse.shale'

/**
 * Resolves when the mount can be used.
 * @throws UnsupportedError ERR_HOST_UNSUPPORTED where there is no FUSE to be had; ConflictError ERR_MOUNT_EXISTS where
 *   the upper directory is open already; HostError
 */
export async function mountByFuse(options: MountFuseOptions): Promise<StartedServer> {
  const { foreground = false, ...rest } = options
  const asRoot = process.geteuid?.() === 0
  checkFuse(options.target, asRoot)
  const config: FuseConfig = {
    ...rest,
    asRoot,
    forOthers: options.forOthers ?? asRoot,
    checked: options.checked ?? asRoot,
    source: options.source ?? options.upper?.directory ?? options.lowers[0]!,
  }
  return startServer(new URL('./fuse-server.js', import.meta.url), {
    config,
    label: `shale-fuse ${options.target}`,
    attached: foreground,
  })
}
