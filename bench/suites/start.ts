// What a command costs before it does anything: listing a small store and a large one, and loading what is there
// already, each beside Node itself starting and ending.

import fs from 'node:fs'
import path from 'node:path'
import { createHash } from 'node:crypto'
import { programTrial, runContest, type Contestant } from '../contest.ts'
import { generatedLayer } from '../image.ts'
import type { Command } from '../measure.ts'
import { shaleCommand } from '../peers/shale.ts'
import { loadedStore } from '../peers/shale-store.ts'
import { removeTree, type Place } from '../place.ts'
import { runShale } from '../programs.ts'
import type { ContestResult } from '../result.ts'
import { pathFromText } from '../../src/path/byte-path.ts'
import { writeTar, type TarEntryInit } from '../../src/tar/writer.ts'
import { settings, type SuiteContext } from './suite.ts'

const NODE = 'node -e 0'
const NODE_AND_MANIFEST = 'node -e 0, twice, and the manifest read'

export async function startSuite(context: SuiteContext): Promise<ContestResult[]> {
  const results: ContestResult[] = []
  for (const { place, cache } of settings(context)) {
    const facts = { suite: 'start', place, cache } as const
    const image = await context.image(place)
    const counts = context.size === 'smoke' ? [5] : [5, 1000]
    const made: string[] = []
    try {
      const images: Contestant[] = [contestant(NODE, nodeCommand('0'))]
      images.push(contestant('shale --version', shaleCommand(['--version']), NODE))
      for (const count of counts) {
        context.progress.begin(`start · ${place.fileSystem} · a store of ${count} images`)
        const root = await storeOf(count, place)
        made.push(path.dirname(root))
        context.progress.end('done')
        const command = shaleCommand(['--root', root, 'images'])
        images.push(contestant(`shale images, ${count} images`, command, NODE))
      }
      results.push(await runContest({ ...facts, title: 'images', contestants: images }, context))

      const store = await loadedStore(place, image)
      made.push(path.dirname(store.root))
      const again = shaleCommand(['--root', store.root, 'load', '-q', '-i', image.ociDir])
      const own = 'shale load, again'
      results.push(
        await runContest(
          {
            ...facts,
            title: 'load of an image that the store has',
            input: image.facts,
            contestants: [
              { ...contestant(own, again), subject: true },
              {
                ...contestant(NODE_AND_MANIFEST, manifestCommand(image.ociDir)),
                subject: false,
                against: own,
              },
            ],
          },
          context,
        ),
      )
    } finally {
      for (const dir of made) await removeTree(dir)
    }
  }
  return results
}

/** `against`: here it is shale's row that is held against Node's, so the row that stands still is Node's. */
function contestant(name: string, command: Command, against?: string): Contestant {
  return {
    name,
    subject: name.startsWith('shale'),
    ...(against === undefined ? {} : { against }),
    prepare: async () => programTrial(command),
  }
}

function nodeCommand(program: string): Command {
  return { file: process.execPath, args: ['-e', program] }
}

/** Two starts of Node, the second of which reads what a loader must read to know that it has the image. */
function manifestCommand(layout: string): Command {
  const program = `
    const fs = require('node:fs')
    const json = (file) => JSON.parse(fs.readFileSync(${JSON.stringify(layout)} + '/' + file, 'utf8'))
    const blob = ({ digest }) => json('blobs/sha256/' + digest.slice(7))
    json('oci-layout'), blob(blob(json('index.json').manifests[0]).config)`
  const script = `"$0" -e 0 && "$0" -e "$1"`
  return { file: '/bin/sh', args: ['-c', script, process.execPath, program] }
}

/** @returns the root of a store with so many images, which share their layers */
async function storeOf(count: number, place: Place): Promise<string> {
  const dir = place.fresh('images')
  const archive = path.join(dir, 'images.tar')
  const root = path.join(dir, 'root')
  const shape = { seed: 7, files: 3, fileBytes: 100 }
  const layer: Uint8Array[] = []
  for await (const chunk of generatedLayer(shape)()) layer.push(Buffer.from(chunk))
  const tar = Buffer.concat(layer)
  const diffID = `sha256:${createHash('sha256').update(tar).digest('hex')}`
  const members: TarEntryInit[] = [{ path: pathFromText('layer.tar'), body: tar }]
  const manifest = Array.from({ length: count }, (_, i) => {
    const config = Buffer.from(
      JSON.stringify({
        architecture: process.arch === 'x64' ? 'amd64' : process.arch,
        os: 'linux',
        created: new Date(Date.UTC(2024, 0, 1) + i * 60_000).toISOString(),
        config: { Labels: { number: String(i) } },
        rootfs: { type: 'layers', diff_ids: [diffID] },
      }),
    )
    const name = `${createHash('sha256').update(config).digest('hex')}.json`
    members.push({ path: pathFromText(name), body: config })
    return { Config: name, RepoTags: [`bench/${i % 40}:v${i}`], Layers: ['layer.tar'] }
  })
  members.push({
    path: pathFromText('manifest.json'),
    body: Buffer.from(JSON.stringify(manifest)),
  })
  const chunks: Uint8Array[] = []
  for await (const chunk of writeTar(members)) chunks.push(Buffer.from(chunk))
  fs.writeFileSync(archive, Buffer.concat(chunks))
  await runShale(['--root', root, 'load', '-q', '-i', archive])
  return root
}
