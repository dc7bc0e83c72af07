// A store with one image and a container of it, for tests of what can be done to containers.

import fs from 'node:fs'
import path from 'node:path'
import { createContainer, loadArchive, openStore, type Store } from '../../src/index.ts'
import { buildImage, dockerArchive25, packed } from './image.ts'
import { temporaryDirectory } from './temporary.ts'

export interface ContainerFixture {
  readonly directory: string
  readonly root: string
  readonly store: Store
  /** Of the container `box`. */
  readonly id: string
}

/** @param layers tars, base first, of the image `base:1` @param config of the image */
export async function containerFixture(
  t: { teardown(callback: () => void): unknown },
  layers: readonly Buffer[],
  config: Readonly<Record<string, unknown>> = { Cmd: ['/bin/sh'] },
): Promise<ContainerFixture> {
  const directory = temporaryDirectory(t)
  const root = path.join(directory, 'root')
  const store = await openStore(root, { sync: false })
  const image = buildImage(layers, { config })
  await loadArchive(store, fromBytes(packed(dockerArchive25([{ image, tags: ['base:1'] }]))))
  const { id } = await createContainer(store, 'base:1', { name: 'box' })
  return { directory, root, store, id }
}

export async function* fromBytes(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** As a dockerd leaves a container whose volumes a plugin keeps. */
export function ofAnotherDriver(store: Store, name: string): void {
  const folder = store.layout.container(store.containerDB.resolve(name).id)
  const file = path.join(folder, 'config.v2.json')
  const text = fs.readFileSync(file, 'utf8')
  fs.writeFileSync(file, text.replaceAll('"Driver":"local"', '"Driver":"nfs"'))
}
