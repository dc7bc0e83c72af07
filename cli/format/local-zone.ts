// The zone that local times are shown in, found as Go finds it (time/zoneinfo_unix.go), in whose words docker prints them:
// by the files of tzdata. Intl has letters for few zones (JST is GMT+9 to it), and other rules than the host where one of the
// two is older; it answers where there is no tzdata at all.

import fs from 'node:fs'
import path from 'node:path'
import { readZone, type Zone } from './zone-file.ts'
import type { LocalTime } from './zone-rule.ts'

const FOLDERS: readonly string[] = [
  '/usr/share/zoneinfo',
  '/usr/share/lib/zoneinfo',
  '/usr/lib/locale/TZ',
  '/etc/zoneinfo',
]

const UTC: Zone = () => ({ offsetSeconds: 0, name: 'UTC' })

let latest: { readonly tz: string | undefined; readonly zone: Zone } | undefined

export function localTimeAt(seconds: number): LocalTime {
  const tz = process.env['TZ']
  if (latest === undefined || latest.tz !== tz) latest = { tz, zone: zoneFor(tz) }
  return latest.zone(seconds)
}

/** What is no zone is UTC, as in Go. */
export function zoneFor(tz: string | undefined, folders: readonly string[] = FOLDERS): Zone {
  if (tz === undefined) return zoneAt('/etc/localtime') ?? UTC
  const name = tz.replace(/^:/, '')
  if (name === '' || name === 'UTC') return UTC
  if (name.startsWith('/')) return zoneAt(name) ?? UTC
  const present = folders.filter((folder) => fs.existsSync(folder))
  if (present.length === 0) return byIntl
  for (const folder of present) {
    const zone = zoneAt(path.join(folder, name))
    if (zone) return zone
  }
  return UTC
}

function zoneAt(file: string): Zone | undefined {
  try {
    return readZone(fs.readFileSync(file))
  } catch {
    return undefined // Go says nothing either
  }
}

function byIntl(seconds: number): LocalTime {
  const when = new Date(seconds * 1000)
  const zone =
    new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' })
      .formatToParts(when)
      .find((part) => part.type === 'timeZoneName')?.value ?? ''
  // Intl says GMT+2 where it knows no letters.
  const name = /^[A-Z]{3,5}$/.test(zone) ? zone : ''
  return { offsetSeconds: -60 * when.getTimezoneOffset(), name }
}
