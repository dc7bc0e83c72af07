// Explains one path of a stack, as a record: what each layer holds of each component, how the search ends, and what a
// change would do to which files on the disk. Knows where layers lie (an image's, a container's, named directories);
// the rules are trace.ts's and predict.ts's, the words and the picture those of sentences.ts and picture.ts.

import path from 'node:path'
import { settleForReading } from '../containers/container-merges.ts'
import { containerOrImage } from '../containers/export-tree.ts'
import { openContainerStack, imageLayersOf } from '../containers/container-stack.ts'
import type { DiffID } from '../digest/digest.ts'
import type { LayerForm } from '../driver/driver.ts'
import { InvalidArgumentError } from '../errors.ts'
import { openImageStack } from '../inspect/image-stack.ts'
import { joinPath, pathFromText, pathText, type BytePath } from '../path/byte-path.ts'
import type { Layer } from '../store/layer-db.ts'
import type { Store } from '../store/store.ts'
import type { LayerNode, LayerView } from '../union/layer-view.ts'
import { ERRNO } from '../sys/errno.ts'
import { getXattr } from '../sys/xattr.ts'
import { whiteoutOf } from '../union/whiteout.ts'
import { LayerStack } from '../view/stack.ts'
import { predict, type ExplainOp, type Prediction, type UpperChange } from './predict.ts'
import { NameSearch, type Component, type Holding, type Verdict } from './trace.ts'

export interface ExplainedLayer {
  /** How it is called below: the number as `shale layers` has it, `upper`, `init`, or a directory's name. */
  readonly label: string
  readonly role: 'upper' | 'init' | 'lower'
  /** Absent for the upper layer of a container that is not made yet. */
  readonly directory?: string
  readonly diffID?: DiffID
}

export interface ExplainedSight {
  /** Index into `layers`. */
  readonly layer: number
  readonly holds: Holding
  readonly opaque: boolean
  readonly verdict: Verdict
  readonly hidden?: { readonly by: string; readonly layer: number; readonly path: string }
  /** What stands there, where anything does and the layer is on the disk. */
  readonly file?: string
}

export interface ExplainedStep {
  /** Absolute within the tree. */
  readonly path: string
  readonly sights: readonly ExplainedSight[]
  /** `nothing`: there is no such name. */
  readonly is: Holding
  /** The layers that take part, topmost first; indexes. */
  readonly layers: readonly number[]
  readonly linkTarget?: string
}

export interface ExplainedChange {
  readonly kind: UpperChange['kind']
  readonly path: string
  /** What is there afterwards; of `remove`, what was. */
  readonly type?: Holding
  /** Of `move`. */
  readonly to?: string
  /** Of `copy-up`: the layer, by its index. */
  readonly from?: number
  readonly opaque?: boolean
  /** Of `make`, with `opaque`: a directory of that name lies below. */
  readonly hides?: boolean
  readonly replaces?: Holding
  readonly what?: 'content' | 'mode'
  /** Where on the disk; below `<upper>` for a container that is not made yet. */
  readonly file: string
}

export interface ExplainedOperation {
  readonly op: ExplainOp
  readonly to?: string
  readonly refusal?: { readonly errno: string; readonly reason: string; readonly path: string }
  readonly changes: readonly ExplainedChange[]
}

export interface Explanation {
  readonly path: string
  /** As the caller named the stack. */
  readonly subject: string
  readonly layers: readonly ExplainedLayer[]
  readonly steps: readonly ExplainedStep[]
  readonly found: boolean
  /** Where the search ended: the file that is read, or the name that is not there. */
  readonly end: {
    readonly path: string
    readonly is: Holding
    readonly errno?: string
    readonly layer?: number
    readonly file?: string
  }
  readonly operation?: ExplainedOperation
}

export interface ExplainOptions {
  readonly op?: ExplainOp
  /** Of `mv`: the new name. */
  readonly to?: string
}

export interface PlainDirectories {
  /** Nearest first. */
  readonly lowers: readonly string[]
  readonly upper?: string
}

/**
 * A path of an image or of a container. An image has no upper layer: a change is told for a container made of it.
 * @throws NotFoundError ERR_CONTAINER_NOT_FOUND where neither has that name; InvalidArgumentError ERR_OPTION; HostError
 */
export async function explainPath(
  store: Store,
  name: string,
  file: string,
  options: ExplainOptions = {},
): Promise<Explanation> {
  if (store.driver.name === 'vfs') {
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `cannot explain ${file}: the vfs driver keeps each layer as a whole tree, so that no name is searched in layers`,
      { details: { driver: store.driver.name } },
    )
  }
  const opened = await openSubject(store, name)
  using stack = opened.stack
  const request = { ...options, subject: name, path: file, form: store.form }
  return withContent(stack, explainStack(stack.layers, opened.layers, request))
}

