// Changes of JSON documents that leave them JSON: a value becomes another, a key goes, comes twice or is called
// otherwise, a list grows. What is no JSON any more is mutate.ts's.

import type { Random } from './random.ts'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

const DIGEST = `sha256:${'0'.repeat(64)}`
const VALUES: readonly Json[] = [
  ...[
    null,
    true,
    false,
    0,
    -1,
    1,
    1.5,
    2 ** 53,
    1e300,
    '',
    'x',
    '../x',
    '/',
    DIGEST,
    'sha256:../x',
  ],
  ...[
    'sha512:00',
    'a:1',
    'A:1',
    'a@b',
    '\u0000',
    '\u001b[31m',
    '\ud800',
    'linux',
    'windows',
    'amd64',
  ],
  ...['0001-01-01T00:00:00Z', '2024-02-30T00:00:00Z', '2024-01-01T00:00:00+99:99'],
  'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
]
const KEYS: readonly string[] = [
  ...[
    '__proto__',
    'constructor',
    'toString',
    '',
    'digest',
    'size',
    'mediaType',
    'Digest',
    'layers',
  ],
  ...[
    'manifests',
    'config',
    'data',
    'urls',
    'platform',
    'subject',
    'empty_layer',
    'diff_ids',
    'rootfs',
  ],
]

/** @returns the same bytes where they are no JSON */
export function editJSON(bytes: Buffer, random: Random): Buffer {
  let document: Json
  try {
    document = JSON.parse(bytes.toString('utf8')) as Json
  } catch {
    return bytes
  }
  let text = ''
  for (let left = 1 + random.below(3); left > 0; left--) document = edited(document, random)
  text = JSON.stringify(document)
  // The same key twice, which JSON.stringify cannot say.
  if (random.once(12)) text = text.replace(/"(\w+)":("[^"]*"|\d+)/, '"$1":$2,"$1":null')
  return Buffer.from(text)
}

function edited(value: Json, random: Random): Json {
  const isLeaf = value === null || typeof value !== 'object'
  if (isLeaf || random.once(12)) {
    return random.once(6) && typeof value === 'string' ? `${value}x` : random.pick(VALUES)
  }
  if (Array.isArray(value)) {
    const at = random.below(value.length + 1)
    if (at === value.length || random.once(6)) {
      const added = value.length > 0 && random.once(2) ? random.pick(value) : random.pick(VALUES)
      return [...value.slice(0, at), added, ...value.slice(at)]
    }
    if (random.once(6)) return value.filter((_, i) => i !== at)
    return value.map((each, i) => (i === at ? edited(each, random) : each))
  }
  const entries = Object.entries(value)
  if (entries.length === 0 || random.once(8)) {
    return Object.fromEntries([...entries, [random.pick(KEYS), random.pick(VALUES)]]) as Json
  }
  const at = random.below(entries.length)
  if (random.once(8)) return Object.fromEntries(entries.filter((_, i) => i !== at)) as Json
  return Object.fromEntries(
    entries.map(([key, each], i) => {
      if (i !== at) return [key, each]
      return random.once(12) ? [random.pick(KEYS), each] : [key, edited(each, random)]
    }),
  ) as Json
}
