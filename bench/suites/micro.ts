// The pieces one by one, in this process and in rounds like everything else.

import { runContest, type Contestant } from '../contest.ts'
import { createFilesCase } from '../archive/create-files.ts'
import { inflateCase } from '../archive/inflate.ts'
import { hashCase } from '../digest/hash.ts'
import type { MakeCase, MicroCase } from '../micro.ts'
import { removeTree } from '../place.ts'
import type { ContestResult, Row } from '../result.ts'
import { crc64Case } from '../tar-split/crc64.ts'
import { parseCase } from '../tar/parse.ts'
import { lookupCase } from '../union/lookup.ts'
import { warmLookupCase } from '../unionfs/lookup.ts'
import type { SuiteContext } from './suite.ts'

const CASES: readonly MakeCase[] = [
  parseCase,
  crc64Case,
  hashCase,
  inflateCase,
  createFilesCase,
  lookupCase,
  warmLookupCase,
]

export async function microSuite(context: SuiteContext): Promise<ContestResult[]> {
  const results: ContestResult[] = []
  const place = context.places[0]!
  for (const make of CASES) {
    const dir = place.fresh('micro')
    const one = await make({ smoke: context.size === 'smoke', dir })
    try {
      const { title, workUnit } = one
      const contestants = contestantsOf(one)
      results.push(
        await runContest({ suite: 'micro', title, cache: 'warm', workUnit, contestants }, context),
      )
    } finally {
      one.end?.()
      await removeTree(dir)
    }
  }
  return results
}

function contestantsOf({ contestants }: MicroCase): Contestant[] {
  const own = contestants.find(({ subject }) => subject)!.name
  return contestants.map(({ name, subject, work, run, before }): Contestant => {
    const row: Omit<Row, 'samples'> = { name, subject, work }
    return {
      ...row,
      ...(subject ? {} : { against: own }),
      async prepare() {
        before?.()
        return {
          async run() {
            const begin = process.hrtime.bigint()
            await run()
            return { seconds: Number(process.hrtime.bigint() - begin) / 1e9 }
          },
        }
      },
    }
  })
}
