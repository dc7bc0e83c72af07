// Every attack of the corpus by every entrance, as a program that runs as root inside of a mount namespace which ends
// with it: `node all-entrances.js WORK EVERY FIRST DRIVER [FORM]`. Takes every so many of the attacks, from one on.
// Prints what went wrong, and how much was tried, as JSON.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { fuseUnavailable } from '../../../src/sys/fuse-device.ts'
import type { HostileCase } from './case.ts'
import { CORPUS } from './corpus.ts'
import { Ground } from './ground.ts'
import { oldStore } from './old-store.ts'
import { peakGrowth } from './peak-growth.ts'
import { Trial } from './trial.ts'
import { sameByAllViews } from './views.ts'
import { conformLooks, copyTarIn, directoryIn } from './ways-in.ts'
import { entrancesOf, type Entrance } from './wrap.ts'

/** Of an attack's layers, by cp: some have hundreds of the same kind. */
const COPIED_MAX = 3

/** A mount by FUSE is a process, and some tenths of a second: one attack in so many, others each time. */
const FUSE_EVERY = 4

export interface Tried {
  readonly attacks: number
  readonly entrances: number
  readonly copied: number
  /** Images that loaded, and were shown by FUSE as well. */
  readonly shownByFuse: number
  readonly problems: readonly string[]
  /** By how much the process grew at the peak of the attack that took most; NaN where that cannot be measured. */
  readonly grownBytes: number | null
  readonly mostBy: string
}

/** Of a size that a bomb cannot take more of. */
function memoryAt(directory: string): void {
  fs.mkdirSync(directory, { recursive: true })
  const args = ['-t', 'tmpfs', '-o', 'size=512m', 'tmpfs', directory]
  const done = spawnSync('mount', args, { encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`cannot mount a tmpfs: ${done.stderr}`)
}

/** The host's own places, as far as an attack aims at them: seen here only, and each with the secret in it. */
function standIns(secret: string): void {
  fs.writeFileSync('/etc/passwd', `root:${secret}:0:0::/root:/bin/sh\n`)
  fs.writeFileSync('/etc/shadow', secret, { mode: 0o600 })
  fs.mkdirSync('/srv/dir')
  fs.writeFileSync('/srv/dir/keep', secret)
}

async function main(work: string, every: number, first: number, store: Store): Promise<Tried> {
  for (const directory of ['/etc', '/srv', work]) memoryAt(directory)
  const ground = new Ground(work, { others: ['/etc', '/srv'] })
  standIns(ground.secret)
  await oldStore(ground, store.driver, store.form)
  const fuseFrom = Math.floor(Math.random() * FUSE_EVERY)
  // The heavy ones are measured one by one: test/hostile/bombs.ts.
  const taken = CORPUS.filter((each) => !each.isHeavy).filter((_, i) => i % every === first)
  const hasFuse = fuseUnavailable(true) === undefined
  const counts = { entrances: 0, copied: 0, shownByFuse: 0, grownBytes: 0, mostBy: '' }
  const tried = { attacks: taken.length, ...counts, problems: [] as string[] }
  for (const [index, hostile] of taken.entries()) {
    const canMountFuse = hasFuse && index % FUSE_EVERY === fuseFrom
    await attack(ground, store, hostile, tried, canMountFuse)
    await benign(ground, store, hostile, tried)
  }
  return tried
}

type Count = { -readonly [key in Exclude<keyof Tried, 'problems'>]: Tried[key] } & {
  problems: string[]
}

async function attack(
  ground: Ground,
  { driver, form }: Store,
  hostile: HostileCase,
  tried: Count,
  canMountFuse: boolean,
): Promise<void> {
  const canMountKernel = driver === 'overlay2' && form === undefined
  const payload = built(ground, hostile, 'build')
  const report = (trial: Trial, how: string): void => {
    tried.problems.push(...trial.problems.map((each) => `${hostile.id} ${how}: ${each}`))
  }
  const whileLoaded = async (trial: Trial, image: string): Promise<void> => {
    await directoryIn(trial, image)
    await sameByAllViews(trial, image)
    if (canMountFuse) tried.shownByFuse++
  }
  for (const [index, entrance] of payload.entrances.entries()) {
    const isFirst = index === 0
    const trial = new Trial(ground, {
      driver,
      canMountKernel,
      // What is in the store is the same whichever way it came.
      ...(isFirst
        ? { isThorough: true, canMountFuse, isKeptAside: form !== undefined, whileLoaded }
        : {}),
    })
    const grownBytes = await peakGrowth(() => trial.hostile(hostile, entrance))
    if (!(grownBytes <= tried.grownBytes!)) {
      tried.grownBytes = grownBytes
      tried.mostBy = `${hostile.id} as ${entrance.name}`
    }
    if (!entrance.viaStdin && entrance.verb === 'load') await trial.lint(entrance)
    tried.entrances++
    report(trial, `as ${entrance.name}`)
  }
  for (const tar of payload.tars.slice(-COPIED_MAX)) {
    const trial = new Trial(ground, { driver })
    await copyTarIn(trial, tar)
    tried.copied++
    report(trial, 'by cp')
  }
  // conform reads small files whole: what it is made for are shapes of its own.
  if (hostile.class === 'bomb') return
  const trial = new Trial(ground, { driver, canMountKernel })
  const image = { name: 'hostile:1', layers: payload.tars }
  await conformLooks(trial, { archive: payload.entrances[0]!.input, image }, form)
  report(trial, 'by conform')
}

async function benign(
  ground: Ground,
  { driver }: Store,
  hostile: HostileCase,
  tried: Count,
): Promise<void> {
  for (const entrance of built(ground, hostile, 'twin').entrances) {
    const trial = new Trial(ground, { driver })
    await trial.twin(hostile, entrance)
    tried.entrances++
    const how = `${hostile.id}, its twin as ${entrance.name}`
    tried.problems.push(...trial.problems.map((each) => `${how}: ${each}`))
  }
}

function built(
  ground: Ground,
  hostile: HostileCase,
  which: 'build' | 'twin',
): { readonly entrances: readonly Entrance[]; readonly tars: readonly Buffer[] } {
  ground.clearScratch()
  const payload = hostile[which](ground.canaries)
  const entrances = entrancesOf(payload, ground.scratch).filter(
    ({ verb }) => verb === 'load' || hostile.isForImport !== false,
  )
  const tars = 'layers' in payload ? payload.layers : 'bytes' in payload ? [payload.bytes] : []
  return { entrances, tars }
}

interface Store {
  readonly driver: 'overlay2' | 'vfs'
  readonly form?: 'user' | 'none'
}

const [, , work, every, first, driver, form] = process.argv
const tried = await main(work!, Number(every), Number(first), { driver, form } as Store)
console.log(JSON.stringify(tried))
