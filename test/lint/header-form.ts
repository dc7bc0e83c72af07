// Headers that readers take for different things are found, and those that ordinary writers leave are not. That the
// found ones are all that matter is held in test/interop/differential-parsing.ts, against the readers themselves.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import * as nodeTar from 'tar'
import t from 'tap'
import { PROJECT } from '../support/cli.ts'
import { lintTar } from '../support/differential/members.ts'
import { has } from '../support/host.ts'
import { dir, file, layerTar, link, symlink } from '../support/layer.ts'
import { block, extension, GNU_MAGIC, padded, paxRecords, ZERO_BLOCKS } from '../support/tars.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const NO_MAGIC = '\0'.repeat(8)
const tar = (...members: readonly Buffer[]): Buffer => Buffer.concat([...members, ZERO_BLOCKS])
const pax = (records: Record<string, string>): Buffer => extension('x', paxRecords(records))
const raw = (text: string): Buffer => extension('x', text)

function ambiguities(bytes: Buffer): string[] {
  return lintTar(bytes)
    .filter((finding) => finding.startsWith('ambiguous-header: '))
    .map((finding) => finding.slice('ambiguous-header: '.length))
}

/** Each with a near miss, which all readers take alike. */
const CASES: readonly (readonly [expected: RegExp, hit: Buffer, miss: Buffer])[] = [
  [/its magic/, tar(block({ magic: 'ustar\0\0\0' })), tar(block({ magic: NO_MAGIC }))],
  [
    /its size is not/,
    tar(block({ size: '0\u00000\0\0\0\0\0\0\0\0\0' })),
    tar(block({ size: '   0       \0' })),
  ],
  [
    /its size is not/,
    tar(block({ size: '\u00000000000000\0' })),
    tar(block({ size: '\0'.repeat(12) })),
  ],
  [
    /its mtime is not/,
    tar(block({ mtime: '           \0' })),
    tar(block({ mtime: '00000000000 ' })),
  ],
  [
    /its uid is not/,
    tar(block({ uid: '\u0000000001\0' })),
    tar(block({ uid: Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 5]) })),
  ],
  [
    // Of an extension header, whose owner nobody reads; some refuse it all the same.
    /its gid is not/,
    tar(block({ type: 'x', gid: Buffer.from([0xc0, 0, 0, 0, 0, 0, 0, 0]) }), block()),
    tar(
      block({ type: 'x', gid: Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]) }),
      block(),
    ),
  ],
  [
    /its device major is not/,
    tar(block({ magic: NO_MAGIC, patch: { 329: '\u00000000001' } })),
    tar(block({ magic: NO_MAGIC, patch: { 329: '0000001\0' } })),
  ],
  [/fields of ustar/, tar(block({ magic: NO_MAGIC, prefix: 'p' })), tar(block({ prefix: 'p' }))],
  [
    /times of GNU tar/,
    tar(block({ magic: GNU_MAGIC, patch: { 345: '00000000001\0' } })),
    tar(block({ magic: GNU_MAGIC })),
  ],
  [/behind its last field/, tar(block({ patch: { 508: 'tar\0' } })), tar(block())],
  [/first part of its name/, tar(block({ prefix: 'p/' })), tar(block({ prefix: 'p/q' }))],
  [/it has no name/, tar(block({ name: '' })), tar(block({ name: 'n' }))],
  [/a body follows/, tar(block({ type: '5', size: 1 })), tar(block({ type: '5', size: 0 }))],
  [
    /a body follows/,
    tar(pax({ size: '1' }), block({ name: 'd/', type: '5' })),
    tar(pax({ size: '0' }), block({ name: 'd/', type: '5' })),
  ],
  [
    /ends in a slash/,
    tar(pax({ path: 'p' }), block({ name: 'd/', type: '\0' })),
    tar(pax({ path: 'p/' }), block({ name: 'd/', type: '\0' })),
  ],
  [
    /in an extension header alone/,
    tar(pax({ linkpath: 'l' }), block({ type: '2' })),
    tar(pax({ linkpath: 'l' }), block({ type: '2', link: 'x' })),
  ],
  [
    /several extension headers/,
    tar(pax({ path: 'a' }), pax({ mtime: '1' }), block()),
    tar(pax({ path: 'a', mtime: '1' }), block()),
  ],
  [
    /its name stands in/,
    tar(pax({ path: 'a' }), extension('L', 'b\0'), block()),
    tar(pax({ mtime: '1' }), extension('L', 'b\0'), block()),
  ],
  [
    /its target stands in/,
    tar(pax({ linkpath: 'a' }), extension('K', 'b\0'), block({ type: '2', link: 'c' })),
    tar(pax({ path: 'a' }), extension('K', 'b\0'), block({ type: '2', link: 'c' })),
  ],
  [/does not end in a NUL/, tar(extension('L', 'b'), block()), tar(extension('L', 'b\0'), block())],
  [
    /does not end in a NUL/,
    tar(extension('L', 'b\0c\0'), block()),
    tar(extension('L', 'b\0\0'), block()),
  ],
  [/zero in front/, tar(raw('011 path=p\n'), block()), tar(raw('9 path=p\n'), block())],
  [/hdrcharset/, tar(pax({ hdrcharset: 'BINARY' }), block()), tar(pax({ comment: 'c' }), block())],
  [
    /SCHILY.realsize/,
    tar(pax({ 'SCHILY.realsize': '5' }), block()),
    tar(pax({ 'SCHILY.dev': '5' }), block()),
  ],
  [
    /not all/,
    tar(pax({ 'GNU.sparse.name': 'n' }), block()),
    tar(pax({ 'GNU.other': 'n' }), block()),
  ],
  [/path is empty/, tar(pax({ path: '' }), block()), tar(pax({ uname: '' }), block())],
  [/path twice/, tar(raw('9 path=a\n9 path=b\n'), block()), tar(raw('9 path=a\n'), block())],
  [
    /plain decimal/,
    tar(pax({ size: '+5' }), block({ size: 5 }), padded('12345')),
    tar(pax({ size: '5' }), block({ size: 5 }), padded('12345')),
  ],
  [
    /global header says path/,
    tar(extension('g', paxRecords({ path: 'p' })), block()),
    tar(extension('g', paxRecords({ comment: 'c' })), block()),
  ],
  [
    /before a global one/,
    tar(pax({ path: 'a' }), extension('g', paxRecords({ comment: 'c' })), block()),
    tar(extension('g', paxRecords({ comment: 'c' })), pax({ path: 'a' }), block()),
  ],
]

