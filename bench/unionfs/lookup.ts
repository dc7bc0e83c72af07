// Names that were looked up before, in a union of many layers in this process: what a library that was given UnionFs as
// its `fs` pays for each stat, beside node:fs on one directory that holds the same names. At least 300,000 lookups a
// second are wanted.

import fs from 'node:fs'
import path from 'node:path'
import { systemNow } from '../../src/sys/clock.ts'
import { MemoryUpper } from '../../src/union/memory-upper.ts'
import { UnionFs } from '../../src/unionfs/union-fs.ts'
import { DirectoryLayer } from '../../src/view/directory-layer.ts'
import { DiskLayer } from '../../src/view/upper/disk-layer.ts'
import { makeLayeredNames } from '../layered-names.ts'
import type { MicroCase } from '../micro.ts'

export async function warmLookupCase(options: {
  readonly smoke: boolean
  readonly dir: string
}): Promise<MicroCase> {
  const flat = path.join(options.dir, 'flat')
  const { roots, names } = makeLayeredNames(options, flat)
  const views = roots.map((root) => new DirectoryLayer(root, { form: 'trusted' }))
  const union = new UnionFs({
    lowers: views.map((view) => new DiskLayer(view)),
    upper: new MemoryUpper(systemNow),
  })
  const found = names.map((name) => `/${name}`)
  const onDisk = names.map((name) => path.join(flat, name))
  return {
    title: 'unionfs/lookup',
    workUnit: 'lookup',
    contestants: [
      {
        name: 'UnionFs, by name',
        subject: true,
        work: names.length,
        run() {
          for (const name of found) {
            if (union.calls.find(name, false) === undefined) throw new Error(`${name} is missing`)
          }
        },
      },
      {
        name: 'UnionFs lstat',
        subject: true,
        work: names.length,
        run() {
          for (const name of found) union.calls.lstat(name)
        },
      },
      {
        name: 'fs.lstatSync in one directory',
        subject: false,
        work: names.length,
        run() {
          for (const name of onDisk) fs.lstatSync(name)
        },
      },
    ],
    end() {
      void union.close()
      for (const view of views) view.close()
    },
  }
}
