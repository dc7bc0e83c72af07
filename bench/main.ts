// `npm run bench -- [SUITE...]`: reads what is asked for, runs the suites, shows and writes what came out. Whatever
// happens, what was started is stopped and what was made is removed.

import fs from 'node:fs'
import path from 'node:path'
import { Command, Option } from 'commander'
import { interruption, interruptOnSignals, undoAll } from './cleanup.ts'
import { copyImage, generatedImage, imageOf, type Image } from './image.ts'
import { machine } from './machine.ts'
import { findPeers, PEERS } from './peers/all.ts'
import { canDropCaches, openPlace, type Place } from './place.ts'
import { barChart } from './report/chart.ts'
import { progressOn } from './report/progress.ts'
import { resultText } from './report/table.ts'
import { SCHEMA, type BenchResult, type Cache, type ContestResult } from './result.ts'
import { SUITES } from './suites/all.ts'
import type { SuiteContext } from './suites/suite.ts'
import { targetsOf } from './targets.ts'

interface Options {
  readonly peers: string
  readonly fs: string
  readonly runs: string
  readonly image: readonly string[]
  readonly dir: readonly string[]
  readonly json?: string
  readonly svg?: string
  readonly cold?: true
  readonly full?: true
  readonly smoke?: true
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '' && word !== 'none')
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value]
}

const names = PEERS.map(({ id }) => id).join(',')
const program = new Command('bench')
  .description('Measures shale beside its peers, on the same bytes in the same rounds.')
  .argument('[suite...]', `some of ${Object.keys(SUITES).join(', ')}, or all`, ['load'])
  .option('--peers <ids>', 'comma-separated, or none', names)
  .option('--fs <types>', 'file systems to write to, comma-separated', 'tmpfs')
  .option('--runs <n>', 'rounds that count, after one that warms up', '5')
  .option(
    '--image <file|dir>',
    'the image, in one form or several; default: that of the demo',
    collect,
    [],
  )
  .option(
    '--dir <dir>',
    'where a file system of --fs may be written to; may be repeated',
    collect,
    [],
  )
  .option('--json <file>', 'write the result there')
  .option('--svg <file>', 'draw the result there')
  .option('--cold', 'also with cold caches (root)')
  .addOption(new Option('--full', 'the largest sizes too').conflicts('smoke'))
  .option('--smoke', 'everything once and small: shows that the benchmark works, measures nothing')
  .addHelpText(
    'after',
    '\nExamples:\n  $ npm run bench -- load --peers docker,ctr,tar --fs tmpfs,ext4 --runs 5\n  $ npm run bench -- all --image app.tar --json out.json --svg out.svg',
  )
  .showHelpAfterError('(--help shows what there is)')

program.parse()
interruptOnSignals()
try {
  process.stdout.write(await bench(program.args, program.opts<Options>()))
} catch (error) {
  const interrupted = interruption()
  if (interrupted !== undefined) process.exitCode = interrupted.exitCode
  else {
    process.stderr.write(`bench: ${(error as Error).message}\n`)
    process.exitCode = 1
  }
} finally {
  await undoAll()
}

async function bench(asked: readonly string[], options: Options): Promise<string> {
  const chosen = suitesOf(asked.length === 0 ? ['load'] : asked)
  const smoke = options.smoke === true
  const runs = smoke ? 1 : Number(options.runs)
  if (!Number.isInteger(runs) || runs < 1)
    throw new Error(`cannot run ${options.runs} rounds: expected a whole number from 1 on`)
  if (options.cold === true && !canDropCaches)
    throw new Error('cannot measure with cold caches: only root may drop them')
  for (const file of [options.json, options.svg])
    if (file !== undefined) fs.mkdirSync(path.dirname(path.resolve(file)), { recursive: true })

  const company = findPeers(list(options.peers))
  const startedAt = new Date().toISOString()
  const facts = machine()
  const places: Place[] = []
  for (const fileSystem of list(options.fs)) places.push(await openPlace(fileSystem, options.dir))
  if (places.length === 0) throw new Error('cannot measure nowhere: --fs names no file system')

  const progress = progressOn(process.stderr)
  const context: SuiteContext = {
    places,
    caches: (options.cold === true ? ['warm', 'cold'] : ['warm']) satisfies Cache[],
    peers: company.present,
    runs,
    warmUp: !smoke,
    progress,
    size: smoke ? 'smoke' : options.full === true ? 'full' : 'moderate',
    image: imagesOn(places, options, progress),
  }
  const contests: ContestResult[] = []
  for (const suite of chosen) contests.push(...(await SUITES[suite]!(context)))
  progress.clear()

  const result: BenchResult = {
    schema: SCHEMA,
    startedAt,
    arguments: process.argv.slice(2),
    machine: facts,
    peers: company.facts,
    contests,
    targets: smoke ? [] : targetsOf(contests),
  }
  if (options.json !== undefined)
    fs.writeFileSync(options.json, `${JSON.stringify(result, null, 1)}\n`)
  if (options.svg !== undefined) fs.writeFileSync(options.svg, barChart(result))
  // The smoke asserts no times, but what ran must have run.
  const failed = contests.flatMap(({ rows }) => rows).filter(({ failed }) => failed !== undefined)
  if (smoke && failed.length > 0) process.exitCode = 1
  return resultText(result)
}

function suitesOf(asked: readonly string[]): string[] {
  const known = Object.keys(SUITES)
  const unknown = asked.find((name) => name !== 'all' && !known.includes(name))
  if (unknown !== undefined)
    throw new Error(`cannot run ${unknown}: expected some of ${known.join(', ')}, or all`)
  return asked.includes('all') ? known : known.filter((name) => asked.includes(name))
}

/** Made on the first place, copied to the others, each when it is first asked for. */
function imagesOn(
  places: readonly Place[],
  options: Options,
  progress: SuiteContext['progress'],
): SuiteContext['image'] {
  const made = new Map<Place, Promise<Image>>()
  const of = (place: Place): Promise<Image> => {
    let image = made.get(place)
    if (image === undefined) {
      progress.begin(`preparing the image on ${place.fileSystem}`)
      image =
        place === places[0] ? first(place) : of(places[0]!).then((one) => copyImage(one, place))
      image = image.finally(() => progress.end('done'))
      made.set(place, image)
    }
    return image
  }
  const first = (place: Place): Promise<Image> => {
    if (options.smoke !== true || options.image.length > 0) return imageOf(options.image, place)
    const base = { seed: 1, files: 200, fileBytes: 4000 }
    const top = { seed: 2, files: 100, fileBytes: 4000 }
    return generatedImage('a small generated image', [base, top], place)
  }
  return of
}
