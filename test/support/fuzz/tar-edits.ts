// Changes that only make sense in a tar: a field of a header gets a value that some reader takes otherwise, and
// checksums are set right again, so that a change is read and not merely refused.

import { spliced } from './mutate.ts'
import type { Random } from './random.ts'

const BLOCK = 512

const field = (at: number, width: number): { at: number; width: number } => ({ at, width })
const FIELDS = {
  name: field(0, 100),
  mode: field(100, 8),
  uid: field(108, 8),
  gid: field(116, 8),
  size: field(124, 12),
  mtime: field(136, 12),
  type: field(156, 1),
  link: field(157, 100),
  magic: field(257, 8),
  uname: field(265, 32),
  devMajor: field(329, 8),
  devMinor: field(337, 8),
  prefix: field(345, 155),
  sparse: field(386, 96),
  starTrailer: field(508, 4),
} as const

const TYPES = Array.from('\u0000012345677xgLKSDMVNAX')
const NAMES = [
  'a',
  'a/',
  './a',
  'a//b',
  'a/../b',
  '../a',
  '/a',
  '.',
  './',
  '',
  'a/b',
  'a\nb',
  'a\u00ff',
  'e\u0301',
  '.wh.a',
  'a/.wh..wh..opq',
  '.wh..wh.plnk',
  '.wh.',
  'x'.repeat(100),
]
const NUMBERS = [
  '',
  '0',
  '00000000000',
  '1',
  '777',
  ' 12 ',
  '12 ',
  '12\u0000345',
  '00000000010',
  '0000001000 ',
  '-1',
  '+1',
  '8',
  '0x10',
  '77777777777',
  '777777777777',
  '\u0080\0\0\0\0\0\0\0\0\0\0\u0005',
  '\u0080\0\0\0\0\0\0\u0005',
  '\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff',
  '\u00c0\0\0\0\0\0\0\0',
  '\u0080\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff',
]
const MAGICS = [
  'ustar\u000000',
  'ustar  \0',
  'ustar\0\0\0',
  'ustar 00',
  '\0\0\0\0\0\0\0\0',
  'USTAR\u000000',
  'ustar\u000001',
]
const PREFIXES = ['', 'p', 'p/', '/p', '..', '00000000000 00000000000 ', 'x'.repeat(155)]
const RECORDS: readonly (readonly [string, string])[] = [
  ['path', 'p'],
  ['path', 'p/'],
  ['path', ''],
  ['path', 'a\u0000b'],
  ['path', '../p'],
  ['linkpath', 'p'],
  ['linkpath', ''],
  ['size', '0'],
  ['size', '5'],
  ['size', '512'],
  ['size', ''],
  ['size', '-1'],
  ['size', '+5'],
  ['size', '5.0'],
  ['size', ' 5'],
  ['size', '05'],
  ['size', '9007199254740993'],
  ['size', '18446744073709551621'],
  ['uid', '70000'],
  ['mtime', '1.5'],
  ['mtime', '-1.5'],
  ['mtime', 'x'],
  ['hdrcharset', 'BINARY'],
  ['hdrcharset', 'ISO-IR 10646 2000 UTF-8'],
  ['comment', 'c'],
  ['SCHILY.xattr.user.a', 'v'],
  ['SCHILY.xattr.trusted.overlay.opaque', 'y'],
  ['SCHILY.realsize', '5'],
  ['SCHILY.filetype', 'sparse'],
  ['LIBARCHIVE.xattr.user.a', 'dg=='],
  ['GNU.sparse.major', '1'],
  ['GNU.sparse.minor', '0'],
  ['GNU.sparse.major', '0'],
  ['GNU.sparse.minor', '1'],
  ['GNU.sparse.name', 'n'],
  ['GNU.sparse.realsize', '5'],
  ['GNU.sparse.size', '5'],
  ['GNU.sparse.numblocks', '1'],
  ['GNU.sparse.offset', '0'],
  ['GNU.sparse.numbytes', '5'],
  ['GNU.sparse.map', '0,5'],
]

