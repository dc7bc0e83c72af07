// Each rule of lint beside what is nearly its case and is none, and each of its other cases. The main case of every rule
// is test/lint/lint.ts's, headers are test/lint/header-form.ts's.

import fs from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import type { DiffID } from '../../src/digest/digest.ts'
import { lintArchive } from '../../src/index.ts'
import { Findings } from '../../src/lint/findings.ts'
import { NodeBudget } from '../../src/lint/layer-tree.ts'
import { LayerReader } from '../../src/lint/layer-reader.ts'
import { LINT_RULES, type LintRuleID } from '../../src/lint/rules.ts'
import { pathFromBytes } from '../../src/path/byte-path.ts'
import { TarParser } from '../../src/tar/parser.ts'
import { buildImage, dockerArchive25, packed } from '../support/image.ts'
import {
  device,
  dir,
  fifo,
  file,
  layerTar,
  link,
  opaque,
  symlink,
  whiteout,
  type LayerEntryInit,
} from '../support/layer.ts'
import { block, GNU_MAGIC } from '../support/tars.ts'
import { temporaryDirectory } from '../support/temporary.ts'

type Layers = readonly (readonly LayerEntryInit[])[]

const CREATED = '2026-01-02T03:04:05Z'
const CREATED_NS = BigInt(Date.parse(CREATED)) * 1_000_000n
const DAY_NS = 86_400_000_000_000n
const OLD = { mtimeNs: 1_700_000_000_000_000_000n }
const f = (name: string, content = '', more: object = {}): LayerEntryInit =>
  file(name, content, { ...OLD, ...more })
const d = (name: string): LayerEntryInit => dir(name, OLD)
const at = (mtimeNs: bigint): LayerEntryInit => file('f', '', { mtimeNs })
const xattr = (name: string, bytes = 1): object => ({
  xattrs: new Map([[name, Buffer.alloc(bytes, 'x')]]),
})
const bytes = (...codes: number[]): ReturnType<typeof pathFromBytes> =>
  pathFromBytes(Buffer.from(codes))
const lower = [d('d'), f('d/old'), f('f'), symlink('lib', 'usr/lib', OLD)]

interface Cases {
  /** None of these has a finding of the rule. */
  readonly misses: readonly Layers[]
  /** Each of these has one, or as many as are said. */
  readonly hits?: readonly (Layers | readonly [count: number, layers: Layers])[]
}

