// How cost grows: with the entries of a layer, with the layers of an image, with the size of one file. Every size takes
// part in every round, so that sizes can be held against each other as well as programs.

import path from 'node:path'
import { runContest, type Contestant } from '../contest.ts'
import type { LayerShape } from '../generate.ts'
import { generatedImage, type Image } from '../image.ts'
import type { LoadWay } from '../peers/peer.ts'
import { shaleLoads } from '../peers/shale.ts'
import { removeTree, type Place } from '../place.ts'
import type { ContestResult } from '../result.ts'
import { judgeTrees } from '../trees.ts'
import { settings, type SuiteContext } from './suite.ts'

interface Size {
  readonly work: number
  readonly label: string
  readonly shapes: readonly LayerShape[]
}

interface Growth {
  readonly title: string
  readonly workUnit: string
  readonly sizes: Readonly<Record<SuiteContext['size'], readonly number[]>>
  of(work: number): Size
}

const KB = 1e3
const MB = 1e6

const GROWTHS: readonly Growth[] = [
  {
    title: 'small files in one layer',
    workUnit: 'entry',
    sizes: {
      smoke: [100],
      moderate: [1000, 10_000, 100_000],
      full: [1000, 10_000, 100_000, 1_000_000],
    },
    of: (work) => ({
      work,
      label: `${work.toLocaleString('en')} files`,
      shapes: [{ seed: 3, files: work, fileBytes: 1 * KB, filesOnly: true }],
    }),
  },
  {
    title: 'layers of 200 files',
    workUnit: 'layer',
    sizes: { smoke: [1, 5], moderate: [1, 5, 25, 125], full: [1, 5, 25, 125] },
    of: (work) => ({
      work,
      label: work === 1 ? '1 layer' : `${work} layers`,
      shapes: Array.from({ length: work }, (_, i) => ({
        seed: 100 + i,
        files: 200,
        fileBytes: 4 * KB,
      })),
    }),
  },
  {
    title: 'one file in one gzip layer',
    workUnit: 'byte',
    sizes: {
      smoke: [1 * MB],
      moderate: [1 * MB, 32 * MB, 500 * MB],
      full: [1 * MB, 32 * MB, 500 * MB, 4000 * MB],
    },
    of: (work) => ({
      work,
      label: `${work / MB} MB`,
      shapes: [{ seed: 5, files: 1, fileBytes: work, exactSizes: true, filesOnly: true }],
    }),
  },
]

/** Engines need minutes for the larger sizes; those that only unpack are the harder opponents anyway. */
const OPPONENTS = ['tar', 'bsdtar']

export async function scaleSuite(context: SuiteContext): Promise<ContestResult[]> {
  const results: ContestResult[] = []
  for (const { place, cache } of settings(context)) {
    for (const growth of GROWTHS) {
      const images: { size: Size; image: Image }[] = []
      try {
        for (const work of growth.sizes[context.size]) {
          const size = growth.of(work)
          context.progress.begin(`scale · ${place.fileSystem} · making ${size.label}`)
          const image = await generatedImage(size.label, size.shapes, place)
          images.push({ size, image })
          await removeUnread(image)
          context.progress.end('done')
        }
        results.push(
          await runContest(
            {
              suite: 'scale',
              title: growth.title,
              place,
              cache,
              workUnit: growth.workUnit,
              contestants: images.flatMap(({ size, image }) =>
                contestantsOf(context, place, size, image),
              ),
              judge: judgeEach,
            },
            context,
          ),
        )
      } finally {
        for (const { image } of images) await removeTree(path.dirname(image.dockerArchive))
      }
    }
  }
  return results
}

/** The forms that nobody here is given: of a million files they are eleven gigabytes, in a tmpfs of memory. */
async function removeUnread({ dockerArchive, ociTar, plainBlobs }: Image): Promise<void> {
  for (const file of [dockerArchive, ociTar, ...plainBlobs]) await removeTree(file)
}

function contestantsOf(
  context: SuiteContext,
  place: Place,
  size: Size,
  image: Image,
): Contestant[] {
  const own = shaleLoads(place).find(({ layers }) => layers === 'gzip')!
  const name = `shale load, ${size.label}`
  const of = (way: LoadWay, as: string): Contestant => ({
    name: as,
    group: size.label,
    work: size.work,
    subject: as === name,
    ...(as === name ? {} : { against: name }),
    prepare: () => way.prepare(place, image),
  })
  const peers = context.peers.filter(({ id }) => OPPONENTS.includes(id))
  return [
    of(own, name),
    ...peers.map(({ id, loads }) =>
      of(
        loads.find(({ layers }) => layers === 'gzip')!,
        `${id === 'tar' ? 'GNU tar' : id}, ${size.label}`,
      ),
    ),
  ]
}

/** Each size by itself. */
function judgeEach(found: ReadonlyMap<string, unknown>): Map<string, string> {
  const labels = new Map<string, Map<string, unknown>>()
  for (const [name, outcome] of found) {
    const label = name.slice(name.indexOf(', ') + 2)
    const same = labels.get(label) ?? new Map<string, unknown>()
    labels.set(label, same.set(name, outcome))
  }
  const verdicts = new Map<string, string>()
  for (const [label, outcomes] of labels) {
    for (const [name, verdict] of judgeTrees(outcomes, [`GNU tar, ${label}`]))
      verdicts.set(name, verdict)
  }
  return verdicts
}
