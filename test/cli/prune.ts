// The prune verbs as their user sees them: docker's words, no act without consent, a dry run that is true to the byte.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { createContainer } from '../../src/containers/create-container.ts'
import { createVolume } from '../../src/index.ts'
import { humanSize } from '../../cli/format/units.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { fixtureStore, IMAGES } from '../support/store-fixture.ts'
import { blocksBelow, plantLeaks } from '../support/used-store.ts'

async function usedRoot(
  t: Parameters<typeof fixtureStore>[0],
): Promise<{ root: string; id: string }> {
  const { root, open } = await fixtureStore(t)
  const store = await open()
  const { id } = await createContainer(store, 'app:1', { name: 'c1', volumes: ['/data'] })
  await createVolume(store, { name: 'named' })
  plantLeaks(root, store)
  return { root, id }
}

for (const args of [
  ['system', 'prune'],
  ['system', 'prune', '-a', '--volumes'],
  ['container', 'prune'],
  ['container', 'prune', '--filter', 'label!=stage'],
  ['image', 'prune'],
  ['image', 'prune', '-a', '--filter', 'label=stage'],
  ['volume', 'prune', '-a'],
])
  t.test(`${args.join(' ')}: the dry run, to the byte`, async (t) => {
    const { root } = await usedRoot(t)
    const dry = await shaleInProcess([...args, '--dry-run'], { root })
    t.equal(dry.stderr, 'shale: a dry run: nothing is removed\n')
    const before = blocksBelow(root)
    const run = await shaleInProcess([...args, '--force'], { root })
    t.equal(run.stderr, '')
    t.equal(run.code, 0, run.stderr)
    t.equal(run.stdout, dry.stdout)
    const freed = humanSize(before - blocksBelow(root), 4)
    t.ok(run.stdout.endsWith(`Total reclaimed space: ${freed}\n`), freed)
    const again = await shaleInProcess([...args, '-f'], { root })
    t.equal(again.stdout, 'Total reclaimed space: 0B\n')
  })

t.test('docker’s sections', async (t) => {
  const { root, id } = await usedRoot(t)
  const { stdout } = await shaleInProcess(['system', 'prune', '-af', '--volumes'], { root })
  t.same(stdout.match(/^(Deleted|Total).*(?=:)/gm), [
    'Deleted Containers',
    'Deleted Volumes',
    'Deleted Images',
    'Deleted Leftovers',
    'Total reclaimed space',
  ])
  t.match(stdout, `Deleted Containers:\n${id}\n\nDeleted Volumes:\n`)
  t.match(stdout, `untagged: app:1\n`)
  t.match(stdout, `deleted: ${IMAGES.app.imageID}\n`)
  t.notMatch(stdout, /^named$/m, 'a volume that somebody named stays')
})

t.test(
  'volumes that dockerd keeps the books of: the dry run shows the rest, the run is refused',
  async (t) => {
    const { root, id } = await usedRoot(t)
    const without = await shaleInProcess(['system', 'prune', '-a', '--dry-run'], { root })
    fs.writeFileSync(path.join(root, 'volumes/metadata.db'), 'bolt')
    const args = ['system', 'prune', '-a', '--volumes']
    const dry = await shaleInProcess([...args, '--dry-run'], { root })
    t.same([dry.code, dry.stdout], [0, without.stdout])
    t.match(dry.stdout, id)
    t.match(
      dry.stderr,
      /^shale: a dry run: nothing is removed\nshale: warning: volumes are left out: dockerd .* is refused\n$/,
    )
    const before = blocksBelow(root)
    const run = await shaleInProcess([...args, '-f'], { root })
    t.same([run.code, run.stdout], [1, ''])
    t.match(run.stderr, /cannot prune volumes in /)
    t.equal(blocksBelow(root), before)
  },
)

t.test('nobody to ask is no consent', async (t) => {
  const { root } = await usedRoot(t)
  const before = blocksBelow(root)
  for (const noun of ['system', 'image', 'volume']) {
    const done = await shaleInProcess([noun, 'prune'], { root, stdin: 'y\n' })
    t.equal(done.code, 2)
    t.match(done.stderr, /standard input is no terminal; add --force/)
  }
  t.equal(blocksBelow(root), before)
})

t.test('on a terminal it asks', async (t) => {
  const { root } = await usedRoot(t)
  const ask = (stdin: string, ...args: string[]): ReturnType<typeof shaleInProcess> =>
    shaleInProcess(args, { root, stdin, terminal: { stdin: true, stdout: true } })
  const question = 'Are you sure you want to continue? [y/N] '
  const system = await ask('n\n', 'system', 'prune', '--filter', 'until=1h')
  t.equal(
    system.stdout,
    `WARNING! This will remove:
  - all stopped containers
  - all dangling images
  - all that is leaked

  Items to be pruned will be filtered with:
  - until=1h

${question}`,
  )
  t.equal(system.code, 0)
  const image = await ask('', 'image', 'prune', '-a')
  t.equal(
    image.stdout,
    `WARNING! This will remove all images without at least one container associated to them.\n${question}`,
  )
  const yes = await ask('Y\n', 'image', 'prune')
  t.ok(yes.stdout.startsWith(`WARNING! This will remove all dangling images.\n${question}Deleted`))
  t.match(yes.stdout, `deleted: ${IMAGES.dangling.imageID}`)
})

t.test('what makes no sense', async (t) => {
  const { root } = await usedRoot(t)
  for (const args of [
    ['system', 'prune', '-f', '--volumes', '--filter', 'until=1h'],
    ['system', 'prune', '-f', '--filter', 'until=24x'],
    ['image', 'prune', '-f', '--filter', 'foo=bar'],
    ['volume', 'prune', '-f', '--filter', 'until=1h'],
    ['volume', 'prune', '-f', '--filter='],
  ])
    t.equal((await shaleInProcess(args, { root })).code, 2, args.join(' '))
})
