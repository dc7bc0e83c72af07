// One tree of three layers behind each way to merge them without a store: shale's FUSE view beside fuse-overlayfs and
// the kernel's overlay. And the union in this process, by itself.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { runContest, type Contestant } from '../contest.ts'
import { removeTree, type Place } from '../place.ts'
import type { ContestResult } from '../result.ts'
import { mountUnion, viewsHere, type UnionView } from '../union/views.ts'
import { WORKS, type UnionTreeInput, type UnionWork } from '../union/work.ts'
import { PROJECT, putProject } from '../union/project.ts'
import { unionFsContest } from '../union/union-fs.ts'
import type { SuiteContext } from './suite.ts'

const FILES_PER_DIRECTORY = 50
const LAYERS = 3

export async function unionSuite(context: SuiteContext): Promise<ContestResult[]> {
  const results: ContestResult[] = []
  const views = viewsHere()
  for (const place of context.places) {
    const dir = place.fresh('union-input')
    const input = makeInput(dir, context.size === 'smoke' ? 300 : 20_000)
    try {
      for (const work of WORKS) {
        const { title, workUnit } = work
        const contestants = views.map((view) => contestantOf(view, views[0]!, work, input, place))
        const facts = { suite: 'union', title, workUnit, cache: 'warm', place } as const
        results.push(await runContest({ ...facts, contestants }, context))
      }
      results.push(await runContest({ ...(await unionFsContest(input)), place }, context))
    } finally {
      await removeTree(dir)
    }
  }
  return results
}

function contestantOf(
  view: UnionView,
  own: UnionView,
  work: UnionWork,
  input: UnionTreeInput,
  place: Place,
): Contestant {
  return {
    name: view.name,
    subject: view.subject,
    ...(view.subject ? {} : { against: own.name }),
    work: work.count(input),
    async prepare() {
      const mounted = await mountUnion(view, input.layers, place, work)
      work.before?.(mounted.merged, input)
      return {
        async run() {
          const begin = process.hrtime.bigint()
          work.run(mounted.merged, input)
          return { seconds: Number(process.hrtime.bigint() - begin) / 1e9 }
        },
        dispose: () => mounted.dispose(),
      }
    },
  }
}

function makeInput(dir: string, count: number): UnionTreeInput {
  const files: string[] = []
  const directories = new Set<string>()
  for (let i = 0; i < count; i++) {
    const folder = `usr/d${Math.trunc(i / FILES_PER_DIRECTORY)}`
    const layer = path.join(dir, `layer${i % LAYERS}`)
    fs.mkdirSync(path.join(layer, folder), { recursive: true })
    directories.add(folder)
    fs.writeFileSync(path.join(layer, folder, `file-${i}`), `file ${i}\n`.repeat(1 + (i % 200)))
    files.push(`${folder}/file-${i}`)
  }
  const bigBytes = count < 1000 ? 1 << 20 : 256 << 20
  const fd = fs.openSync(path.join(dir, 'layer1/big'), 'w')
  for (let at = 0; at < bigBytes; at += 1 << 20) fs.writeSync(fd, Buffer.alloc(1 << 20, `${at} `))
  fs.closeSync(fd)
  putProject(path.join(dir, 'layer1'), count >= 1000)
  const projectEntries = fs.readdirSync(path.join(dir, 'layer1', PROJECT), {
    recursive: true,
  }).length
  const tar = path.join(dir, 'files.tar')
  const packed = spawnSync('tar', ['-cf', tar, '-C', path.join(dir, 'layer0'), '.'])
  if (packed.status !== 0) throw new Error(`cannot pack the files: ${packed.stderr.toString()}`)
  const layers = Array.from({ length: LAYERS }, (_, layer) => path.join(dir, `layer${layer}`))
  return { layers, files, entries: count + directories.size + projectEntries + 4, bigBytes, tar }
}
