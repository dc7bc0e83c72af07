// The hostile corpus by every entrance, in each driver and form, as root: each in a mount namespace that ends with it,
// where /etc and /srv are canaries as well. Nothing outside of the store changes and nothing of it comes out.
// overlay2 meets all attacks; the others one in eight, from a random one on. SHALE_EVERY=1 has each meet all, SHALE_EVERY=9
// one in nine.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { findProgram, unless } from '../support/host.ts'
import type { Tried } from '../support/hostile/all-entrances.ts'
import { CORPUS } from '../support/hostile/corpus.ts'
import { GROUNDS, type StoreKind } from '../support/hostile/grounds.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const PROGRAM = fileURLToPath(new URL('../support/hostile/all-entrances.js', import.meta.url))
const skip = unless({ interop: true, root: true, programs: ['unshare'], tmpfs: true })
const asked = process.env['SHALE_EVERY']
/**
 * What is out of all proportion: the process builds hundreds of archives as well, and when they are collected is V8's
 * business. The bombs are held to what is promised, each in a process of its own: test/hostile/bombs.ts.
 */
const PEAK_WITH_TEST_BYTES_MAX = 2 ** 30

async function tryAll(
  work: string,
  every: number,
  first: number,
  { driver, form }: StoreKind,
): Promise<Tried> {
  // tap's loader writes files, which in there are canaries.
  const { NODE_OPTIONS: _, ...env } = process.env
  // A small heap that is cleared from time to time: the peak is to be that of what is held.
  const node = [process.execPath, '--max-semi-space-size=4', '--expose-gc', PROGRAM]
  const args = [work, String(every), String(first), driver, ...(form === undefined ? [] : [form])]
  const child = spawn(
    findProgram('unshare')!,
    ['-m', '--propagation', 'private', ...node, ...args],
    {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${driver} ${form ?? ''} ended with ${code}: ${err.slice(-2000)}`)
  return JSON.parse(out) as Tried
}

t.setTimeout(1_500_000)
t.test('every attack, every entrance', { skip, timeout: 1_500_000 }, async (t) => {
  const light = CORPUS.filter((each) => !each.isHeavy)
  const queue = [...GROUNDS]
  const oneAfterTheOther = async (): Promise<void> => {
    for (let ground = queue.shift(); ground !== undefined; ground = queue.shift()) {
      const { driver, form, isAlwaysWhole } = ground
      const what = form === undefined ? driver : `${driver}, form ${form}`
      const every = asked === undefined ? (isAlwaysWhole ? 1 : 8) : Number(asked)
      const first = Math.floor(Math.random() * every)
      const tried = await tryAll(temporaryDirectory(t, 'shale-hostile-'), every, first, ground)
      const peak = (tried.peakBytes / 2 ** 20).toFixed(0)
      t.comment(
        `${what}: ${tried.attacks} attacks (1 in ${every}, from ${first}), ${tried.entrances} entrances, ${tried.copied} copied in, ${peak} MiB`,
      )
      t.same(tried.problems, [], what)
      t.equal(tried.attacks, light.filter((_, i) => i % every === first).length)
      t.ok(tried.entrances > 8 * tried.attacks, 'by several entrances each, and their twins')
      t.ok(tried.copied > 0, 'and by cp')
      t.ok(tried.peakBytes <= PEAK_WITH_TEST_BYTES_MAX, `${peak} MiB: memory stays bounded`)
    }
  }
  await Promise.all([oneAfterTheOther(), oneAfterTheOther()])
})
