// The bombs, each in a process of its own: it ends, its memory stays within what is promised, the store is as before.
// Each by `load` and `lint`, and by one more of all the ways in which a tar or compressed data comes in, other ones each
// time; SHALE_EVERY=1 takes all of them.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { isInterop, SHARE } from '../support/host.ts'
import type { HostileCase, Payload } from '../support/hostile/case.ts'
import { CORPUS } from '../support/hostile/corpus.ts'
import { Ground } from '../support/hostile/ground.ts'
import { measured, PEAK_BYTES_MAX, type Measured } from '../support/hostile/measured.ts'
import { oldStore } from '../support/hostile/old-store.ts'
import { entrancesOf, type Entrance } from '../support/hostile/wrap.ts'
import { memoryDirectory } from '../support/temporary.ts'

const FIRST = Math.floor(Math.random() * 100)
const only = process.env['SHALE_TEST_CASE']

/** Each is some seconds of work: in `npm test` a sixth of them, others each time; all in `test:interop`. */
function taken(): readonly HostileCase[] {
  const heavy = CORPUS.filter((each) => each.isHeavy && each.id.includes(only ?? ''))
  if (only !== undefined) return heavy
  const every = (isInterop ? 1 : 6) * SHARE
  const first = Math.floor(Math.random() * every)
  return heavy.filter((_, i) => i % every === first)
}

t.test('heavy ones', async (t) => {
  const ground = new Ground(memoryDirectory(t))
  await oldStore(ground, 'overlay2')
  const outside = ground.outside()
  for (const [index, hostile] of taken().entries()) {
    const problems: string[] = []
    const runFrom = (stdinFile: string | undefined, ...args: readonly string[]): Measured => {
      const done = measured(ground, args, stdinFile)
      const what = `${hostile.id} ${args[0]!}${stdinFile === undefined ? '' : ' -'}: ${(done.peakBytes / 2 ** 20).toFixed(0)} MiB, ${done.seconds.toFixed(1)} s`
      t.comment(what)
      if (!(done.peakBytes <= PEAK_BYTES_MAX)) problems.push(`${what}: more memory than promised`)
      if (done.stderr.length > 20_000)
        problems.push(`${what}: ${done.stderr.length} characters on stderr`)
      return done
    }
    const run = (...args: readonly string[]): Measured => runFrom(undefined, ...args)
    ground.clearScratch()
    const inside = ground.inside()
    const limits = (hostile.limits ?? []).flatMap((limit) => ['--limit', limit])
    const payload = hostile.build(ground.canaries)
    const [entrance, ...others] = entrancesOf(payload, ground.scratch)
    const done = run('load', '-q', '--no-sync', ...limits, '-i', entrance!.input)
    const isHarmless = hostile.expect === 'harmless' || hostile.expect.includes('harmless')
    if (done.code === 0 && isHarmless) {
      const id = /Loaded image(?: ID)?: (\S+)/.exec(done.stdout)?.[1] ?? ''
      if (hostile.id.endsWith('sparse-within-bounds')) {
        const target = `${ground.scratch}/merge`
        fs.mkdirSync(target)
        for (const args of [
          ['mount', '--view', 'merge', id, target],
          ['umount', target],
        ]) {
          const shown = run(...args)
          if (shown.code !== 0) problems.push(`${args[0]!}: ${shown.stderr}`)
        }
      }
      for (const args of [
        ['ls', '-R', id],
        ['images'],
        ['inspect', id],
        ['rmi', '-f', imageID(done, run)],
      ]) {
        const looked = run(...args)
        if (looked.code !== 0) problems.push(`${args[0]!}: ${looked.stderr.slice(0, 500)}`)
      }
    } else {
      problems.push(...refusal(hostile, done))
      if (ground.inside() !== inside) problems.push('the store is not as before')
    }
    const content = ground.inside('content')
    for (const way of turn(waysIn(hostile, payload, others, ground.scratch), index)) {
      if (way.intoContainer) run('create', '--name', 'box', 'old:1', '/bin/true')
      const came = runFrom(way.stdinFile, ...way.args)
      const told = came.code === 0 || way.isBoundless ? [] : refusal(hostile, came)
      problems.push(...told.map((each) => `${way.name}: ${each}`))
      if (![0, 1, 12].includes(came.code ?? -1))
        problems.push(`${way.name} ended with ${came.code ?? came.signal}: ${came.stderr}`)
      if (came.code === 0 && !way.isBoundless && !isHarmless)
        problems.push(`${way.name}: it is not refused`)
      if (way.intoContainer) run('rm', '-f', '-v', 'box')
      else if (came.code === 0 && way.args[0] !== 'diffid') {
        const name = way.args[0] === 'import' ? 'imported:1' : imageID(came, run)
        problems.push(...failed(run('rmi', '-f', name), `${way.name}, rmi`))
      }
      if (ground.inside('content') !== content)
        problems.push(`${way.name}: the store is not as before`)
    }
    const linted = run('lint', entrance!.input)
    if (![0, 1, 12].includes(linted.code ?? -1))
      problems.push(
        `lint ended with ${linted.code ?? linted.signal}: ${linted.stderr.slice(0, 500)}`,
      )
    ground.clearScratch()
    const [twin] = entrancesOf(hostile.twin(ground.canaries), ground.scratch)
    const benign = run('load', '-q', '--no-sync', '-i', twin!.input)
    if (benign.code !== 0) problems.push(`the benign twin: ${benign.stderr.slice(0, 500)}`)
    t.same(problems, [], hostile.id)
  }
  t.equal(ground.outside(), outside, 'nothing outside of the root changed')
})

