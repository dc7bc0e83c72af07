// Reading an image in the store without mounting it, beside the tools of the system on the kernel's own mount of it.
// Each is a process of its own; the mount itself is not on the clock.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import path from 'node:path'
import { onEnd } from '../cleanup.ts'
import { programTrial, runContest, type Contestant } from '../contest.ts'
import type { Command } from '../measure.ts'
import { shaleCommand } from '../peers/shale.ts'
import { loadedStore, type ShaleStore } from '../peers/shale-store.ts'
import { removeTree, unmountBelow, type Place } from '../place.ts'
import { findProgram, isRoot, runProgram, runShale } from '../programs.ts'
import type { ContestResult } from '../result.ts'
import { settings, type SuiteContext } from './suite.ts'

const LS = 'shale ls -R'
const FIND = 'find on the kernel mount'

export async function readSuite(context: SuiteContext): Promise<ContestResult[]> {
  const results: ContestResult[] = []
  for (const { place, cache } of settings(context)) {
    const image = await context.image(place)
    const store = await loadedStore(place, image)
    const mounted = await mountOf(store, place)
    const facts = { place, cache, input: image.facts, suite: 'read' } as const
    try {
      const list = listing(store, mounted?.dir)
      results.push(
        await runContest(
          { ...facts, title: 'list', contestants: list, judge: judgeNames },
          context,
        ),
      )
      const cat = await reading(store, mounted?.dir)
      results.push(
        await runContest({ ...facts, title: 'cat', contestants: cat, judge: judgeBytes }, context),
      )
    } finally {
      await mounted?.unmount()
      await removeTree(path.dirname(store.root))
    }
  }
  return results
}

/** The kernel's overlay of the image, where it lets this user have one. */
async function mountOf(
  store: ShaleStore,
  place: Place,
): Promise<{ dir: string; unmount(): Promise<void> } | undefined> {
  if (!isRoot) return undefined
  const dir = place.fresh('mounted')
  const done = spawnSync(process.execPath, [
    ...shaleCommand(['--root', store.root, 'mount', '--view', 'kernel', store.name, dir]).args,
  ])
  if (done.status !== 0) return undefined
  const unmount = onEnd(dir, () => unmountBelow(dir))
  return { dir, unmount }
}

/** @param what what to hold of its output against the others', where that can be had */
function contestant(
  name: string,
  command: Command,
  against?: string,
  what?: (output: string) => unknown,
): Contestant {
  const inspect = what && (async () => what(await runProgram(command.file, command.args)))
  return {
    name,
    subject: against === undefined,
    ...(against === undefined ? {} : { against }),
    prepare: async () => programTrial(command, inspect ? { inspect } : {}),
  }
}

/** Each name that a listing printed, without where it was mounted. */
function names(mounted: string): (output: string) => ReadonlySet<string> {
  return (output) => {
    const lines = output.split('\n').map((line) => line.slice(mounted.length))
    return new Set(lines.filter((name) => name !== ''))
  }
}

function judgeNames(found: ReadonlyMap<string, unknown>): Map<string, string> {
  const listed = found as ReadonlyMap<string, ReadonlySet<string>>
  const reference = listed.get(FIND) ?? listed.get(LS)!
  return new Map(
    [...listed].map(([name, own]) => {
      const missing = [...reference].filter((path) => !own.has(path)).length
      const more = [...own].filter((path) => !reference.has(path)).length
      const differs = missing + more === 0 ? 'the same' : `${missing} missing, ${more} too many`
      return [name, `${own.size} names, ${differs}`]
    }),
  )
}

function judgeBytes(found: ReadonlyMap<string, unknown>): Map<string, string> {
  const digests = [...found] as [string, string][]
  return new Map(
    digests.map(([name, digest]) => {
      const file = name.slice(name.lastIndexOf(',') + 1)
      const others = digests.filter(([other]) => other.endsWith(file))
      const same = others.every(([, other]) => other === digest)
      return [name, same ? 'the same bytes' : 'other bytes']
    }),
  )
}

function listing(store: ShaleStore, mounted: string | undefined): Contestant[] {
  const shale = (...args: string[]): Command => shaleCommand(['--root', store.root, ...args])
  const all = [
    contestant(LS, shale('ls', '-R', store.name), undefined, names('')),
    // What nothing that runs in Node can be under.
    contestant('node -e 0', { file: process.execPath, args: ['-e', '0'] }, LS),
    contestant('shale ls -l -R', shale('ls', '-l', '-R', store.name)),
  ]
  const find = findProgram('find')
  if (mounted === undefined || find === undefined) return all
  const print: Command = { file: find, args: [mounted] }
  const stat: Command = { file: find, args: [mounted, '-printf', '%M %U:%G %s %T+ %p -> %l\\n'] }
  return [
    ...all,
    contestant(FIND, print, LS, names(mounted)),
    contestant('find -printf on the kernel mount', stat, 'shale ls -l -R'),
  ]
}

async function reading(store: ShaleStore, mounted: string | undefined): Promise<Contestant[]> {
  const shale = (file: string): Command =>
    shaleCommand(['--root', store.root, 'cat', `${store.name}:/${file}`])
  const files = await largestAndSmallest(store)
  const cat = findProgram('cat')
  return files.flatMap(({ label, file }) => {
    const name = `shale cat, ${label}`
    const own = contestant(name, shale(file), undefined, sha256)
    if (mounted === undefined || cat === undefined) return [own]
    const command = { file: cat, args: [path.join(mounted, file)] }
    return [own, contestant(`cat on the kernel mount, ${label}`, command, name, sha256)]
  })
}

/** Of text that was bytes: two that differ only in what is no UTF-8 would pass for one. */
function sha256(output: string): string {
  return createHash('sha256').update(output).digest('hex')
}

/** Of the regular files in the image, as shale lists them. */
async function largestAndSmallest(
  store: ShaleStore,
): Promise<readonly { readonly label: string; readonly file: string }[]> {
  const text = await runShale(['--root', store.root, '--json', 'ls', '-R', store.name])
  const files = (JSON.parse(text) as { path: string; sizeBytes: number; type: string }[])
    .filter(({ type, sizeBytes }) => type === 'file' && sizeBytes > 0)
    .sort((a, b) => a.sizeBytes - b.sizeBytes)
  const name = ({ path: file }: { path: string }): string => file.replace(/^\/+/, '')
  const [smallest, largest] = [files[0], files.at(-1)]
  return [
    ...(largest ? [{ label: 'the largest file', file: name(largest) }] : []),
    ...(smallest ? [{ label: 'the smallest file', file: name(smallest) }] : []),
  ]
}
