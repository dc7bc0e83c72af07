// Whole loads: a changed layer in an image that is otherwise right, and a changed archive. Beside errors and time it is
// held that what was refused left nothing behind, that what was taken comes back byte for byte, and that lint reports
// exactly those layers as refused that are.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { DEFAULT_APPLY_LIMITS } from '../../../src/archive/limits.ts'
import { applyLayerJob } from '../../../src/archive/pipeline.ts'
import { layerTar as reassembled } from '../../../src/archive/reassemble.ts'
import type { DiffID } from '../../../src/digest/digest.ts'
import {
  exportTree,
  lintArchive,
  lintImage,
  listImageFiles,
  loadArchive,
  openStore,
  removeImage,
  saveArchive,
  type Store,
} from '../../../src/index.ts'
import { Findings } from '../../../src/lint/findings.ts'
import { NodeBudget } from '../../../src/lint/layer-tree.ts'
import { LayerReader } from '../../../src/lint/layer-reader.ts'
import { TarParser } from '../../../src/tar/parser.ts'
import { buildImage, dockerArchive20, dockerArchive25, ociLayout, packed } from '../image.ts'
import { digestOf, jobFor } from '../layer-jobs.ts'
import { dir, file, gzip, layerTar, symlink } from '../layer.ts'
import { collect } from '../tars.ts'
import { seedTars } from './parser-targets.ts'
import { editArchive } from './archive-edits.ts'
import { editTar, withChecksums } from './tar-edits.ts'
import { Contradiction, refusalOf, type FuzzTarget } from './target.ts'

const LAYER_BYTES_MAX = 1 << 26
const LIMITS = { ...DEFAULT_APPLY_LIMITS, layerBytesMax: LAYER_BYTES_MAX }

/** By these lint says that shale itself would refuse a layer; docs/lint-rules.md lists them. */
const REFUSED_BY_LINT: ReadonlySet<string> = new Set([
  'bad-whiteout',
  'below-a-file',
  'empty-link',
  'escaping-name',
  'hardlink-to-lower',
  'hardlink-to-nothing',
  'impossible-number',
  'name-too-long',
])

/** In memory where that can be had: some thousand small trees. */
function workDirectory(name: string): string {
  let parent = '/dev/shm'
  try {
    fs.accessSync(parent, fs.constants.W_OK)
  } catch {
    parent = os.tmpdir()
  }
  return fs.mkdtempSync(path.join(parent, `shale-fuzz-${name}-`))
}

/** Lazily made, so that a target that is not run makes nothing. */
class Work {
  readonly #name: string
  #directory: string | undefined

  constructor(name: string) {
    this.#name = name
  }

