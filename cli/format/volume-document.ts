// A volume as `docker volume inspect` shows it, and `docker inspect` where nothing else has the name.

import type { Volume } from '../../src/index.ts'

/** types.Volume; what is empty is null in docker. */
export function volumeDocument(volume: Volume): Record<string, unknown> {
  const orNull = (map: Readonly<Record<string, string>> | undefined): object | null =>
    map === undefined || Object.keys(map).length === 0 ? null : map
  return {
    CreatedAt: volume.createdAt,
    Driver: volume.driver,
    Labels: orNull(volume.labels),
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Options: orNull(volume.options),
    Scope: 'local',
  }
}