const CASES: Readonly<Record<LintRuleID, Cases>> = {
  'whiteout-and-recreate': {
    misses: [
      [lower, [whiteout('d', OLD)], [d('d'), f('d/new')]],
      [lower, [d('d'), whiteout('d/old', OLD), f('d/new')]],
      [lower, [whiteout('d', OLD), f('dd')]],
    ],
    hits: [
      [lower, [d('d'), f('d/new'), whiteout('d', OLD)]],
      [lower, [whiteout('d', OLD), f('d/new')]],
    ],
  },
  'duplicate-entry': {
    misses: [[[f('a')], [f('a')]], [[d('e'), f('e/x')]], [[f('e/x'), d('e')]], [[f('a'), f('A')]]],
    hits: [
      [[f('a'), symlink('a', 'b', OLD)]],
      [[f('a'), f('b'), link('a', 'b', OLD)]],
      [[d('./'), d('./')]],
    ],
  },
  'hardlink-to-lower': {
    misses: [[lower, [f('f'), link('g', 'f', OLD)]], [[f('f'), link('g', 'f', OLD)]]],
    hits: [[lower, [link('g', '/d/old', OLD)]]],
  },
  'hardlink-to-nothing': {
    misses: [[[f('h'), link('i', './h', OLD)]], [[symlink('s', 'gone', OLD), link('i', 's', OLD)]]],
    hits: [[[d('e'), link('i', 'e', OLD)]], [lower, [whiteout('f', OLD)], [link('g', 'f', OLD)]]],
  },
  'escaping-name': {
    misses: [[[f('a/../x'), symlink('s', '../../../x', OLD), link('l', 'a/../x', OLD), f('..a')]]],
    hits: [[[f('../x')]], [[d('a/../..')]], [[f('x'), link('l', '../../x', OLD)]]],
  },
  'bad-whiteout': {
    misses: [
      [[f('.wh.a'), f('.wh..a'), f('.wh'), f('a.wh.')]],
      [lower, [whiteout('d', OLD)]],
      [[symlink('s', '.wh.d', OLD), symlink('t', 'a.wh.d', OLD), f('t/x')]],
    ],
    hits: [[[f('.wh...')]], [[f('.wh.d/.wh.x')]], [[symlink('s', '.wh.d', OLD), d('s/e')]]],
  },
  'below-a-file': {
    misses: [[[f('a')], [f('a/b')]], [[symlink('a', 'b', OLD), f('a/x')]], [[f('a'), f('ab')]]],
    hits: [
      [[f('a'), d('a/b')]],
      [[symlink('a', 'a', OLD), f('a/b')]],
      [[fifo('p', OLD), f('p/x')]],
    ],
  },
  'empty-link': { misses: [[[symlink('s', '.', OLD), symlink('t', 'missing', OLD)]]] },
  'name-too-long': {
    misses: [[[f(`${'x'.repeat(255)}/${'y'.repeat(255)}`), f(`.wh.${'x'.repeat(251)}`)]]],
    hits: [[[d('\u00e9'.repeat(128))]]],
  },
  'impossible-number': {
    misses: [[[f('a', '', { uid: 4_294_967_294 }), device('n', 'char', 4095, 1_048_575, OLD)]]],
  },
  'forged-overlay': {
    misses: [
      [[device('a', 'block', 0, 0, OLD), device('b', 'char', 0, 1, OLD)]],
      [[f('a', '', xattr('user.overlay')), f('b', '', xattr('security.overlay.opaque'))]],
    ],
    hits: [
      [[f('a', '', xattr('user.containers.override_stat'))]],
      [[f('a', '', xattr('user.fuseoverlayfs.origin'))]],
    ],
  },
  'root-opaque': {
    misses: [
      [lower, [d('d'), opaque('d', OLD)]],
      [lower, [f('./.wh..wh..opq.txt')]],
    ],
    hits: [[lower, [{ ...opaque('', OLD), path: bytes(...Buffer.from('./.wh..wh..opq')) }]]],
  },
  'whiteout-in-opaque': {
    misses: [
      [lower, [d('d'), opaque('d', OLD), whiteout('f', OLD)]],
      [lower, [whiteout('d/old', OLD)]],
    ],
    hits: [[lower, [whiteout('d/e/x', OLD), d('d'), opaque('d', OLD)]]],
  },
  'odd-whiteout': {
    misses: [[lower, [whiteout('f', OLD), d('d'), opaque('d', OLD)]]],
    hits: [
      [lower, [symlink('.wh.f', 'x', OLD)]],
      [lower, [d('d'), dir('d/.wh..wh..opq', OLD)]],
    ],
  },
  'ambiguous-header': { misses: [[[f('x'.repeat(200)), symlink('s', 't'.repeat(200), OLD)]]] },
  'through-lower-symlink': {
    misses: [
      [lower, [d('lib'), f('lib/x')]],
      [lower, [f('lib')]],
      [lower, [f('libx/y')]],
      [lower, [whiteout('lib', OLD)], [f('lib/x')]],
      [[symlink('lib', 'usr/lib', OLD), f('lib/x')]],
    ],
    hits: [
      [lower, [whiteout('lib/x', OLD)]],
      [lower, [f('lib/a/b/c')]],
      [2, [lower, [f('lib/x')], [symlink('d', 'e', OLD)], [f('d/x')]]],
    ],
  },
  'aufs-leftover': {
    misses: [[[f('.wh..wh.a.b'.slice(4))], [d('d'), opaque('d', OLD)]]],
    hits: [[[f('d/.wh..wh.aufs')]]],
  },
  'unclean-name': {
    misses: [[[d('./'), d('./a/'), f('./a/b'), f('a b'), f('\u00e9\u4e2d'), f('a.'), f('...')]]],
    hits: [
      [[f('a/')]],
      [[f('a\u202eb')]],
      [[f('\u00a0\u0085')]],
      [[f('.')]],
      [2, [[symlink('./', 'x', OLD)]]],
    ],
  },
  'future-time': {
    misses: [[[at(CREATED_NS + DAY_NS)]], [[at(0n)]]],
    hits: [[[at(CREATED_NS + DAY_NS + 1n)]], [[at(BigInt(Date.now()) * 1_000_000n + 2n * DAY_NS)]]],
  },
  'absurd-size': {
    misses: [[[f('x', '', xattr('user.big', 4088))]], [[f('x', 'x'.repeat(100_000))]]],
    hits: [[[f('x', '', xattr('user.big', 4089))]]],
  },
  'non-utf8-name': {
    misses: [[[f('\u00e9'), f('\ufffd'), symlink('s', '\u00e9', OLD)]]],
    hits: [
      [[{ ...symlink('s', 'x', OLD), linkPath: bytes(0xff) }]],
      [[{ ...f('x'), path: bytes(0xc3, 0x28) }]],
    ],
  },
  'case-collision': {
    misses: [[[f('a'), f('d/A')]], [[f('A')], [whiteout('A', OLD), f('a')]]],
    hits: [[[f('\u00c9'), f('e\u0301')]], [[f('d/x')], [f('D/y')]]],
  },
  'sparse-file': { misses: [[[f('zeros', '\0'.repeat(10_000))]]] },
  'setuid-file': {
    misses: [
      [
        [
          f('a', '', { mode: 0o1755 }),
          dir('b', { ...OLD, mode: 0o6755 }),
          symlink('c', 'a', { ...OLD, mode: 0o6777 }),
        ],
      ],
    ],
    hits: [[[f('a', '', { mode: 0o6755 })]]],
  },
  'capability-file': {
    misses: [[[f('a', '', xattr('security.capability2')), f('b', '', xattr('user.capability'))]]],
  },
  'non-reproducible': {
    misses: [[[f('a'), f('b'), d('c'), f('c/a')]], [[f('a'), f('.wh.0')]]],
    hits: [
      [[f('b'), f('a')]],
      [[at(CREATED_NS - 1_000_000_000n)]],
      [[file('f', '', { mtimeNs: OLD.mtimeNs + 1n })]],
      [[f('a', '', { atimeNs: OLD.mtimeNs })]],
      [[f('a', '', { gname: bytes(0x61) })]],
    ],
  },
  'wasted-bytes': {
    misses: [
      [[f('a', 'aa')], [whiteout('b', OLD)]],
      [[f('a', '')], [f('a', 'new')]],
      [[f('a', 'aa'), link('b', 'a', OLD)], [whiteout('a', OLD)]],
      [
        [d('d'), f('d/x', 'xx')],
        [d('d'), f('d/y', 'y')],
      ],
    ],
    hits: [
      [[f('a', 'aa'), link('b', 'a', OLD)], [whiteout('a', OLD)], [f('b', 'new')]],
      [
        [d('d'), f('d/x', 'xx')],
        [d('d'), opaque('d', OLD)],
      ],
      [[d('d'), f('d/x', 'xx')], [f('d')]],
      [[f('a', 'aa')], [opaque('', OLD)]],
      [[f('a', 'aa'), f('a', 'b')]],
      // Removed, made again, and removed: two files.
      [2, [[f('a', 'aa')], [whiteout('a', OLD)], [f('a', 'bb')], [whiteout('a', OLD)]]],
    ],
  },
}

