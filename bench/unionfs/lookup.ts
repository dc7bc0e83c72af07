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
import type { MicroCase } from '../micro.ts'

const FILES_PER_DIRECTORY = 50

export async function warmLookupCase(options: {
  readonly smoke: boolean
  readonly dir: string
}): Promise<MicroCase> {
  const layers = options.smoke ? 3 : 25
  const files = options.smoke ? 60 : 400
  const roots: string[] = []
  const names: string[] = []
  const flat = path.join(options.dir, 'flat')
  for (let layer = 0; layer < layers; layer++) {
    const root = path.join(options.dir, `layer-${layer}`)
    roots.unshift(root) // nearest first
    for (let i = 0; i < files; i++) {
      const name = `usr/share/d${Math.trunc(i / FILES_PER_DIRECTORY)}/l${layer}-f${i}`
      names.push(name)
      for (const at of [root, flat]) {
        fs.mkdirSync(path.join(at, path.dirname(name)), { recursive: true })
        fs.writeFileSync(path.join(at, name), '')
      }
    }
  }
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
