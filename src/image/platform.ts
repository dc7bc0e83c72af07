// Platforms: `os/arch/variant`, their normal form, and which one of an index's suits a machine.
// Knows containerd's rules (platforms.Only and its fallbacks); which machine this is, it is told.

import { InvalidArgumentError, UnsupportedError } from '../errors.ts'

export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
  readonly osVersion?: string
  readonly osFeatures?: readonly string[]
}

/** What Node calls an architecture, in Go's word; docker knows only Go's. */
const NODE_ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  ppc64: 'ppc64le',
  mipsel: 'mipsle',
  loong64: 'loong64',
}

/** The platform of images for this host. @param machine process.arch and, for 32-bit ARM, its version (6, 7) */
export function hostPlatform(machine: { arch: string; armVersion?: number }): Platform {
  const architecture = NODE_ARCHITECTURES[machine.arch] ?? machine.arch
  const variant = architecture === 'arm' ? `v${machine.armVersion ?? 7}` : undefined
  // Layers are Linux file systems on whatever host: there are no others that shale could stack.
  return normalizePlatform({
    os: 'linux',
    architecture,
    ...(variant === undefined ? {} : { variant }),
  })
}

const PART = /^[A-Za-z0-9_.-]+$/
const KNOWN_OS = new Set(
  'aix android darwin dragonfly freebsd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos'.split(
    ' ',
  ),
)

/** containerd's list, which is Go's. */
const KNOWN_ARCHITECTURES = new Set(
  '386 amd64 amd64p32 arm arm64 arm64be armbe loong64 mips mips64 mips64le mips64p32 mips64p32le mipsle ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm'.split(
    ' ',
  ),
)

/**
 * Reads `--platform`: `linux`, `arm64`, `linux/arm64`, `linux/arm/v6`. A single word must be a known OS or
 * architecture; what is left out is the host's.
 * @throws InvalidArgumentError ERR_OPTION
 */
export function parsePlatform(text: string, host: Platform): Platform {
  const parts = text.split('/')
  if (parts.length > 3 || parts.some((part) => !PART.test(part))) {
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `cannot read platform ${JSON.stringify(text.slice(0, 100))}: expected os[/arch[/variant]], as in linux/arm64/v8`,
      { details: { value: text } },
    )
  }
  const [first, architecture, variant] = parts as [string, string?, string?]
  if (architecture === undefined) {
    const word = first.toLowerCase()
    if (KNOWN_OS.has(word) || word === 'macos') return { ...host, os: normalOS(word) }
    const platform = normalizePlatform({ os: host.os, architecture: first })
    if (KNOWN_ARCHITECTURES.has(platform.architecture)) return platform
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `cannot read platform ${JSON.stringify(first.slice(0, 100))}: it is no operating system and no architecture that is known; write os/arch, as in linux/arm64`,
      { details: { value: text } },
    )
  }
  return normalizePlatform({
    os: first,
    architecture,
    ...(variant === undefined ? {} : { variant }),
  })
}

function normalOS(os: string): string {
  const word = os.toLowerCase()
  return word === 'macos' ? 'darwin' : word
}

/** One spelling for each platform: x86_64 is amd64, arm64's v8 and amd64's v1 go without saying, arm alone is v7. */
export function normalizePlatform(platform: Platform): Platform {
  const { variant: given, ...rest } = platform
  let architecture = platform.architecture.toLowerCase()
  let variant = (given ?? '').toLowerCase()
  switch (architecture) {
    case 'i386':
      architecture = '386'
      variant = ''
      break
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      architecture = 'amd64'
      if (variant === 'v1') variant = ''
      break
    case 'aarch64':
    case 'arm64':
      architecture = 'arm64'
      if (variant === '8' || variant === 'v8') variant = ''
      break
    case 'armhf':
      architecture = 'arm'
      variant = 'v7'
      break
    case 'armel':
      architecture = 'arm'
      variant = 'v6'
      break
    case 'arm':
      if (variant === '' || variant === '7') variant = 'v7'
      else if (/^[568]$/.test(variant)) variant = `v${variant}`
  }
  return {
    ...rest,
    os: normalOS(platform.os),
    architecture,
    ...(variant === '' ? {} : { variant }),
  }
}

export function platformText(platform: Platform): string {
  const { os, architecture, variant } = platform
  return [os || 'unknown', architecture || 'unknown', ...(variant ? [variant] : [])].join('/')
}

/** What a machine of this platform can run, best first: its own variant, the older ones, and 32-bit code. */
export function runnablePlatforms(wanted: Platform): readonly Platform[] {
  const platform = normalizePlatform(wanted)
  const { os } = platform
  const version = Number(/^v(\d+)$/.exec(platform.variant ?? '')?.[1])
  if (platform.architecture === 'amd64') {
    const older: Platform[] = []
    for (let n = version - 1; n >= 1; n--) {
      older.push(normalizePlatform({ os, architecture: 'amd64', variant: `v${n}` }))
    }
    return [platform, ...older, { os, architecture: '386' }]
  }
  if (platform.architecture === 'arm') {
    const older: Platform[] = []
    for (let n = version - 1; n >= 5; n--) older.push({ os, architecture: 'arm', variant: `v${n}` })
    return [platform, ...older]
  }
  if (platform.architecture === 'arm64') {
    const older = platform.variant === undefined ? [] : [{ os, architecture: 'arm64' }]
    const arm32 = runnablePlatforms({ os, architecture: 'arm', variant: 'v8' })
    return [platform, ...older, ...arm32]
  }
  return [platform]
}

/** Place in the order of preference, 0 the best; -1 where it does not run. */
function rank(candidate: Platform, runnable: readonly Platform[]): number {
  const normal = normalizePlatform(candidate)
  return runnable.findIndex(
    (platform) =>
      platform.os === normal.os &&
      platform.architecture === normal.architecture &&
      (platform.variant ?? '') === (normal.variant ?? ''),
  )
}

export function platformMatches(candidate: Platform, wanted: Platform): boolean {
  return rank(candidate, runnablePlatforms(wanted)) >= 0
}

/**
 * The best of an index's entries for a platform; of equals, the first. An entry that states no platform is taken only
 * when nothing that states one fits: its config has to say, and the caller has to look there (`platformMatches`).
 * @throws UnsupportedError ERR_PLATFORM listing what there is
 */
export function pickPlatform<Entry extends { readonly platform?: Platform }>(
  entries: readonly Entry[],
  wanted: Platform,
  label = 'index',
): Entry {
  const runnable = runnablePlatforms(wanted)
  let best: { entry: Entry; rank: number } | undefined
  for (const entry of entries) {
    if (entry.platform === undefined) continue
    const place = rank(entry.platform, runnable)
    if (place >= 0 && (best === undefined || place < best.rank)) best = { entry, rank: place }
  }
  if (best !== undefined) return best.entry
  const silent = entries.find((entry) => entry.platform === undefined)
  if (silent !== undefined) return silent
  const offered = [
    ...new Set(
      entries
        // Attestations are filed under unknown/unknown; they are no platform to choose.
        .filter((entry) => entry.platform?.os !== 'unknown')
        .map((entry) => platformText(normalizePlatform(entry.platform!))),
    ),
  ]
  const reason =
    offered.length === 0
      ? 'it has no images'
      : `it has nothing for ${platformText(normalizePlatform(wanted))}, only ${offered.join(', ')}; choose one with --platform`
  throw new UnsupportedError('ERR_PLATFORM', `cannot use ${label}: ${reason}`, {
    details: { wanted: platformText(wanted), offered },
  })
}
