// The hostile corpus by every entrance, in each driver and form, as root: each in a mount namespace that ends with it,
// where /etc and /srv are canaries as well. Nothing outside of the store changes and nothing of it comes out.
// overlay2 meets all attacks; the others one in sixteen, from a random one on. SHALE_EVERY=1 has each meet all, SHALE_EVERY=9
// one in nine.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { fuseUnavailable } from '../../src/sys/fuse-device.ts'
import { SHARE, unless } from '../support/host.ts'
import type { Tried } from '../support/hostile/all-entrances.ts'
import { CORPUS } from '../support/hostile/corpus.ts'
import { GROUNDS, type StoreKind } from '../support/hostile/grounds.ts'
import { PEAK_BYTES_MAX } from '../support/hostile/measured.ts'
import { apart } from '../support/mount-namespace.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const PROGRAM = fileURLToPath(new URL('../support/hostile/all-entrances.js', import.meta.url))
const skip = unless({ interop: true, root: true, programs: ['unshare'], tmpfs: true })
const hasFuse = fuseUnavailable(true) === undefined
const asked = process.env['SHALE_EVERY']
async function tryAll(
  work: string,
  every: number,
  first: number,
  { driver, form }: StoreKind,
): Promise<Tried> {
  // tap's loader writes files, which in there are canaries.
  const { NODE_OPTIONS: _, ...env } = process.env
  // A small heap that is cleared before each attack: what one takes is to be told from what others left.
  const node = [process.execPath, '--max-semi-space-size=4', '--expose-gc', PROGRAM]
  const args = [work, String(every), String(first), driver, ...(form === undefined ? [] : [form])]
  const [program, ...rest] = apart([...node, ...args])
  const child = spawn(program!, rest, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${driver} ${form ?? ''} ended with ${code}: ${err.slice(-2000)}`)
  return JSON.parse(out) as Tried
}

interface Sample {
  readonly ground: StoreKind
  /** One attack in so many, from this one on. */
  readonly every: number
  readonly first: number
}

function sample(ground: StoreKind, every: number, part?: number): Sample {
  const start = part ?? Math.floor(Math.random() * every)
  return { ground, every: every * SHARE, first: start + every * Math.floor(Math.random() * SHARE) }
}

t.setTimeout(1_500_000)
t.test('every attack, every entrance', { skip, timeout: 1_500_000 }, async (t) => {
  const light = CORPUS.filter((each) => !each.isHeavy)
  const queue = GROUNDS.flatMap((ground) => {
    // Whole is two halves, so that two cores have something to do until the end.
    if (asked === undefined && ground.isAlwaysWhole)
      return [0, 1].map((half) => sample(ground, 2, half))
    return [sample(ground, asked === undefined ? 16 : Number(asked))]
  })
  const oneAfterTheOther = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { ground, every, first } = next
      const { driver, form } = ground
      const what = form === undefined ? driver : `${driver}, form ${form}`
      const tried = await tryAll(temporaryDirectory(t, 'shale-hostile-'), every, first, ground)
      const grown = `${((tried.grownBytes ?? NaN) / 2 ** 20).toFixed(0)} MiB more by ${tried.mostBy}`
      t.comment(
        `${what}: ${tried.attacks} attacks (1 in ${every}, from ${first}), ${tried.entrances} entrances, ${tried.copied} copied in, ${tried.shownByFuse} by FUSE, ${grown}`,
      )
      t.same(tried.problems, [], what)
      t.equal(tried.attacks, light.filter((_, i) => i % every === first).length)
      t.ok(tried.entrances > 8 * tried.attacks, 'by several entrances each, and their twins')
      t.ok(tried.copied > 0, 'and by cp')
      if (hasFuse && every <= 2 * SHARE) t.ok(tried.shownByFuse > 0, 'and by FUSE')
      if (tried.grownBytes !== null)
        t.ok(tried.grownBytes <= PEAK_BYTES_MAX, `${grown}: memory stays bounded`)
    }
  }
  await Promise.all([oneAfterTheOther(), oneAfterTheOther()])
})
