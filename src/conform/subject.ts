// The contract between the shapes and whoever is tried on them: a subject is handed one shape's image at a time and
// says what it made of it. Starting, asking and stopping a tool is each subject's own business.

import { UnsupportedError } from '../errors.ts'
import type { Shape, Tree } from './shapes.ts'
import type { ShapeImage } from './shape-image.ts'

/** A shape's image on disk. */
export interface ShapeFiles {
  readonly shape: Shape
  readonly image: ShapeImage
  /** A docker-archive. */
  readonly archive: string
  /** An OCI layout directory. */
  readonly layout: string
}

export type Outcome =
  | { readonly kind: 'tree'; readonly tree: Tree }
  /** The tool said no, in its own words. */
  | { readonly kind: 'refused'; readonly message: string }

export interface Subject {
  readonly name: string
  /** As the tool tells it. */
  readonly version?: string
  /** shale answers for the open shapes as well: what it does with them is documented. */
  readonly isShale: boolean
  /** How many shapes may be tried at once: where each waits for a process of its own. Default 1. */
  readonly width?: number
  run(files: ShapeFiles): Promise<Outcome>
}

/** Subjects that live together: the views of one store, or one daemon. */
export interface SubjectGroup {
  readonly subjects: readonly Subject[]
  /** Subjects that this host does not allow, and why. */
  readonly unavailable: readonly { readonly name: string; readonly reason: string }[]
  close(): Promise<void>
}

export interface SubjectOptions {
  /** An existing directory for whatever the subject needs; removed by the caller afterwards. */
  readonly work: string
  readonly env: NodeJS.ProcessEnv
  readonly signal?: AbortSignal
}

export function refusal(stderr: string): Outcome {
  const lines = stderr.trim().split('\n')
  return { kind: 'refused', message: lines.at(-1)!.slice(0, 500) }
}

export function unavailable(tool: string, reason: string): UnsupportedError {
  return new UnsupportedError('ERR_HOST_UNSUPPORTED', `cannot try ${tool}: ${reason}`, {
    details: { tool, reason },
  })
}
