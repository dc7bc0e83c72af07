// manifest.json of a docker archive, and the marker file of an OCI layout: what says where in an archive things are.
// Knows these documents; whether the members that they name are there is asked by those who have the archive.

import { isDigest } from '../digest/digest.ts'
import type { DiffID, ImageID } from '../digest/digest.ts'
import { ArchiveError, InvalidArgumentError, UnsafePathError, UnsupportedError } from '../errors.ts'
import { cleanPath, pathFromText } from '../path/byte-path.ts'
import type { BytePath } from '../path/byte-path.ts'
import { parseReference } from '../reference/reference.ts'
import type { Reference } from '../reference/reference.ts'
import { isArray, JsonFields, parseJSON } from './json.ts'
import type { JSONLimits } from './json.ts'
import { readDescriptor } from './manifest.ts'
import type { Descriptor } from './manifest.ts'

export interface ArchiveItem {
  /** Members of the archive, cleaned, never leaving it. */
  readonly config: BytePath
  /** Base first. */
  readonly layers: readonly BytePath[]
  /** Each with a tag. */
  readonly repoTags: readonly Reference[]
  /** Of another item of the same archive. */
  readonly parent?: ImageID
  /** What a layer was when it came from a registry. */
  readonly layerSources: ReadonlyMap<DiffID, Descriptor>
}

/** @throws ArchiveError ERR_MANIFEST; UnsafePathError ERR_PATH_ESCAPE for a member outside of the archive */
export function parseArchiveManifest(
  bytes: Uint8Array,
  label = 'manifest.json',
  limits?: JSONLimits,
): readonly ArchiveItem[] {
  const document = parseJSON(bytes, label, 'ERR_MANIFEST', limits)
  if (!isArray(document)) {
    throw new ArchiveError('ERR_MANIFEST', `cannot read ${label}: expected an array of images`)
  }
  return document.map((value, index) =>
    readItem(new JsonFields(value, label, 'ERR_MANIFEST', `[${index}]`)),
  )
}

const ITEM_KEYS = ['Config', 'RepoTags', 'Layers', 'Parent', 'LayerSources']

function readItem(fields: JsonFields): ArchiveItem {
  fields.refuseFoldedKeys(ITEM_KEYS)
  const config = fields.string('Config')
  if (config === undefined) throw fields.wrong('Config', 'it is missing')
  const parent = fields.string('Parent')
  if (parent !== undefined && parent !== '' && !isDigest(parent)) {
    throw fields.wrong('Parent', `${JSON.stringify(parent.slice(0, 100))} is no image ID`)
  }
  return {
    config: member(fields, 'Config', config),
    layers: (fields.strings('Layers') ?? []).map((name, index) =>
      member(fields, `Layers[${index}]`, name),
    ),
    repoTags: (fields.strings('RepoTags') ?? []).map((text, index) =>
      repoTag(fields, `RepoTags[${index}]`, text),
    ),
    ...(parent ? { parent: parent as ImageID } : {}),
    layerSources: readLayerSources(fields.fields('LayerSources')),
  }
}

function member(fields: JsonFields, field: string, name: string): BytePath {
  const { path, escapes } = cleanPath(pathFromText(name))
  if (escapes || name.startsWith('/') || path === '') {
    throw new UnsafePathError(
      'ERR_PATH_ESCAPE',
      `cannot read ${fields.label}: ${fields.path(field)}: ${JSON.stringify(name.slice(0, 300))} is not inside the archive`,
      { details: { field: fields.path(field), entry: name.slice(0, 300) } },
    )
  }
  return path
}

function repoTag(fields: JsonFields, field: string, text: string): Reference {
  try {
    const reference = parseReference(text)
    if (reference.tag !== undefined && reference.digest === undefined) return reference
  } catch (cause) {
    if (!(cause instanceof InvalidArgumentError)) throw cause
    throw new ArchiveError(
      'ERR_MANIFEST',
      `cannot read ${fields.label}: ${fields.path(field)}: ${cause.message}`,
      { cause, details: { field: fields.path(field) } },
    )
  }
  throw fields.wrong(field, `invalid tag ${JSON.stringify(text.slice(0, 300))}: expected name:tag`)
}

function readLayerSources(fields: JsonFields | undefined): ReadonlyMap<DiffID, Descriptor> {
  const sources = new Map<DiffID, Descriptor>()
  if (fields === undefined) return sources
  for (const diffID of Object.keys(fields.object)) {
    if (!isDigest(diffID)) throw fields.wrong(diffID.slice(0, 100), 'it is no diffID')
    const source = fields.fields(diffID)
    if (source === undefined) throw fields.wrong(diffID, 'it is missing')
    sources.set(diffID as DiffID, readDescriptor(source))
  }
  return sources
}

export const OCI_LAYOUT_FILE = 'oci-layout'
/** As docker v25 writes it: with that space, no newline. */
export const OCI_LAYOUT_TEXT = '{"imageLayoutVersion": "1.0.0"}'

/** @throws ArchiveError ERR_MANIFEST; UnsupportedError ERR_FORMAT_NEWER for a layout after version 1 */
export function checkOCILayout(
  bytes: Uint8Array,
  label: string = OCI_LAYOUT_FILE,
  limits?: JSONLimits,
): void {
  const document = parseJSON(bytes, label, 'ERR_MANIFEST', limits)
  const fields = new JsonFields(document, label, 'ERR_MANIFEST')
  const version = fields.string('imageLayoutVersion')
  if (version === undefined) throw fields.wrong('imageLayoutVersion', 'it is missing')
  const major = Number(/^(\d+)\.\d+\.\d+/.exec(version)?.[1])
  if (Number.isNaN(major)) {
    throw fields.wrong(
      'imageLayoutVersion',
      `${JSON.stringify(version.slice(0, 100))} is no version`,
    )
  }
  if (major > 1) {
    throw new UnsupportedError(
      'ERR_FORMAT_NEWER',
      `cannot read ${label}: its layout version is ${version.slice(0, 100)}, and this shale knows 1.0.0`,
      { details: { imageLayoutVersion: version } },
    )
  }
}
