// One image in every form that a contestant may take it in: made once, copied to each file system that is measured.
// What was given is used as it is; a form that is missing is derived, and its layers are the same bytes.

import fs from 'node:fs'
import path from 'node:path'
import { create, extract } from 'tar'
import { builtInImage } from '../cli/demo/built-in.ts'
import { packImage } from '../cli/demo/pack-image.ts'
import { TarParser } from '../src/tar/parser.ts'
import { writeTar } from '../src/tar/writer.ts'
import { layerEntries, type LayerShape } from './generate.ts'
import { writeLayout } from './layout.ts'
import type { Place } from './place.ts'
import { PROJECT, runProgram, runShale } from './programs.ts'
import type { InputFacts } from './result.ts'

export interface Image {
  readonly facts: InputFacts
  /** Name in the layout's index; as an image it is REFERENCE:latest. */
  readonly reference: string
  /** OCI layout, gzip layers. */
  readonly ociDir: string
  /** The same in one tar. */
  readonly ociTar: string
  /** Plain layers, as docker save writes them. */
  readonly dockerArchive: string
  /** Base first. */
  readonly gzipBlobs: readonly string[]
  readonly plainBlobs: readonly string[]
  readonly diffIDs: readonly string[]
}

export const REFERENCE = 'shale-bench'

/** A layer tar of the generator. */
export function generatedLayer(shape: LayerShape): () => AsyncGenerator<Uint8Array> {
  return () => writeTar(layerEntries(shape))
}

/**
 * What the user gave, up to one archive of each form of the same image; without any, the image of the demo.
 * @throws Error that says which of them cannot be used and why
 */
export async function imageOf(files: readonly string[], place: Place): Promise<Image> {
  const dir = place.fresh('image')
  if (files.length === 0) {
    const file = path.join(dir, 'demo.tar')
    const demo = builtInImage(PROJECT)
    await packImage({
      reference: `${REFERENCE}:latest`,
      layers: demo.layers,
      file,
      command: demo.command,
      workingDirectory: '/',
    })
    return completeImage('the image of the demo', { dockerArchive: file }, dir)
  }
  const given: Given = {}
  for (const file of files) {
    const form = await formOf(file)
    if (given[form] !== undefined)
      throw new Error(`cannot use ${file}: ${given[form]} is of the same form`)
    given[form] = path.resolve(file)
  }
  return completeImage(path.basename(path.resolve(files[0]!)), given, dir)
}

/** An image of the generator's layers. */
export async function generatedImage(
  name: string,
  shapes: readonly LayerShape[],
  place: Place,
  options: { readonly gzipLevel?: number } = {},
): Promise<Image> {
  const dir = place.fresh('image')
  const ociDir = path.join(dir, 'oci')
  const { gzipLevel } = options
  await writeLayout({
    dir: ociDir,
    reference: REFERENCE,
    layers: shapes.map(generatedLayer),
    ...(gzipLevel === undefined ? {} : { gzipLevel }),
  })
  return completeImage(name, { ociDir }, dir)
}

type Form = 'ociDir' | 'ociTar' | 'dockerArchive'
type Given = { -readonly [F in Form]?: string }