/** What is said to be the file that is read is all of it. @throws UnsupportedError ERR_OVERLAY_MARK */
function withContent(stack: LayerStack, explanation: Explanation): Explanation {
  const { end, layers } = explanation
  const directory = end.layer === undefined ? undefined : layers[end.layer]!.directory
  const layer = stack.layers.find((each) => path.resolve(each.directory) === directory)
  if (end.is === 'file') layer?.requireContent(pathFromText(end.path.slice(1)))
  return explanation
}

async function openSubject(
  store: Store,
  name: string,
): Promise<{ readonly stack: LayerStack; readonly layers: readonly ExplainedLayer[] }> {
  const source = containerOrImage(store, name)
  if ('container' in source) {
    const { container } = source
    await settleForReading(store, container)
    const stack = await openContainerStack(store, container)
    const image = imageLayersOf(store, container)
    const own = stack.layers.length - image.length
    const layers = stack.layers.map(({ directory }, index): ExplainedLayer => {
      if (index >= own) return imageLayer(image, stack.layers.length - 1 - index, directory)
      const role = index === 0 ? 'upper' : 'init'
      return { label: role, role, directory }
    })
    return { stack, layers }
  }
  const { image } = source
  const stack = await openImageStack(store, image)
  const layers = stack.layers.map(({ directory }, index) =>
    imageLayer(image.layers, stack.layers.length - 1 - index, directory),
  )
  return { stack, layers }
}

function imageLayer(layers: readonly Layer[], index: number, directory: string): ExplainedLayer {
  const diffID = layers[index]?.diffID
  return {
    label: String(index + 1),
    role: 'lower',
    directory,
    ...(diffID === undefined ? {} : { diffID }),
  }
}

/** A path of plain directories, as mount -t overlay is given them. @throws HostError where one cannot be opened */
export function explainDirectories(
  directories: PlainDirectories,
  file: string,
  options: ExplainOptions = {},
): Explanation {
  const { upper, lowers } = directories
  const all = [...(upper === undefined ? [] : [upper]), ...lowers]
  const form = formOf(all[0] ?? '')
  using stack = new LayerStack(all, { form })
  const names = all.map((directory) => path.basename(path.resolve(directory)))
  const areTold = new Set(names).size === names.length
  const layers = all.map((directory, index): ExplainedLayer => ({
    label: areTold ? names[index]! : directory,
    role: index === 0 && upper !== undefined ? 'upper' : 'lower',
    directory: path.resolve(directory),
  }))
  const subject = areTold ? names.join(', ') : all.join(', ')
  const request = { ...options, subject, path: file, form }
  return withContent(stack, explainStack(stack.layers, layers, request))
}

/** Where attributes cannot be kept, a union of plain directories marks by names: as fuse-overlayfs, and as shale does. */
function formOf(directory: string): LayerForm {
  const place = Buffer.from(directory, 'utf8').toString('latin1')
  // Whoever is not root is told of trusted.* only that there is none.
  const names = process.geteuid?.() === 0 ? ['user', 'trusted'] : ['user']
  const isRefused = names.every(
    (name) => getXattr(place, `${name}.overlay.opaque`) === -ERRNO.EOPNOTSUPP,
  )
  return isRefused ? 'none' : 'trusted'
}

interface StackRequest extends ExplainOptions {
  readonly subject: string
  readonly path: string
  readonly form: LayerForm
}

/** What a container starts with. */
const EMPTY_UPPER: LayerView = {
  lookup: (at) => (at === '' ? EMPTY_ROOT : undefined),
  list: () => [],
  opaque: () => false,
  xattrs: () => new Map(),
}
const EMPTY_ROOT: LayerNode = {
  type: 'directory',
  mode: 0o755,
  uid: 0,
  gid: 0,
  sizeBytes: 0,
  mtimeNs: 0n,
  linkTarget: '' as BytePath,
  devMajor: 0,
  devMinor: 0,
}

