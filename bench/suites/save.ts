// Saving an image that is in the store: shale beside docker, podman and a plain copy of the archive that comes out.

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { programTrial, runContest, type Contestant, type Trial } from '../contest.ts'
import type { Image } from '../image.ts'
import type { Command } from '../measure.ts'
import { startDockerd } from '../peers/docker.ts'
import { shaleCommand } from '../peers/shale.ts'
import { loadedStore } from '../peers/shale-store.ts'
import { removeTree, type Place } from '../place.ts'
import { findProgram, runProgram } from '../programs.ts'
import type { ContestResult } from '../result.ts'
import { readTar } from '../../src/tar/reader.ts'
import { hasPeer, settings, type SuiteContext } from './suite.ts'

const SUBJECT = 'shale save'

export async function saveSuite(context: SuiteContext): Promise<ContestResult[]> {
  const results: ContestResult[] = []
  for (const { place, cache } of settings(context)) {
    const image = await context.image(place)
    context.progress.begin(`save · ${place.fileSystem} · filling the stores`)
    const store = await loadedStore(place, image)
    const contestants: Contestant[] = [
      saver(SUBJECT, 'reassembled from tar-split, CRC and digests checked', place, (file) =>
        shaleCommand(['--root', store.root, 'save', '-o', file, store.name]),
      ),
    ]
    const ends: (() => Promise<void>)[] = [() => removeTree(path.dirname(store.root))]
    if (hasPeer(context, 'docker')) {
      const dir = place.fresh('docker')
      const dockerd = await startDockerd(dir)
      ends.push(async () => {
        await dockerd.stop()
        await removeTree(dir)
      })
      const said = await runCommand(dockerd.command(['load', '-q', '-i', image.dockerArchive]))
      const name = /Loaded image(?: ID)?: (.*)/.exec(said)![1]!
      contestants.push(
        saver('docker save', 'reassembled from tar-split; staged on disk first', place, (file) =>
          dockerd.command(['save', '-o', file, name]),
        ),
      )
    }
    if (hasPeer(context, 'podman')) {
      const dir = place.fresh('podman')
      const storage = ['--root', path.join(dir, 'root'), '--runroot', path.join(dir, 'run')]
      storage.push('--storage-driver', 'overlay')
      const podman: Command = { file: findProgram('podman')!, args: [], env: { TMPDIR: dir } }
      ends.push(() => removeTree(dir))
      const load = [...storage, 'load', '-q', '-i', image.dockerArchive]
      const said = await runCommand({ ...podman, args: load })
      const name = /Loaded image: (.*)/.exec(said)![1]!
      contestants.push(
        saver('podman save', 'reassembled from tar-split; staged on disk first', place, (file) => ({
          ...podman,
          args: [...storage, 'save', '-q', '-o', file, name],
        })),
      )
    }
    // What shale wrote, so that both write the same bytes.
    const finished = path.join(place.fresh('finished'), 'archive.tar')
    ends.push(() => removeTree(path.dirname(finished)))
    await runCommand(shaleCommand(['--root', store.root, 'save', '-o', finished, store.name]))
    contestants.push(
      saver('cp of the archive', 'copies bytes and knows nothing of them', place, (file) => ({
        file: findProgram('cp')!,
        args: ['--reflink=never', finished, file],
      })),
    )
    context.progress.end('done')
    try {
      results.push(
        await runContest(
          {
            suite: 'save',
            title: 'docker-archive',
            place,
            cache,
            input: image.facts,
            contestants,
            judge: (found) => judgeArchives(found as ReadonlyMap<string, string[]>, image),
          },
          context,
        ),
      )
    } finally {
      for (const end of ends.reverse()) await end()
    }
  }
  return results
}

function runCommand({ file, args, env }: Command): Promise<string> {
  return runProgram(file, args, env === undefined ? {} : { env })
}

function saver(
  name: string,
  does: string,
  place: Place,
  command: (file: string) => Command,
): Contestant {
  return {
    name,
    does,
    subject: name === SUBJECT,
    ...(name === SUBJECT ? {} : { against: SUBJECT }),
    async prepare(): Promise<Trial> {
      const dir = place.fresh('saved')
      const file = path.join(dir, 'archive.tar')
      return programTrial(command(file), {
        inspect: () => memberDigests(file),
        dispose: () => removeTree(dir),
      })
    },
  }
}

/** Digests of everything in an archive. */
async function memberDigests(archive: string): Promise<string[]> {
  const digests: string[] = []
  const bytes = fs.createReadStream(archive, { highWaterMark: 1 << 20 })
  for await (const { header, body } of readTar(bytes)) {
    if (header.type !== 'file') continue
    const hash = createHash('sha256')
    for await (const chunk of body) hash.update(chunk)
    digests.push(`sha256:${hash.digest('hex')}`)
  }
  return digests
}

function judgeArchives(
  found: ReadonlyMap<string, readonly string[]>,
  image: Image,
): Map<string, string> {
  return new Map(
    [...found].map(([name, digests]) => {
      const there = new Set(digests)
      const whole = image.diffIDs.filter((diffID) => there.has(diffID)).length
      const all = image.diffIDs.length
      return [
        name,
        whole === all ? `all ${all} layers, byte for byte` : `${whole} of ${all} layers`,
      ]
    }),
  )
}
