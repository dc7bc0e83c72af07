// A second process swaps directories for symlinks to a canary, and back, all through many applies: of layers, of copies
// both ways, of directories that are imported, of merges that are written out. Wherever it strikes, nothing goes into the
// canary and nothing of it comes out. What is disturbed may fail: its own names are missing at the wrong moment.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { isInterop } from '../support/host.ts'
import { Ground } from '../support/hostile/ground.ts'
import { oldStore } from '../support/hostile/old-store.ts'
import { Trial } from '../support/hostile/trial.ts'
import { buildImage, dockerArchive25, packed } from '../support/image.ts'
import { dir, file, layerTar } from '../support/layer.ts'
import { memoryDirectory } from '../support/temporary.ts'

const SWAPPER = fileURLToPath(new URL('../support/hostile/swapper.js', import.meta.url))
const ROUNDS = isInterop ? 40 : 4

/** Where the other process does not come to swap anything, for want of a processor, it gets some more. */
const ROUNDS_MAX = 200

interface Swapper {
  hasSwapped(): boolean
  /** @returns how often it swapped */
  stop(): Promise<number>
}

async function swapping(canary: string, ...directories: readonly string[]): Promise<Swapper> {
  const { NODE_OPTIONS: _, ...env } = process.env
  const child = spawn(process.execPath, [SWAPPER, canary, ...directories], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let out = ''
  const ready = once(child.stdout.setEncoding('utf8'), 'data')
  child.stdout.on('data', (text: string) => (out += text))
  await ready
  return {
    hasSwapped: () => out.includes('swapped'),
    stop: async () => {
      child.stdin.end()
      await once(child, 'close')
      return Number(out.trim().split('\n').at(-1))
    },
  }
}

/** Directories that are swapped, each with files that have to be opened in them. */
function layerOf(round: number): Buffer {
  const entries = Array.from({ length: 6 }, (_, i) => [
    dir(`swap${i}`),
    dir(`swap${i}/swap`),
    ...Array.from({ length: 10 }, (_, j) => file(`swap${i}/swap/f${j}`, `${round} ${i} ${j}`)),
    file(`swap${i}/secret`, `${round}`),
    dir(`swap${i}/dir`),
    file(`swap${i}/dir/keep`, `${round}`),
  ])
  return layerTar(...entries.flat())
}

function fill(directory: string, round: number): void {
  for (let i = 0; i < 6; i++) {
    const at = path.join(directory, `swap${i}`, 'swap')
    fs.mkdirSync(at, { recursive: true })
    for (let j = 0; j < 10; j++) fs.writeFileSync(path.join(at, `f${j}`), `${round}`)
    fs.writeFileSync(path.join(directory, `swap${i}`, 'secret'), `${round}`)
  }
}

interface Scene {
  readonly trial: Trial
  readonly scratch: string
  /** A new directory of the scratch. */
  readonly made: (name: string) => string
  readonly archive: (round: number) => string
}

interface Act {
  /** A container of vfs stands on no layers, and has nothing to merge. */
  readonly isForVfs?: false
  readonly before?: (scene: Scene) => Promise<unknown>
  /** Where something is swapped; default: the store. */
  readonly swapped?: (scene: Scene) => readonly string[]
  readonly round: (scene: Scene, round: number) => Promise<{ readonly code: number }>
}

const load = (scene: Scene, round: number): Promise<{ code: number }> =>
  scene.trial.run(['load', '-q', '--no-sync', '-i', scene.archive(round)])

const ACTS: Readonly<Record<string, Act>> = {
  load: {
    round: async (scene, round) => {
      const done = await load(scene, round)
      await scene.trial.run(['rmi', '-f', `swapped:${round}`])
      return done
    },
  },
  'cp of a tar into a container': {
    before: ({ trial }) => trial.must('create', '--name', 'box', 'old:1', '/bin/true'),
    round: ({ trial }, round) => trial.run(['cp', '-', 'box:/'], layerOf(round)),
  },
  'cp into a container that is mounted': {
    isForVfs: false,
    before: async ({ trial, made }) => {
      await trial.must('create', '--name', 'box', 'old:1', '/bin/true')
      await trial.must('mount', '--view', 'merge', 'box', made('root'))
    },
    swapped: ({ scratch }) => [path.join(scratch, 'root')],
    round: ({ trial }, round) => trial.run(['cp', '-', 'box:/'], layerOf(round)),
  },
  'cp of a directory into a container': {
    before: ({ trial, made }) => {
      fill(made('source'), 0)
      return trial.must('create', '--name', 'box', 'old:1', '/bin/true')
    },
    swapped: ({ scratch }) => [path.join(scratch, 'source')],
    round: ({ trial, scratch }) => trial.run(['cp', `${scratch}/source/.`, 'box:/']),
  },
  'cp out of a container that is being written': {
    before: async ({ trial }) => {
      await trial.must('create', '--name', 'box', 'old:1', '/bin/true')
      await trial.run(['cp', '-', 'box:/'], layerOf(0))
    },
    round: ({ trial, made }, round) => trial.run(['cp', 'box:/.', made(`out${round}`)]),
  },
  'cp to a directory that is being written': {
    before: (scene) => {
      scene.made('out')
      return load(scene, 0)
    },
    swapped: ({ scratch }) => [path.join(scratch, 'out')],
    round: ({ trial, scratch }) => trial.run(['cp', 'swapped:0:/.', path.join(scratch, 'out')]),
  },
  'import of a directory': {
    before: async ({ made }) => fill(made('source'), 0),
    swapped: ({ scratch }) => [path.join(scratch, 'source')],
    round: ({ trial, scratch }, round) =>
      trial.run(['import', '-m', `${round}`, path.join(scratch, 'source'), `imported:${round}`]),
  },
  'a merge written out': {
    before: (scene) => {
      scene.made('merges')
      return load(scene, 0)
    },
    swapped: ({ scratch }) => [path.join(scratch, 'merges')],
    round: async ({ trial, made }, round) => {
      const target = made(`merges/m${round}`)
      const done = await trial.run(['mount', '--view', 'merge', 'swapped:0', target])
      if (done.code === 0) await trial.run(['umount', target])
      return done
    },
  },
  'a union of directories written out': {
    before: async ({ made }) => {
      fill(made('lower'), 0)
      made('unions')
    },
    swapped: ({ scratch }) => [path.join(scratch, 'lower'), path.join(scratch, 'unions')],
    round: async ({ trial, made, scratch }, round) => {
      const target = made(`unions/u${round}`)
      const line = ['overlay', '--view', 'merge', '-o', `lowerdir=${scratch}/lower`, target]
      const done = await trial.run(line)
      if (done.code === 0) await trial.run(['umount', target])
      return done
    },
  },
}

t.setTimeout(600_000)
for (const driver of ['overlay2', 'vfs'] as const) {
  t.test(driver, async (t) => {
    for (const [name, act] of Object.entries(ACTS)) {
      if (driver === 'vfs' && act.isForVfs === false) continue
      const ground = new Ground(memoryDirectory(t))
      await oldStore(ground, driver)
      const trial = new Trial(ground, { driver })
      const { scratch } = ground
      const scene: Scene = {
        trial,
        scratch,
        made: (place) => {
          fs.mkdirSync(path.join(scratch, place), { recursive: true })
          return path.join(scratch, place)
        },
        archive: (round) => {
          const at = path.join(scratch, 'layer.tar')
          const image = buildImage([layerOf(round)])
          fs.writeFileSync(at, packed(dockerArchive25([{ image, tags: [`swapped:${round}`] }])))
          return at
        },
      }
      await act.before?.(scene)
      const swapper = await swapping(
        ground.canaries.dir,
        ...(act.swapped?.(scene) ?? [ground.root]),
      )
      let rounds = 0
      let succeeded = 0
      await trial.confined(async () => {
        let swaps = 0
        try {
          for (; rounds < ROUNDS || (!swapper.hasSwapped() && rounds < ROUNDS_MAX); rounds++) {
            if ((await act.round(scene, rounds + 1)).code === 0) succeeded++
            await setImmediate() // for what the other process said
          }
        } finally {
          swaps = await swapper.stop()
        }
        t.ok(swaps > 0, `${name}: ${swaps} swaps, ${succeeded} of ${rounds} went well`)
      })
      trial.checkLeaks(scratch, 'what was written')
      t.same(trial.problems, [], name)
    }
  })
}

t.test('who goes by path is caught', async (t) => {
  const ground = new Ground(memoryDirectory(t))
  const place = path.join(ground.scratch, 'swap')
  fs.mkdirSync(place)
  const swapper = await swapping(ground.canaries.dir, ground.scratch)
  const before = ground.outside()
  let tries = 0
  try {
    for (; tries < 200_000 && ground.outside() === before; tries++) {
      try {
        fs.writeFileSync(path.join(place, 'f'), 'x')
      } catch {
        // It was not there.
      }
    }
  } finally {
    await swapper.stop()
  }
  t.not(ground.outside(), before, `after ${tries} tries`)
})