t.test('hits and near misses', async (t) => {
  for (const [expected, hit, miss] of CASES) {
    t.match(ambiguities(hit), [expected])
    t.same(ambiguities(miss), [], `near ${expected.source}`)
  }
})

t.test('also behind a body with its padding, and told of the member that has it', async (t) => {
  const members = [
    block({ name: 'a', size: 5 }),
    padded('12345'),
    block({ name: 'b', prefix: 'p/' }),
  ]
  t.match(ambiguities(tar(...members, block({ name: 'c' }))), [/first part/])
  const again = [extension('g', paxRecords({ comment: 'c' })), ...members]
  t.match(ambiguities(tar(...again, ...members)), [/first part/, /first part/])
  t.same(ambiguities(Buffer.concat([tar(block()), block({ prefix: 'p/' })])), [], 'behind the end')
})

t.test('what writers write is plain', async (t) => {
  const work = temporaryDirectory(t)
  const tree = path.join(work, 'tree')
  fs.mkdirSync(path.join(tree, 'd'), { recursive: true })
  for (const name of ['f', 'n'.repeat(150), 'd/\u00e9', `d/${'m'.repeat(120)}`]) {
    fs.writeFileSync(path.join(tree, name), 'content')
  }
  fs.symlinkSync('t'.repeat(150), path.join(tree, 'symlink'))
  fs.linkSync(path.join(tree, 'f'), path.join(tree, 'hardlink'))
  const made = new Map<string, Buffer>()
  const write = (name: string, program: string, ...args: readonly string[]): void => {
    if (!has(program)) return
    const output = path.join(work, 'made.tar')
    // Some formats cannot say everything; what they say counts.
    spawnSync(program, [...args, '-cf', output, '-C', tree, '.'])
    made.set(`${program} ${name}`, fs.readFileSync(output))
  }
  for (const name of ['v7', 'ustar', 'gnu', 'oldgnu', 'posix'])
    write(name, 'tar', `--format=${name}`)
  for (const name of ['ustar', 'pax', 'gnutar', 'v7tar']) write(name, 'bsdtar', `--format=${name}`)
  nodeTar.create({ file: path.join(work, 'node.tar'), cwd: tree, sync: true }, ['.'])
  made.set('node-tar', fs.readFileSync(path.join(work, 'node.tar')))
  made.set(
    'shale',
    layerTar(dir('d'), file('d/f', 'x'), link('h', 'd/f'), symlink('s', 't'.repeat(150))),
  )
  const archives = path.join(PROJECT, 'fixtures/archives')
  for (const name of fs.readdirSync(archives).filter((each) => each.endsWith('.tar.gz'))) {
    made.set(name, gunzipSync(fs.readFileSync(path.join(archives, name))))
  }
  for (const [name, bytes] of made) t.same(ambiguities(bytes), [], name)
  t.ok(made.size > 10)
})