async function formOf(file: string): Promise<Form> {
  if (fs.statSync(file).isDirectory()) {
    if (fs.existsSync(path.join(file, 'oci-layout'))) return 'ociDir'
    throw new Error(`cannot use ${file}: it is a directory without an oci-layout file`)
  }
  const names = new Set<string>()
  const collector = new TarParser({
    raw: () => {},
    entry: ({ path: name }) => names.add(name.replace(/^\.\//, '')),
    body: () => {},
    bodyEnd: () => {},
    globalHeader: () => {},
  })
  for await (const chunk of fs.createReadStream(file, { highWaterMark: 1 << 20 }))
    collector.write(chunk as Buffer)
  if (names.has('oci-layout')) return 'ociTar'
  if (names.has('manifest.json')) return 'dockerArchive'
  throw new Error(
    `cannot use ${file}: it is a tar with neither oci-layout nor manifest.json; give an image archive`,
  )
}

async function completeImage(name: string, given: Given, dir: string): Promise<Image> {
  const root = path.join(dir, 'root')
  const first = given.ociDir ?? given.ociTar ?? given.dockerArchive!
  await runShale(['--root', root, 'load', '-q', '-i', first])
  const listed = await runShale(['--root', root, 'images', '-q', '--no-trunc'])
  const [id, another] = [...new Set(listed.trim().split('\n'))]
  if (!id) throw new Error(`cannot measure ${first}: it has no image for this platform`)
  if (another !== undefined)
    throw new Error(`cannot measure ${first}: it has several images; save one of them alone`)

  const plain = path.join(dir, 'plain')
  const tagged = `${REFERENCE}:latest`
  await runShale(['--root', root, 'tag', id, tagged])
  await runShale(['--root', root, 'save', '--format', 'oci-dir', '-o', plain, tagged])
  const dockerArchive = given.dockerArchive ?? path.join(dir, 'docker-archive.tar')
  if (given.dockerArchive === undefined)
    await runShale(['--root', root, 'save', '-o', dockerArchive, tagged])
  fs.rmSync(root, { recursive: true })

  const plainLayout = readLayout(plain)
  let ociDir = given.ociDir
  if (ociDir === undefined && given.ociTar !== undefined) {
    ociDir = path.join(dir, 'oci')
    fs.mkdirSync(ociDir)
    await extract({ file: given.ociTar, cwd: ociDir })
  }
  if (ociDir === undefined || !readLayout(ociDir).isGzip) {
    ociDir = path.join(dir, 'oci-gzip')
    await writeLayout({
      dir: ociDir,
      reference: REFERENCE,
      layers: plainLayout.layers.map(
        (file) => () => fs.createReadStream(file, { highWaterMark: 1 << 20 }),
      ),
      config: plainLayout.config,
    })
  }
  const { layers: gzipBlobs, reference } = readLayout(ociDir)
  let ociTar = given.ociTar
  if (ociTar === undefined || given.ociDir !== undefined) {
    ociTar = path.join(dir, 'oci.tar')
    await create({ cwd: ociDir, file: ociTar, portable: true }, fs.readdirSync(ociDir))
  }
  const sizes = (files: readonly string[]): number =>
    files.reduce((all, file) => all + fs.statSync(file).size, 0)
  return {
    facts: {
      name,
      layers: gzipBlobs.length,
      entries: await countEntries(plainLayout.layers),
      tarBytes: sizes(plainLayout.layers),
      gzipBytes: sizes(gzipBlobs),
    },
    reference,
    ociDir,
    ociTar,
    dockerArchive,
    gzipBlobs,
    plainBlobs: plainLayout.layers,
    diffIDs: plainLayout.diffIDs,
  }
}

interface Layout {
  readonly layers: readonly string[]
  readonly isGzip: boolean
  readonly diffIDs: readonly string[]
  readonly config: Readonly<Record<string, unknown>>
  readonly reference: string
}

interface IndexJSON {
  readonly manifests: readonly {
    readonly digest: string
    readonly mediaType: string
    readonly annotations?: Readonly<Record<string, string>>
  }[]
}

interface ManifestJSON {
  readonly config: { readonly digest: string }
  readonly layers: readonly { readonly digest: string; readonly mediaType: string }[]
}

/** A layout of one image. */
export function readLayout(dir: string): Layout {
  const blob = (digest: string): string => path.join(dir, 'blobs/sha256', digest.slice(7))
  const json = (file: string): unknown => JSON.parse(fs.readFileSync(file, 'utf8'))
  const [described, ...others] = (json(path.join(dir, 'index.json')) as IndexJSON).manifests
  if (described === undefined || others.length > 0 || /index|list/.test(described.mediaType))
    throw new Error(`cannot measure ${dir}: expected a layout of one image for one platform`)
  const manifest = json(blob(described.digest)) as ManifestJSON
  const config = json(blob(manifest.config.digest)) as Record<string, unknown>
  return {
    layers: manifest.layers.map(({ digest }) => blob(digest)),
    isGzip: manifest.layers.every(({ mediaType }) => mediaType.endsWith('gzip')),
    diffIDs: (config['rootfs'] as { diff_ids: string[] }).diff_ids,
    config,
    reference: described.annotations?.['org.opencontainers.image.ref.name'] ?? REFERENCE,
  }
}

async function countEntries(files: readonly string[]): Promise<number> {
  let entries = 0
  const nothing = (): void => {}
  for (const file of files) {
    const parser = new TarParser({
      raw: nothing,
      entry: nothing,
      body: nothing,
      bodyEnd: nothing,
      globalHeader: nothing,
    })
    for await (const chunk of fs.createReadStream(file, { highWaterMark: 1 << 20 }))
      parser.write(chunk as Buffer)
    entries += parser.end().entries
  }
  return entries
}

/** The same image on another disk: programs read from where they write. */
export async function copyImage(image: Image, place: Place): Promise<Image> {
  const dir = place.fresh('image')
  const copy = async (from: string, name: string): Promise<string> => {
    const to = path.join(dir, name)
    await runProgram('cp', ['-r', '--reflink=never', '--', from, to])
    return to
  }
  const ociDir = await copy(image.ociDir, 'oci')
  const plain = path.join(dir, 'plain')
  fs.mkdirSync(plain)
  const plainBlobs: string[] = []
  for (const [i, file] of image.plainBlobs.entries())
    plainBlobs.push(await copy(file, `plain/${i}.tar`))
  return {
    ...image,
    ociDir,
    ociTar: await copy(image.ociTar, 'oci.tar'),
    dockerArchive: await copy(image.dockerArchive, 'docker-archive.tar'),
    gzipBlobs: image.gzipBlobs.map((file) =>
      path.join(ociDir, 'blobs/sha256', path.basename(file)),
    ),
    plainBlobs,
  }
}
