// lint: what in an image will mean different things to different tools, or surprise a person. Of an image in a store,
// by what tar-split keeps of its layers' tars; of an archive, straight from its bytes, without loading it.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { compressionOf, decompressed } from '../archive/decompress.ts'
import type { ByteRange } from '../archive/layer-job.ts'
import { DEFAULT_APPLY_LIMITS } from '../archive/limits.ts'
import { readSplit } from '../archive/split-file.ts'
import type { DiffID, ImageID } from '../digest/digest.ts'
import { IntegrityError, InvalidArgumentError, LimitError } from '../errors.ts'
import { parseImageConfig } from '../image/config.ts'
import { hostPlatform, parsePlatform } from '../image/platform.ts'
import type { Layer } from '../store/layer-db.ts'
import type { Store } from '../store/store.ts'
import { openArchive } from '../transfer/open-archive.ts'
import { shownPath, type LintFinding } from './findings.ts'
import { lintLayers, type LayerTar } from './image-lint.ts'
import type { LayerMoment } from './layer-reader.ts'
import { isLintRule, LINT_RULES, type LintRuleID } from './rules.ts'

export interface LintOptions {
  /** Only these rules. Default: all. */
  readonly rules?: readonly string[]
  /** Not these. */
  readonly ignore?: readonly string[]
  /** `os[/arch[/variant]]`: which image of a multi-platform archive. Default: the host's. */
  readonly platform?: string
  readonly signal?: AbortSignal
}

export interface LintedImage {
  readonly imageID: ImageID
  readonly names: readonly string[]
  /** diffIDs, base first. */
  readonly layers: readonly DiffID[]
  readonly findings: readonly LintFinding[]
  /** How many of a rule were found beyond those listed. */
  readonly omitted: Readonly<Partial<Record<LintRuleID, number>>>
  readonly wasted: {
    /** File contents of all layers, uncompressed. */
    readonly contentBytes: number
    /** By how much less that would be if the image were one layer. */
    readonly wastedBytes: number
    readonly wastedFiles: number
    /** The largest. */
    readonly top: readonly {
      readonly path: string
      readonly pathBase64?: string
      readonly sizeBytes: number
      readonly layer: number
      readonly goneIn: number
      readonly how: 'removed' | 'replaced'
    }[]
  }
}

/** @throws NotFoundError ERR_IMAGE_NOT_FOUND; InvalidArgumentError ERR_OPTION for an unknown rule; IntegrityError; LimitError */
export async function lintImage(
  store: Store,
  name: string,
  options: LintOptions = {},
): Promise<LintedImage> {
  const wanted = ruleFilter(options)
  const image = store.image(name)
  const layers = image.layers.map((layer) => storedLayer(layer))
  const linted = await lintOne(layers, image.config.created, wanted, options)
  return { imageID: image.id, names: image.names.map((known) => known.name), ...linted }
}

/**
 * Every image of an archive; nothing is unpacked.
 * @param file as for `load`: a docker-archive or an OCI layout, plain or compressed
 * @throws what load throws for an archive that is none; InvalidArgumentError ERR_OPTION for an unknown rule
 */
export async function lintArchive(file: string, options: LintOptions = {}): Promise<LintedImage[]> {
  const wanted = ruleFilter(options)
  const { platform, signal } = options
  const spoolDirectory = fs.mkdtempSync(path.join(os.tmpdir(), 'shale-lint-'))
  try {
    const archive = await openArchive(file, {
      spoolDirectory,
      ...(signal === undefined ? {} : { signal }),
      ...(platform === undefined
        ? {}
        : { platform: parsePlatform(platform, hostPlatform({ arch: process.arch })) }),
    })
    try {
      const images: LintedImage[] = []
      for (const image of archive.images) {
        const layers = image.layers.map(({ diffID, label, blob }) => ({
          diffID,
          label,
          verify: true,
          open: () => archivedTar(blob, label),
        }))
        const { created } = parseImageConfig(image.configBytes)
        const linted = await lintOne(layers, created, wanted, options)
        images.push({ imageID: image.imageID, names: image.references, ...linted })
      }
      return images
    } finally {
      await archive.close()
    }
  } finally {
    fs.rmSync(spoolDirectory, { recursive: true, force: true })
  }
}

