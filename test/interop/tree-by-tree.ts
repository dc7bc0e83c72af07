// One archive loaded by docker and by shale into two empty roots: file by file the same store.

import { execFileSync } from 'node:child_process'
import path from 'node:path'
import t, { type Test } from 'tap'
import { shaleOk } from '../support/cli.ts'
import { DOCKER_PROGRAMS, startDockerd } from '../support/dockerd.ts'
import { realImage, unless } from '../support/host.ts'
import { readStore, type StoreFacts } from '../support/store-facts.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { compareTrees } from '../support/tree.ts'

const skip = unless({
  interop: true,
  root: true,
  programs: [...DOCKER_PROGRAMS, 'getfattr', 'skopeo', 'umoci'],
  realImage: true,
})

/** Docker up to v24 ends each file with a record that holds nothing; from v25 on it does not. */
function withoutEmptyEnd(split: string): string {
  return split.replace(/\{"type":2,"payload":"","position":\d+\}\n$/, '')
}

function same(t: Test, found: StoreFacts, wanted: StoreFacts): void {
  t.same([...found.split.keys()].sort(), [...wanted.split.keys()].sort(), 'chainIDs')
  for (const [chain, records] of wanted.split) {
    const own = found.split.get(chain) ?? ''
    t.ok(
      withoutEmptyEnd(own) === withoutEmptyEnd(records),
      `tar-split of ${chain}: ${firstDifference(own, records)}`,
    )
  }
  t.same(compareTrees(found.overlay2, wanted.overlay2), [], 'overlay2/')
  t.same(compareTrees(found.layout, wanted.layout), [], 'directories above')
}

function firstDifference(found: string, wanted: string): string {
  const lines = wanted.split('\n')
  const at = found.split('\n').findIndex((line, index) => line !== lines[index])
  return at < 0
    ? 'same'
    : `record ${at}: ${found.split('\n')[at]?.slice(0, 200)} | ${lines[at]?.slice(0, 200)}`
}

t.test('a real image', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const byDocker = path.join(dir, 'docker')
  {
    await using dockerd = await startDockerd(byDocker)
    dockerd.docker('load', '-i', realImage.tar)
  }
  const wanted = readStore(byDocker)
  t.ok(wanted.overlay2.size > 10_000, `${wanted.overlay2.size} entries to compare`)

  await t.test('from a docker-archive', async (t) => {
    const root = path.join(dir, 'from-archive')
    shaleOk(['--root', root, 'load', '-i', realImage.tar])
    const found = readStore(root)
    same(t, found, wanted)
    t.same(compareTrees(found.image, wanted.image), [], 'image/overlay2/')
  })

  await t.test('from an OCI layout with compressed layers', async (t) => {
    const root = path.join(dir, 'from-oci')
    shaleOk(['--root', root, 'load', '-i', realImage.oci])
    const found = readStore(root)
    same(t, found, wanted)
    // The layout knows the image by another name, and by another config where skopeo wrote a new one.
    const isLayer = ([name]: readonly [string, object]): boolean => name.startsWith('layerdb/')
    t.same(
      compareTrees(
        new Map([...found.image].filter(isLayer)),
        new Map([...wanted.image].filter(isLayer)),
      ),
      [],
    )
  })

  await t.test('from the same layout as a zstd tar on standard input', async (t) => {
    const root = path.join(dir, 'from-stdin')
    const file = path.join(dir, 'oci.tar.zst')
    execFileSync('tar', ['--zstd', '-cf', file, '-C', realImage.oci, '.'])
    shaleOk(['--root', root, 'load'], { stdinFile: file })
    same(t, readStore(root), wanted)
  })
})