  get directory(): string {
    return (this.#directory ??= workDirectory(this.#name))
  }

  clear(): void {
    for (const name of fs.readdirSync(this.directory)) {
      fs.rmSync(path.join(this.directory, name), { recursive: true, force: true })
    }
  }

  async close(): Promise<void> {
    if (this.#directory === undefined) return
    fs.rmSync(this.#directory, { recursive: true, force: true })
    this.#directory = undefined
  }
}

/** @returns undefined where lint cannot read the tar either */
function lintRefuses(tar: Buffer): boolean | undefined {
  const findings = new Findings(() => true)
  findings.startLayer(1, digestOf(tar) as DiffID)
  const reader = new LayerReader(0, findings, new NodeBudget(), { nowNs: 0n })
  try {
    const parser = new TarParser(reader, LIMITS)
    parser.write(tar)
    parser.end()
  } catch (error) {
    refusalOf(error)
    return undefined
  }
  reader.finish()
  const found = findings.list().some(({ rule }) => REFUSED_BY_LINT.has(rule))
  return found || reader.missingTargets.length > 0
}

const layerWork = new Work('layer')

/** One layer through the pipeline: to a directory, to a tar-split, and back. */
const layer: FuzzTarget = {
  name: 'layer',
  *seeds() {
    yield* seedTars()
    yield layerTar(
      symlink('a', 'b'),
      dir('b'),
      file('a/x', 'y'),
      symlink('c', '/../..'),
      file('c/z', 'z'),
    )
  },
  words: ['.wh.', '.wh..wh..opq', '../', '/', 'ustar\u000000'],
  edit: editTar,
  mend: withChecksums,
  bytesMax: 1 << 15,
  async run(input) {
    layerWork.clear()
    const job = jobFor(layerWork.directory, input, { limits: LIMITS, tar: input })
    const outside = fs.readdirSync(layerWork.directory)
    let code: string | undefined
    try {
      await applyLayerJob(job)
    } catch (error) {
      code = refusalOf(error)
    }
    const beside = fs.readdirSync(layerWork.directory)
    const made = beside.filter(
      (name) => !outside.includes(name) && name !== path.basename(job.splitPath),
    )
    if (made.length > 0) throw new Contradiction(`made outside of the layer: ${made.join(' ')}`)
    const byLint = lintRefuses(input)
    if (code === undefined && byLint === true) {
      throw new Contradiction('lint says that it would be refused, and it was taken')
    }
    if (byLint === false && code !== undefined && !MAY_PASS_LINT.has(code)) {
      throw new Contradiction(`refused (${code}), and lint does not say so`)
    }
    if (code !== undefined) return
    const source = { splitPath: job.splitPath, directory: job.directory, diffID: job.diffID! }
    const again = await collect(reassembled(source))
    if (!again.equals(input)) throw new Contradiction('it does not come back byte for byte')
  },
  close: () => layerWork.close(),
}

/** Lint reads headers: what only the bodies or the host's file system can tell, and what a limit says, it leaves out. */
const MAY_PASS_LINT: ReadonlySet<string> = new Set([
  'ERR_SPARSE_MAP',
  'ERR_ENTRY_SIZE_MAX',
  'ERR_EXPANSION_MAX',
  'ERR_ENTRIES_MAX',
  'ERR_DEPTH_MAX',
  'ERR_PATH_MAX',
])

const loadWork = new Work('load')
let store: Promise<Store> | undefined

/** An archive as it comes from a stranger. */
const load: FuzzTarget = {
  name: 'load',
  *seeds() {
    const layers = [
      layerTar(dir('d'), file('d/f', 'one\n')),
      layerTar(file('d/.wh.f'), file('d/g', 'two\n')),
    ]
    const image = buildImage(layers)
    yield packed(dockerArchive25([{ image, tags: ['a:1'] }]))
    yield packed(dockerArchive20([{ image, tags: ['a:1', 'b:2'] }]))
    yield packed(ociLayout([{ image, compression: 'gzip' }]))
    yield packed(ociLayout([{ image }]))
    yield gzip(packed(ociLayout([{ image }])))
  },
  words: [
    'manifest.json',
    'index.json',
    'oci-layout',
    'blobs/sha256/',
    '"size":',
    '../',
    '{"schemaVersion":2,',
    '\u001f\u008b',
  ],
  edit: (input, random) => (random.once(4) ? editTar : editArchive)(input, random),
  mend: withChecksums,
  bytesMax: 1 << 16,
  async run(input) {
    const root = path.join(loadWork.directory, 'root')
    const archive = path.join(loadWork.directory, 'archive')
    store ??= openStore(root, { sync: false })
    const opened = await store
    fs.writeFileSync(archive, input)
    let lintCode: string | undefined
    try {
      await lintArchive(archive)
    } catch (error) {
      lintCode = refusalOf(error)
    }
    let loaded
    try {
      loaded = await loadArchive(opened, archive, { limits: { layerBytesMax: LAYER_BYTES_MAX } })
    } catch (error) {
      refusalOf(error)
      emptyAgain(opened, 'after a refusal')
      return
    }
    if (lintCode !== undefined && lintCode !== 'ERR_ENTRIES_MAX') {
      throw new Contradiction(`taken, and lint cannot read it: ${lintCode}`)
    }
    for (const { imageID } of loaded) {
      for await (const each of listImageFiles(opened, imageID, '/', { recursive: true })) void each
      for await (const piece of exportTree(opened, imageID)) void piece
      await lintImage(opened, imageID)
      for await (const piece of await saveArchive(opened, [imageID])) void piece
    }
    for (const { imageID } of loaded) {
      if (opened.imageDB.has(imageID)) await removeImage(opened, imageID, { force: true })
    }
    emptyAgain(opened, 'after removing all images')
  },
  async close() {
    store = undefined
    await loadWork.close()
  },
}

function emptyAgain({ layout, layers, imageDB, driver }: Store, when: string): void {
  layers.refresh()
  const directories = [driver.home, path.join(driver.home, 'l'), layout.layerTemp]
  const left = [
    ...layers.list().map(({ chainID }) => chainID),
    ...imageDB.ids(),
    ...directories.flatMap((each) => fs.readdirSync(each)).filter((name) => name !== 'l'),
  ]
  if (left.length > 0) throw new Contradiction(`${when} there is still ${left.join(' ')}`)
}

export const LOAD_TARGETS: readonly FuzzTarget[] = [layer, load]