async function lintOne(
  layers: readonly LayerTar[],
  created: string | undefined,
  wanted: (rule: LintRuleID) => boolean,
  { signal }: LintOptions,
): Promise<Omit<LintedImage, 'imageID' | 'names'>> {
  const { findings, omitted, wasted } = await lintLayers(layers, {
    wanted,
    moment: momentOf(created),
    ...(signal === undefined ? {} : { signal }),
  })
  return {
    layers: layers.map(({ diffID }) => diffID),
    findings,
    omitted,
    wasted: {
      ...wasted,
      top: wasted.top.map(({ path: bytes, ...rest }) => ({ ...shownPath(bytes), ...rest })),
    },
  }
}

function momentOf(created: string | undefined): LayerMoment {
  const nowNs = BigInt(Date.now()) * 1_000_000n
  const createdMs = created === undefined ? NaN : Date.parse(created)
  // 1970 and before is what builders write who want no time to count.
  if (!(createdMs > 86_400_000)) return { nowNs }
  return { nowNs, createdNs: BigInt(Math.trunc(createdMs)) * 1_000_000n }
}

function ruleFilter({ rules = [], ignore = [] }: LintOptions): (rule: LintRuleID) => boolean {
  for (const id of [...rules, ...ignore]) {
    if (isLintRule(id)) continue
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `cannot lint by rule ${JSON.stringify(id)}: there is no such rule; choose from ${LINT_RULES.map((rule) => rule.id).join(', ')}`,
      { details: { rule: id } },
    )
  }
  const only = new Set(rules)
  const never = new Set(ignore)
  return (rule) => (only.size === 0 || only.has(rule)) && !never.has(rule)
}

const ZEROS = Buffer.alloc(1 << 20)

/** Headers as tar-split keeps them; bodies are stood in for by zeros, since no header depends on them. */
function storedLayer(layer: Layer): LayerTar {
  const { splitPath, diffID } = layer
  if (splitPath === undefined) {
    throw new IntegrityError(
      'ERR_STORE_CORRUPT',
      `cannot lint layer ${layer.chainID}: it has no tar-split.json.gz in ${layer.path}, so nothing is known of its tar`,
      { details: { chainID: layer.chainID, path: layer.path } },
    )
  }
  return {
    diffID,
    label: `layer ${layer.chainID}`,
    verify: false,
    open: () => headersOf(splitPath),
  }
}

async function* headersOf(splitPath: string): AsyncGenerator<Uint8Array> {
  for await (const record of readSplit(splitPath)) {
    if (record.kind === 'segment') yield record.bytes
    else {
      for (let left = record.sizeBytes; left > 0; left -= ZEROS.length) {
        yield left < ZEROS.length ? ZEROS.subarray(0, left) : ZEROS
      }
    }
  }
}

/** As load bounds it: a layer that grows beyond all reason is an attack. */
async function* archivedTar(blob: ByteRange, label: string): AsyncGenerator<Uint8Array> {
  const { layerBytesMax, expansionMax } = DEFAULT_APPLY_LIMITS
  const limit = Math.min(layerBytesMax, Math.max(64 << 20, blob.sizeBytes * expansionMax))
  let bytes = 0
  for await (const chunk of decompressed(blob, await compressionOf(blob), undefined, label)) {
    bytes += chunk.length
    if (bytes > limit) {
      throw new LimitError(
        'ERR_EXPANSION_MAX',
        `cannot lint ${label}: its ${blob.sizeBytes} bytes unpack to more than ${limit}`,
        { details: { limit, actual: bytes } },
      )
    }
    yield chunk
  }
}
