// What is done to a merged tree while the clock runs: system calls of one process, tar(1), and a compiler. Each is given a
// mount of its own, which nobody has looked into but what it does itself before the clock.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { seededRandom } from '../random.ts'
import { buildProject, unbuildProject } from './project.ts'
import type { UnionMountOptions } from './views.ts'

export interface UnionTreeInput {
  /** Nearest first. */
  readonly layers: readonly string[]
  /** Of all small files, relative. */
  readonly files: readonly string[]
  readonly entries: number
  readonly bigBytes: number
  /** Of the small files, on disk outside of the layers. */
  readonly tar: string
}

export interface UnionWork extends UnionMountOptions {
  readonly title: string
  readonly workUnit: string
  count(input: UnionTreeInput): number
  /** Before the clock. */
  before?(merged: string, input: UnionTreeInput): void
  run(merged: string, input: UnionTreeInput): void
}

const PAGE_BYTES = 4096
const CHUNK_BYTES = 1 << 20

function part(input: UnionTreeInput, of: number): readonly string[] {
  return input.files.filter((_, index) => index % of === 0)
}

function walk(dir: string): number {
  let entries = 0
  for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
    const place = `${dir}/${entry.name}`
    fs.lstatSync(place)
    entries += 1 + (entry.isDirectory() ? walk(place) : 0)
  }
  return entries
}

function readPages(file: string, bigBytes: number, count: number): void {
  const fd = fs.openSync(file, 'r')
  const random = seededRandom(7)
  const page = Buffer.alloc(PAGE_BYTES)
  const pages = Math.floor(bigBytes / PAGE_BYTES)
  for (let i = 0; i < count; i++)
    fs.readSync(fd, page, 0, PAGE_BYTES, random.integer(pages) * PAGE_BYTES)
  fs.closeSync(fd)
}

function readThrough(file: string): void {
  const fd = fs.openSync(file, 'r')
  const chunk = Buffer.alloc(CHUNK_BYTES)
  while (fs.readSync(fd, chunk, 0, CHUNK_BYTES, null) > 0);
  fs.closeSync(fd)
}

const RANDOM_READS = 30_000

export const WORKS: readonly UnionWork[] = [
  {
    title: 'walk and stat, cold',
    workUnit: 'entry',
    count: ({ entries }) => entries,
    run: (merged) => void walk(merged),
  },
  {
    title: 'stat by name, cold',
    workUnit: 'file',
    count: ({ files }) => files.length,
    run: (merged, { files }) => {
      for (const file of files) fs.lstatSync(`${merged}/${file}`)
    },
  },
  {
    title: 'open and read, cold',
    workUnit: 'file',
    count: (input) => part(input, 4).length,
    run: (merged, input) => {
      for (const file of part(input, 4)) fs.readFileSync(`${merged}/${file}`)
    },
  },
  {
    title: 'open and read, warm',
    workUnit: 'file',
    count: (input) => part(input, 4).length,
    before: (merged, input) => {
      for (const file of part(input, 4)) fs.readFileSync(`${merged}/${file}`)
    },
    run: (merged, input) => {
      for (const file of part(input, 4)) fs.readFileSync(`${merged}/${file}`)
    },
  },
  {
    title: 'sequential read',
    workUnit: 'MB',
    count: ({ bigBytes }) => bigBytes / 1e6,
    run: (merged) => readThrough(`${merged}/big`),
  },
  {
    title: 'random 4 KiB reads',
    workUnit: 'read',
    count: () => RANDOM_READS,
    run: (merged, { bigBytes }) => readPages(`${merged}/big`, bigBytes, RANDOM_READS),
  },
  {
    title: 'sequential read, read-only mount',
    workUnit: 'MB',
    readOnly: true,
    count: ({ bigBytes }) => bigBytes / 1e6,
    run: (merged) => readThrough(`${merged}/big`),
  },
  {
    title: 'random 4 KiB reads, read-only mount',
    workUnit: 'read',
    readOnly: true,
    count: () => RANDOM_READS,
    run: (merged, { bigBytes }) => readPages(`${merged}/big`, bigBytes, RANDOM_READS),
  },
  {
    title: 'creation',
    workUnit: 'file',
    count: (input) => part(input, 4).length,
    run: (merged, input) => {
      for (const [index] of part(input, 4).entries()) {
        if (index % 100 === 0) fs.mkdirSync(`${merged}/new${index / 100}`)
        fs.writeFileSync(
          `${merged}/new${Math.trunc(index / 100)}/f${index}`,
          'some bytes in a new file',
        )
      }
    },
  },
  {
    title: 'copy-up',
    workUnit: 'file',
    count: (input) => part(input, 8).length,
    run: (merged, input) => {
      for (const file of part(input, 8)) fs.appendFileSync(`${merged}/${file}`, '+')
    },
  },
  {
    title: 'rename',
    workUnit: 'file',
    count: (input) => part(input, 4).length,
    before: (merged, input) => {
      fs.mkdirSync(`${merged}/from`)
      fs.mkdirSync(`${merged}/to`)
      for (const [index] of part(input, 4).entries())
        fs.writeFileSync(`${merged}/from/f${index}`, '')
    },
    run: (merged, input) => {
      for (const [index] of part(input, 4).entries()) {
        fs.renameSync(`${merged}/from/f${index}`, `${merged}/to/f${index}`)
      }
    },
  },
  {
    title: 'unlink',
    workUnit: 'file',
    count: (input) => part(input, 4).length,
    run: (merged, input) => {
      for (const file of part(input, 4)) fs.unlinkSync(`${merged}/${file}`)
    },
  },
  {
    title: 'untar',
    workUnit: 'file',
    count: ({ files }) => files.length,
    run: (merged, { tar }) => {
      const dir = path.join(merged, 'untarred')
      fs.mkdirSync(dir)
      const done = spawnSync('tar', ['-xf', tar, '-C', dir])
      if (done.status !== 0)
        throw new Error(`tar ended with ${done.status}: ${done.stderr.toString()}`)
    },
  },
  {
    title: 'a real build',
    workUnit: 'build',
    count: () => 1,
    run: buildProject,
  },
  {
    // Of a server that has served one already: a program that compiles itself is slower the first time.
    title: 'the same build again',
    workUnit: 'build',
    count: () => 1,
    before: (merged) => {
      buildProject(merged)
      unbuildProject(merged)
    },
    run: buildProject,
  },
]