/** Where headers seem to stand: by the sizes, as a reader goes, however senseless they are. */
function headersOf(tar: Buffer): number[] {
  const found: number[] = []
  for (let at = 0; at + BLOCK <= tar.length && found.length < 200;) {
    if (tar.subarray(at, at + BLOCK).every((byte) => byte === 0)) {
      at += BLOCK
      continue
    }
    found.push(at)
    const type = String.fromCharCode(tar[at + FIELDS.type.at]!)
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 136).replace(/\0.*/s, ''), 8)
    const hasBody = !'123456'.includes(type) && size > 0
    at += BLOCK + (hasBody ? Math.ceil(size / BLOCK) * BLOCK : 0)
  }
  return found
}

/** Each header gets the checksum of what it says, whatever that is; one in thirty is left wrong. */
export function withChecksums(tar: Buffer, random?: Random): Buffer {
  const out = Buffer.from(tar)
  for (const at of headersOf(out)) {
    if (random?.once(30)) continue
    setChecksum(out, at)
  }
  return out
}

function setChecksum(tar: Buffer, at: number): void {
  tar.write('        ', at + 148, 'latin1')
  let sum = 0
  for (let i = at; i < at + BLOCK; i++) sum += tar[i]!
  tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1')
}

/** One field of one header, or one extension header before it. */
export function editTar(tar: Buffer, random: Random): Buffer {
  const headers = headersOf(tar)
  if (headers.length === 0) return tar
  const at = random.pick(headers)
  if (random.once(4)) return spliced(tar, at, 0, extension(random))
  const out = Buffer.from(tar)
  const put = ({ at: offset, width }: { at: number; width: number }, text: string): void => {
    out.fill(0, at + offset, at + offset + width)
    out.write(text.slice(0, width), at + offset, 'latin1')
  }
  switch (random.below(9)) {
    case 0:
      put(FIELDS.type, random.pick(TYPES))
      break
    case 1:
      put(FIELDS.name, random.pick(NAMES))
      break
    case 2:
      put(FIELDS.link, random.pick(NAMES))
      break
    case 3:
    case 4:
      put(FIELDS.size, random.pick(NUMBERS))
      break
    case 5:
      put(random.pick([FIELDS.mode, FIELDS.uid, FIELDS.gid, FIELDS.mtime]), random.pick(NUMBERS))
      break
    case 6:
      put(FIELDS.magic, random.pick(MAGICS))
      break
    case 7:
      put(FIELDS.prefix, random.pick(PREFIXES))
      break
    default:
      put(
        random.pick([FIELDS.devMajor, FIELDS.devMinor, FIELDS.sparse, FIELDS.starTrailer]),
        random.pick([...NUMBERS, 'tar\0']),
      )
  }
  return out
}

function extension(random: Random): Buffer {
  const type = random.pick(['x', 'x', 'x', 'g', 'L', 'K', 'X', 'M', 'V'])
  const payload =
    type === 'L' || type === 'K'
      ? Buffer.from(`${random.pick(NAMES)}${random.once(3) ? '' : '\0'}`, 'latin1')
      : records(random)
  const header = Buffer.alloc(BLOCK)
  header.write('././@X', 0)
  header.write('0000644\u00000000000\u00000000000\0', 100)
  header.write(`${payload.length.toString(8).padStart(11, '0')}\u000000000000000\0`, 124)
  header.write(type, 156)
  header.write(random.once(3) ? 'ustar  \0' : 'ustar\u000000', 257)
  setChecksum(header, 0)
  const padding = (BLOCK - (payload.length % BLOCK)) % BLOCK
  return Buffer.concat([header, payload, Buffer.alloc(padding)])
}

function records(random: Random): Buffer {
  let out = ''
  for (let left = 1 + random.below(4); left > 0; left--) {
    const [key, value] = random.pick(RECORDS)
    const rest = ` ${key}=${value}\n`
    let length = rest.length
    while (`${length}${rest}`.length !== length) length++
    // Now and then a length that is not the record's.
    out += `${random.once(25) ? length + 1 : length}${rest}`
  }
  return Buffer.from(out, 'latin1')
}
