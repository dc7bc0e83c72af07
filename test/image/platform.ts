import t from 'tap'
import { InvalidArgumentError, UnsupportedError } from '../../src/errors.ts'
import {
  hostPlatform,
  normalizePlatform,
  parsePlatform,
  pickPlatform,
  platformMatches,
  platformText,
  runnablePlatforms,
} from '../../src/image/platform.ts'
import type { Platform } from '../../src/image/platform.ts'

const amd64: Platform = { os: 'linux', architecture: 'amd64' }

function platform(text: string): Platform {
  return parsePlatform(text, amd64)
}

t.test('reads what --platform takes', async (t) => {
  const cases: Record<string, string> = {
    linux: 'linux/amd64',
    arm64: 'linux/arm64',
    'linux/arm64': 'linux/arm64',
    'linux/arm64/v8': 'linux/arm64',
    'Linux/AArch64': 'linux/arm64',
    'linux/arm': 'linux/arm/v7',
    'linux/arm/7': 'linux/arm/v7',
    'linux/arm/v6': 'linux/arm/v6',
    armhf: 'linux/arm/v7',
    armel: 'linux/arm/v6',
    x86_64: 'linux/amd64',
    i386: 'linux/386',
    'linux/amd64/v1': 'linux/amd64',
    'linux/amd64/v3': 'linux/amd64/v3',
    'windows/amd64': 'windows/amd64',
    macos: 'darwin/amd64',
    s390x: 'linux/s390x',
  }
  for (const [text, normal] of Object.entries(cases))
    t.equal(platformText(platform(text)), normal, text)
  for (const text of [
    '',
    '/',
    'linux/',
    'linux//v8',
    'a/b/c/d',
    'linux/arm 64',
    'x\u001b[m',
    'arm46',
  ]) {
    t.throws(() => platform(text), InvalidArgumentError, JSON.stringify(text))
  }
})

t.test("the host's platform is in Go's words and always Linux", async (t) => {
  t.equal(platformText(hostPlatform({ arch: 'x64' })), 'linux/amd64')
  t.equal(platformText(hostPlatform({ arch: 'arm64' })), 'linux/arm64')
  t.equal(platformText(hostPlatform({ arch: 'arm' })), 'linux/arm/v7')
  t.equal(platformText(hostPlatform({ arch: 'arm', armVersion: 6 })), 'linux/arm/v6')
  t.equal(platformText(hostPlatform({ arch: 's390x' })), 'linux/s390x')
})

t.test('what a machine can run, best first', async (t) => {
  const list = (text: string): string[] => runnablePlatforms(platform(text)).map(platformText)
  t.strictSame(list('linux/amd64'), ['linux/amd64', 'linux/386'])
  t.strictSame(list('linux/amd64/v3'), [
    'linux/amd64/v3',
    'linux/amd64/v2',
    'linux/amd64',
    'linux/386',
  ])
  t.strictSame(list('linux/arm/v7'), ['linux/arm/v7', 'linux/arm/v6', 'linux/arm/v5'])
  t.strictSame(list('linux/arm64'), [
    'linux/arm64',
    'linux/arm/v8',
    'linux/arm/v7',
    'linux/arm/v6',
    'linux/arm/v5',
  ])
  t.strictSame(list('linux/riscv64'), ['linux/riscv64'])
})

t.test('picks the best of an index, whatever the order', async (t) => {
  const entries = [
    'linux/arm/v5',
    'linux/386',
    'linux/arm/v7',
    'linux/amd64',
    'linux/arm64/v8',
    'windows/amd64',
  ].map((text) => {
    const [os, architecture, variant] = text.split('/') as [string, string, string?]
    return { text, platform: { os, architecture, ...(variant ? { variant } : {}) } }
  })
  const pick = (wanted: string, from = entries): string => pickPlatform(from, platform(wanted)).text
  for (const from of [entries, entries.toReversed()]) {
    t.equal(pick('linux/amd64', from), 'linux/amd64')
    t.equal(
      pick('linux/amd64/v2', from),
      'linux/amd64',
      'an amd64 without variant runs on every amd64',
    )
    t.equal(pick('linux/arm64', from), 'linux/arm64/v8')
    t.equal(pick('linux/arm/v6', from), 'linux/arm/v5')
    t.equal(pick('linux/arm/v8', from), 'linux/arm/v7')
    t.equal(pick('linux/386', from), 'linux/386')
  }
  t.equal(
    pick('linux/amd64', [entries[1]!]),
    'linux/386',
    '32-bit code runs where nothing better is',
  )
  t.notOk(
    platformMatches(
      normalizePlatform({ os: 'linux', architecture: 'amd64' }),
      platform('linux/386'),
    ),
  )
})

t.test('an entry that states no platform comes last', async (t) => {
  const silent: { id: number; platform?: Platform } = { id: 1 }
  const other: { id: number; platform?: Platform } = {
    id: 2,
    platform: { os: 'linux', architecture: 's390x' },
  }
  t.equal(pickPlatform([silent, other], amd64).id, 1)
  t.equal(pickPlatform([silent, other], platform('s390x')).id, 2)
})

t.test('says what there is when nothing fits', async (t) => {
  const entries = [
    { platform: { os: 'linux', architecture: 'arm64' } },
    { platform: { os: 'unknown', architecture: 'unknown' } },
    { platform: { os: 'windows', architecture: 'amd64', osVersion: '10' } },
    { platform: { os: 'windows', architecture: 'amd64', osVersion: '11' } },
  ]
  const failure = (from: typeof entries): UnsupportedError => {
    try {
      pickPlatform(from, amd64, 'index.json')
    } catch (error) {
      if (error instanceof UnsupportedError && error.code === 'ERR_PLATFORM') return error
    }
    throw new Error('not refused')
  }
  t.equal(
    failure(entries).message,
    'cannot use index.json: it has nothing for linux/amd64, only linux/arm64, windows/amd64; choose one with --platform',
  )
  t.match(failure([]).message, /it has no images$/)
})
