// Looking every path of an image up through the merge of its layers, beside the kernel's way of asking each layer
// directory in turn by lstat, which is what a program without a merge would do.

import fs from 'node:fs'
import path from 'node:path'
import type { BytePath } from '../../src/path/byte-path.ts'
import { mergeLayers } from '../../src/union/merge.ts'
import { DirectoryLayer } from '../../src/view/directory-layer.ts'
import type { MicroCase } from '../micro.ts'

const FILES_PER_DIRECTORY = 50

export async function lookupCase(options: {
  readonly smoke: boolean
  readonly dir: string
}): Promise<MicroCase> {
  const layers = options.smoke ? 3 : 25
  const files = options.smoke ? 60 : 400
  const roots: string[] = []
  const names: string[] = []
  for (let layer = 0; layer < layers; layer++) {
    const root = path.join(options.dir, `layer-${layer}`)
    roots.unshift(root) // nearest first
    for (let i = 0; i < files; i++) {
      const name = `usr/share/d${Math.trunc(i / FILES_PER_DIRECTORY)}/l${layer}-f${i}`
      names.push(name)
      if (i % FILES_PER_DIRECTORY === 0)
        fs.mkdirSync(path.join(root, path.dirname(name)), { recursive: true })
      fs.writeFileSync(path.join(root, name), '')
    }
  }
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
