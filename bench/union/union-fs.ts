// How many paths the union in this process looks up in a second when it has seen them before, beside node:fs on the
// plain layer that holds them.

import fs from 'node:fs'
import path from 'node:path'
import type { Contest, Contestant } from '../contest.ts'
import { systemNow } from '../../src/sys/clock.ts'
import { UnionTree } from '../../src/union/tree.ts'
import { walk } from '../../src/unionfs/walk.ts'
import type { BytePath } from '../../src/path/byte-path.ts'
import { DirectoryLayer } from '../../src/view/directory-layer.ts'
import { DiskLayer } from '../../src/view/upper/disk-layer.ts'
import type { UnionTreeInput } from './work.ts'

const ROUNDS = 20

export async function unionFsContest(input: UnionTreeInput): Promise<Contest> {
  const layers = input.layers.map((layer) => new DiskLayer(new DirectoryLayer(layer)))
  const tree = new UnionTree({ lowers: layers }, systemNow)
  const paths = input.files.map((file) => file as BytePath)
  const top = input.layers[0]!
  const own = input.files.filter((file) => fs.existsSync(path.join(top, file)))
  const work = paths.length * ROUNDS
  const timed = (name: string, subject: boolean, count: number, run: () => void): Contestant => ({
    name,
    subject,
    work: count,
    ...(subject ? {} : { against: 'shale UnionTree' }),
    prepare: async () => ({
      run: async () => {
        const begin = process.hrtime.bigint()
        run()
        return { seconds: Number(process.hrtime.bigint() - begin) / 1e9 }
      },
    }),
  })
  return {
    suite: 'union',
    title: 'lookups in the process, warm',
    cache: 'warm',
    workUnit: 'lookup',
    contestants: [
      timed('shale UnionTree', true, work, () => {
        for (let round = 0; round < ROUNDS; round++) {
          for (const file of paths)
            if (typeof walk(tree, file, false) === 'number') throw new Error(file)
        }
      }),
      timed('node:fs lstat of one layer', false, own.length * ROUNDS, () => {
        for (let round = 0; round < ROUNDS; round++)
          for (const file of own) fs.lstatSync(path.join(top, file))
      }),
    ],
  }
}
