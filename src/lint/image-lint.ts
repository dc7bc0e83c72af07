// Lints one image: reads its layers from the base up, each once, and asks of each what only those below can answer.
// Knows layers as streams of tar; where they come from, lint.ts knows.

import { createHash } from 'node:crypto'
import type { DiffID } from '../digest/digest.ts'
import { ArchiveError, IntegrityError, LimitError, UnsafePathError } from '../errors.ts'
import { joinPath, pathText, type BytePath } from '../path/byte-path.ts'
import { TarParser } from '../tar/parser.ts'
import { Findings, type LintFinding } from './findings.ts'
import { LayerReader, type LayerMoment } from './layer-reader.ts'
import { NodeBudget, type LayerTree } from './layer-tree.ts'
import type { LintRuleID } from './rules.ts'
import { findWastedBytes, mergeTrees, type WastedBytes } from './wasted-bytes.ts'

export interface LayerTar {
  readonly diffID: DiffID
  /** For messages. */
  readonly label: string
  /** Uncompressed. @returns chunks valid until the next is asked for */
  open(): AsyncIterable<Uint8Array>
  /** The bytes are as they came from a stranger: compared with the diffID. */
  readonly verify: boolean
}

export interface ImageLint {
  readonly findings: readonly LintFinding[]
  /** How many of a rule were found beyond those listed. */
  readonly omitted: Readonly<Partial<Record<LintRuleID, number>>>
  readonly wasted: WastedBytes
}

const WASTED_TOP = 20

/** Between two turns of the event loop: some milliseconds of parsing. Most chunks are one header. */
const CHUNKS_PER_TURN = 4096

export async function lintLayers(
  layers: readonly LayerTar[],
  options: {
    readonly wanted: (rule: LintRuleID) => boolean
    readonly moment: LayerMoment
    readonly signal?: AbortSignal
  },
): Promise<ImageLint> {
  const findings = new Findings(options.wanted)
  const budget = new NodeBudget()
  const trees: LayerTree[] = []
  for (const [index, layer] of layers.entries()) {
    findings.startLayer(index + 1, layer.diffID)
    const reader = new LayerReader(index, findings, budget, options.moment)
    await readLayer(layer, reader, options.signal)
    reader.finish()
    againstLower(reader, trees, findings)
    trees.push(reader.tree)
  }
  caseCollisions(trees, layers, findings)
  const wasted = findWastedBytes(trees, WASTED_TOP)
  for (const file of wasted.top) {
    findings.startLayer(file.layer, layers[file.layer - 1]!.diffID)
    const where = file.goneIn === file.layer ? 'the same layer' : `layer ${file.goneIn}`
    findings.add('wasted-bytes', {
      path: file.path,
      message: `${file.sizeBytes} bytes, ${file.how} in ${where}`,
    })
  }
  return { findings: findings.list(), omitted: findings.omitted(), wasted }
}

async function readLayer(
  layer: LayerTar,
  reader: LayerReader,
  signal: AbortSignal | undefined,
): Promise<void> {
  const parser = new TarParser(reader)
  const hash = layer.verify ? createHash('sha256') : undefined
  try {
    let count = 0
    for await (const chunk of layer.open()) {
      // What is read of a store never waits, and Ctrl-C would not be heard until its end.
      if (count++ % CHUNKS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve))
      signal?.throwIfAborted()
      hash?.update(chunk)
      parser.write(chunk)
    }
    parser.end()
  } catch (error) {
    throw aboutLayer(layer, error)
  }
  if (hash === undefined) return
  const actual = `sha256:${hash.digest('hex')}`
  if (actual === layer.diffID) return
  throw new IntegrityError(
    'ERR_DIGEST_MISMATCH',
    `cannot lint ${layer.label}: its uncompressed tar should have digest ${layer.diffID} and has ${actual}; the archive is damaged or was changed`,
    { details: { expected: layer.diffID, actual } },
  )
}

/** The parser knows an offset; which layer that is in, it does not. */
function aboutLayer(layer: LayerTar, error: unknown): unknown {
  const isAboutInput =
    error instanceof ArchiveError || error instanceof UnsafePathError || error instanceof LimitError
  if (!isAboutInput || error.message.includes(layer.label)) return error
  const Class = error.constructor as typeof ArchiveError
  return new Class(error.code, `cannot lint ${layer.label}: ${error.message}`, {
    cause: error,
    details: error.details,
  })
}

function againstLower(reader: LayerReader, lower: readonly LayerTree[], findings: Findings): void {
  const { view } = mergeTrees(lower)
  for (const { path, target } of reader.missingTargets) {
    const isBelow = view.lookup(target) !== undefined
    findings.add(isBelow ? 'hardlink-to-lower' : 'hardlink-to-nothing', {
      path,
      message: `its target ${JSON.stringify(`/${pathText(target)}`)} is ${isBelow ? 'in a lower layer' : 'not there'}`,
    })
  }
  for (const { path, below } of reader.tree.implicitDirectories()) {
    const node = view.lookup(path)
    if (node?.type !== 'symlink') continue
    findings.add('through-lower-symlink', {
      path: below,
      message: `below, /${pathText(path)} is a link to ${JSON.stringify(pathText(node.linkTarget))}`,
    })
  }
}

/** As file systems that fold case compare names: lower-cased, and composed. */
function caseCollisions(
  trees: readonly LayerTree[],
  layers: readonly LayerTar[],
  findings: Findings,
): void {
  const { view, base } = mergeTrees(trees)
  const pending: BytePath[] = ['' as BytePath]
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    const seen = new Map<string, BytePath>()
    for (const entry of view.list(at) ?? []) {
      if (entry.directory) pending.push(entry.path)
      const folded = pathText(entry.name).normalize('NFC').toLowerCase()
      const other = seen.get(folded)
      seen.set(folded, entry.name)
      if (other === undefined) continue
      const layer = base + view.layers.length - 1 - entry.layer
      findings.startLayer(layer + 1, layers[layer]!.diffID)
      findings.add('case-collision', {
        path: entry.path,
        message: `the same as ${JSON.stringify(`/${pathText(joinPath(at, other))}`)} but for case`,
      })
    }
  }
}
