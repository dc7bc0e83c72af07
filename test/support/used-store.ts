// The fixture store with what a used and ill-treated one has beside images: containers, volumes, and one of each thing
// that a killed process leaves. What is planted is spelled out here, not taken from shale's own list of leaks.

import fs from 'node:fs'
import path from 'node:path'
import { openStore, type Store } from '../../src/index.ts'

/** Sum of blocks below a directory, each file once: du -sx without du. */
export function blocksBelow(directory: string): number {
  const seen = new Set<string>()
  let sum = 0
  const visit = (file: string): void => {
    const stat = fs.lstatSync(file)
    if (seen.has(`${stat.dev}:${stat.ino}`)) return
    seen.add(`${stat.dev}:${stat.ino}`)
    sum += stat.blocks * 512
    if (stat.isDirectory()) for (const name of fs.readdirSync(file)) visit(path.join(file, name))
  }
  visit(directory)
  return sum
}

const big = Buffer.alloc(40_000, 'leak')

export interface PlantedLeak {
  readonly kind: string
  /** Relative to the root. */
  readonly path: string
}

/** One of each, some with content. @returns them in no order */
export function plantLeaks(root: string, store: Store): PlantedLeak[] {
  const planted: PlantedLeak[] = []
  const make = (kind: string, file: string): string => {
    planted.push({ kind, path: file })
    return path.join(root, file)
  }
  const layerdb = `image/${store.driver.name}/layerdb`
  const writeSet = make('write-set', `${layerdb}/tmp/write-set-123456`)
  fs.mkdirSync(writeSet, { recursive: true })
  fs.writeFileSync(path.join(writeSet, 'tar-split.json.gz'), big)

  const orphan = 'f'.repeat(64)
  const directory = make('driver-directory', `overlay2/${orphan}`)
  fs.mkdirSync(path.join(directory, 'diff'), { recursive: true })
  fs.writeFileSync(path.join(directory, 'diff/file'), big)
  fs.linkSync(path.join(directory, 'diff/file'), path.join(directory, 'diff/again'))
  fs.writeFileSync(path.join(directory, 'link'), 'ORPHANORPHANORPHANORPHANOR')
  fs.symlinkSync(`../${orphan}/diff`, path.join(root, 'overlay2/l/ORPHANORPHANORPHANORPHANOR'))

  fs.symlinkSync('../gone/diff', make('link', 'overlay2/l/GONEGONEGONEGONEGONEGONEGO'))

  const removing = make(
    'removing-layer',
    `${layerdb}/sha256/${'1'.repeat(64)}-${'2'.repeat(64)}-removing`,
  )
  fs.mkdirSync(removing)
  fs.writeFileSync(path.join(removing, 'cache-id'), 'e'.repeat(64))
  fs.mkdirSync(path.join(root, 'overlay2', 'e'.repeat(64), 'diff'), { recursive: true })
  fs.writeFileSync(path.join(root, 'overlay2', 'e'.repeat(64), 'diff/x'), big)

  const broken = make('broken-layer', `${layerdb}/sha256/${'3'.repeat(64)}`)
  fs.mkdirSync(broken)
  fs.writeFileSync(path.join(broken, 'diff'), `sha256:${'3'.repeat(64)}`)

  const transaction = make('transaction', `${layerdb}/tmp/shale-0011223344556677`)
  fs.mkdirSync(path.join(transaction, '0'), { recursive: true })
  fs.writeFileSync(path.join(transaction, 'cache-ids'), `${'d'.repeat(64)}\n`)
  fs.mkdirSync(path.join(root, 'overlay2', 'd'.repeat(64), 'diff'), { recursive: true })
  fs.writeFileSync(path.join(root, 'overlay2', 'd'.repeat(64), 'diff/y'), big)

  const metadata = make(
    'image-metadata',
    `image/overlay2/imagedb/metadata/sha256/${'4'.repeat(64)}`,
  )
  fs.mkdirSync(metadata, { recursive: true })
  fs.mkdirSync(make('container-remains', `containers/${'5'.repeat(64)}`), { recursive: true })
  fs.writeFileSync(make('temporary-file', 'image/overlay2/.tmp-repositories.json123'), 'x')
  fs.mkdirSync(make('scratch', 'tmp/docker-import-1'), { recursive: true })
  return planted
}

/** A layer that dockerd knows and nothing stands on: the image's config is gone without a trace. */
export async function forgetImage(root: string, imageID: string): Promise<void> {
  const image = path.join(root, 'image/overlay2')
  fs.rmSync(path.join(image, 'imagedb/content/sha256', imageID.slice(7)))
  fs.rmSync(path.join(image, 'imagedb/metadata/sha256', imageID.slice(7)), {
    recursive: true,
    force: true,
  })
}

export function reopen(root: string): Promise<Store> {
  return openStore(root, { sync: false })
}