/** @param views as `known`, topmost first; both without an upper layer that is not made yet */
export function explainStack(
  views: readonly LayerView[],
  known: readonly ExplainedLayer[],
  request: StackRequest,
): Explanation {
  const { op } = request
  checkArguments(request)
  const hasUpper = known[0]?.role === 'upper'
  const isPlanned = op !== undefined && !hasUpper
  const layers = isPlanned ? [{ label: 'upper', role: 'upper' as const }, ...known] : known
  const search = new NameSearch(isPlanned ? [EMPTY_UPPER, ...views] : views)
  const follows = op === undefined || op === 'write' || op === 'chmod'
  const trace = search.trace(pathFromText(request.path), follows)
  const told = new Telling(layers, request.form)
  const { end } = trace
  const steps = trace.steps.length === 0 ? [search.component('' as BytePath)] : trace.steps
  const layer = end.at.layers[0]
  const file = end.kind === 'found' && layer !== undefined ? told.file(layer, end.at) : undefined
  return {
    path: request.path,
    subject: request.subject,
    layers,
    steps: steps.map((step) => told.step(step)),
    found: end.kind === 'found',
    end: {
      path: shown(end.at.path),
      is: end.at.node?.type ?? 'nothing',
      ...(end.kind === 'found' ? {} : { errno: end.kind === 'absent' ? 'ENOENT' : end.errno }),
      ...(layer === undefined ? {} : { layer }),
      ...(file === undefined ? {} : { file }),
    },
    ...(op === undefined
      ? {}
      : { operation: told.operation(op, predictFor(search, request, op), request.to) }),
  }
}

function predictFor(search: NameSearch, request: StackRequest, op: ExplainOp): Prediction {
  const to = request.to === undefined ? undefined : pathFromText(request.to)
  return predict(search, op, pathFromText(request.path), to)
}

function checkArguments({ op, to, path: file }: StackRequest): void {
  for (const each of to === undefined ? [file] : [file, to]) {
    if (each.startsWith('/')) continue
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `cannot explain ${JSON.stringify(each)}: the path must start with /`,
      { details: { path: each } },
    )
  }
  if ((op === 'mv') === (to !== undefined)) return
  throw new InvalidArgumentError(
    'ERR_OPTION',
    op === 'mv'
      ? `cannot explain mv of ${file}: it needs the new name as well; give it with --to`
      : `cannot explain ${file} with a new name: only the operation mv has one`,
    { details: { op: op ?? null } },
  )
}

function shown(at: BytePath): string {
  return `/${pathText(at)}`
}

/** From the byte paths and indexes of the rules to the text of a record. */
class Telling {
  readonly #layers: readonly ExplainedLayer[]
  readonly #form: LayerForm

  constructor(layers: readonly ExplainedLayer[], form: LayerForm) {
    this.#layers = layers
    this.#form = form
  }

  step(at: Component): ExplainedStep {
    return {
      path: shown(at.path),
      sights: at.sights.map((sight): ExplainedSight => {
        const { hidden, ...rest } = sight
        const file = sight.holds === 'nothing' ? undefined : this.file(sight.layer, at, sight.holds)
        return {
          ...rest,
          ...(hidden === undefined ? {} : { hidden: { ...hidden, path: shown(hidden.path) } }),
          ...(file === undefined ? {} : { file }),
        }
      }),
      is: at.node?.type ?? 'nothing',
      layers: at.layers,
      ...(at.node?.type === 'symlink' ? { linkTarget: pathText(at.node.linkTarget) } : {}),
    }
  }

  /** On the disk; undefined in a layer that is not made yet. */
  file(layer: number, at: Component, holds?: Holding): string | undefined {
    const { directory } = this.#layers[layer]!
    if (directory === undefined) return undefined
    return path.join(directory, pathText(this.#placeOf(at.path, holds === 'whiteout')))
  }

  operation(op: ExplainOp, prediction: Prediction, to: string | undefined): ExplainedOperation {
    const { refusal, changes } = prediction
    return {
      op,
      ...(to === undefined ? {} : { to }),
      ...(refusal === undefined ? {} : { refusal: { ...refusal, path: shown(refusal.path) } }),
      changes: changes.map((change) => this.#change(change)),
    }
  }

  #change(change: UpperChange): ExplainedChange {
    const { path: at, kind } = change
    const upper = this.#layers[0]!.directory ?? '<upper>'
    const isWhiteout = kind === 'whiteout'
    const place = kind === 'move' ? change.to : this.#placeOf(at, isWhiteout)
    const file = path.join(upper, pathText(place))
    const { to, ...rest } = { to: undefined, ...change }
    return {
      ...rest,
      path: shown(at),
      ...(to === undefined ? {} : { to: shown(to) }),
      ...(isWhiteout ? { type: 'whiteout' as const } : {}),
      file,
    }
  }

  /** In the form `none` a removed name is a file of another name. */
  #placeOf(at: BytePath, isWhiteout: boolean): BytePath {
    if (!isWhiteout || this.#form !== 'none') return at
    const slash = at.lastIndexOf('/')
    const dir = (slash < 0 ? '' : at.slice(0, slash)) as BytePath
    return joinPath(dir, whiteoutOf(at.slice(slash + 1) as BytePath))
  }
}