async function count(t: Test, rule: LintRuleID, layers: Layers): Promise<number> {
  const archive = path.join(temporaryDirectory(t), 'app.tar')
  const image = buildImage(
    layers.map((entries) => layerTar(...entries)),
    { created: CREATED },
  )
  fs.writeFileSync(archive, packed(dockerArchive25([{ image, tags: ['app:1'] }])))
  const [linted] = await lintArchive(archive, { rules: [rule] })
  return linted!.findings.length
}

for (const { id } of LINT_RULES) {
  t.test(id, async (t) => {
    const { misses, hits = [] } = CASES[id]
    t.ok(misses.length > 0)
    for (const [i, layers] of misses.entries()) {
      t.equal(await count(t, id, layers), 0, `near miss ${i + 1}`)
    }
    for (const [i, hit] of hits.entries()) {
      const [expected, layers] =
        typeof hit[0] === 'number' ? (hit as readonly [number, Layers]) : [1, hit as Layers]
      t.equal(await count(t, id, layers), expected, `hit ${i + 1}`)
    }
  })
}

t.test('sizes that no test can hold: from the header alone', async (t) => {
  const rulesOf = (header: Buffer): string[] => {
    const findings = new Findings((rule) => rule === 'absurd-size')
    findings.startLayer(1, `sha256:${'0'.repeat(64)}` as DiffID)
    new TarParser(new LayerReader(0, findings, new NodeBudget(), { nowNs: 0n })).write(header)
    return findings.list().map(({ message }) => message)
  }
  const size = (bytesOfSize: number): Buffer => {
    const field = Buffer.alloc(12)
    field[0] = 0x80
    field.writeUIntBE(bytesOfSize, 6, 6)
    return field
  }
  t.same(rulesOf(block({ size: size(8 * 2 ** 30 - 1) })), [])
  t.match(rulesOf(block({ size: size(8 * 2 ** 30) })), [/8589934592 bytes/])
  const octal = (value: number): string => `${value.toString(8).padStart(11, '0')}\0`
  const sparse = (real: number, held: number): Buffer =>
    block({
      type: 'S',
      magic: GNU_MAGIC,
      size: held,
      patch: { 386: `${octal(0)}${octal(held)}`, 483: size(real) },
    })
  t.same(rulesOf(sparse(2 ** 30 - 1, 512)), [])
  t.same(rulesOf(sparse(2 ** 30, 2 ** 24)), [])
  t.match(rulesOf(sparse(2 ** 30, 512)), [/1073741824 bytes out of 512/])
})