/** What is wrong with how it was refused. */
function refusal(hostile: HostileCase, { code, signal, stderr }: Measured): string[] {
  const text = stderr.slice(0, 500)
  if (code !== 12 && code !== 1) return [`ended with ${code ?? signal}: ${text}`]
  if (hostile.expect === 'harmless') return [`is refused: ${text}`]
  const isNamed = hostile.names === undefined || stderr.includes(hostile.names)
  return isNamed ? [] : [`does not name ${hostile.names}: ${text}`]
}

const failed = ({ code, stderr }: Measured, what: string): string[] =>
  code === 0 ? [] : [`${what}: ${stderr.slice(0, 500)}`]

interface WayIn {
  readonly name: string
  readonly args: readonly string[]
  readonly stdinFile?: string
  readonly intoContainer?: true
  /** Takes no `--limit`: what a bomb does there is told by its bounds, or it is none. */
  readonly isBoundless?: true
}

function waysIn(
  hostile: HostileCase,
  payload: Payload,
  entrances: readonly Entrance[],
  scratch: string,
): WayIn[] {
  const limits = (hostile.limits ?? []).flatMap((limit) => ['--limit', limit])
  const ways: WayIn[] = []
  for (const { name, verb, input, viaStdin } of entrances) {
    const stdin = viaStdin ? { stdinFile: input } : {}
    const source = viaStdin ? [] : ['-i', input]
    if (verb === 'load')
      ways.push({ name, args: ['load', '-q', '--no-sync', ...limits, ...source], ...stdin })
    else if (hostile.isForImport !== false)
      ways.push({ name, args: ['import', ...limits, input, 'imported:1'] })
  }
  if ('members' in payload) return ways
  const tar = path.join(scratch, 'bare.tar')
  fs.writeFileSync(tar, 'bytes' in payload ? payload.bytes : payload.layers.at(-1)!)
  ways.push(
    {
      name: 'cp',
      args: ['cp', '-', 'box:/'],
      stdinFile: tar,
      intoContainer: true,
      isBoundless: true,
    },
    { name: 'diffid', args: ['diffid', tar], isBoundless: true },
  )
  const isAlone = 'bytes' in payload || payload.layers.length === 1
  if (hostile.isForImport !== false && isAlone)
    ways.push({ name: 'import', args: ['import', ...limits, '-', 'imported:1'], stdinFile: tar })
  return ways
}

/** One of them; another one for the next bomb, and in the next run. */
function turn(ways: readonly WayIn[], index: number): readonly WayIn[] {
  if (process.env['SHALE_EVERY'] === '1') return ways
  return ways.length === 0 ? [] : [ways[(FIRST + index) % ways.length]!]
}

function imageID(done: Measured, run: (...args: readonly string[]) => Measured): string {
  const name = /Loaded image(?: ID)?: (\S+)/.exec(done.stdout)?.[1] ?? ''
  return run('inspect', '-f', '{{.Id}}', name).stdout.trim()
}
