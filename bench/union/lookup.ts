// Looking every path of an image up through the merge of its layers, beside the kernel's way of asking each layer
// directory in turn by lstat, which is what a program without a merge would do.

import fs from 'node:fs'
import path from 'node:path'
import type { BytePath } from '../../src/path/byte-path.ts'
import { mergeLayers } from '../../src/union/merge.ts'
import { DirectoryLayer } from '../../src/view/directory-layer.ts'
import { makeLayeredNames } from '../layered-names.ts'
import type { MicroCase } from '../micro.ts'

export async function lookupCase(options: {
  readonly smoke: boolean
  readonly dir: string
}): Promise<MicroCase> {
  const { roots, names } = makeLayeredNames(options)
  const views = roots.map((root) => new DirectoryLayer(root, { form: 'trusted' }))
  return {
    title: 'union/lookup',
    workUnit: 'lookup',
    contestants: [
      {
        name: 'shale mergeLayers',
        subject: true,
        work: names.length,
        run() {
          const merged = mergeLayers(views)
          for (const name of names)
            if (merged.lookup(name as BytePath) === undefined) throw new Error(`${name} is missing`)
        },
      },
      {
        name: 'lstat in each layer',
        subject: false,
        work: names.length,
        run() {
          for (const name of names) {
            const found = roots.some((root) =>
              fs.lstatSync(path.join(root, name), { throwIfNoEntry: false }),
            )
            if (!found) throw new Error(`${name} is missing`)
          }
        },
      },
    ],
    end: () => views.forEach((view) => view[Symbol.dispose]()),
  }
}
