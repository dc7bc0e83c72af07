// Who gets which layer shape right: writes the shapes as images, hands them to each subject and compares what comes
// back with what the image-spec says. Knows verdicts; how a tool is driven, its own file knows.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { containerdSubject } from './containerd-subject.ts'
import { containersStorageSubject } from './containers-storage.ts'
import { dockerSubject } from './docker-subject.ts'
import { shaleSubjects } from './shale-subjects.ts'
import { shapeImage, shapeName } from './shape-image.ts'
import { SHAPES, type Shape } from './shapes.ts'
import type { Outcome, ShapeFiles, Subject, SubjectGroup, SubjectOptions } from './subject.ts'
import { differences } from './tree.ts'
import { commandSubject, umociSubject } from './unpacker-subjects.ts'
import { unmountBelow } from './unmount-below.ts'

/** Tools that `conform` knows how to feed an image to. */
export const KNOWN_TOOLS = ['docker', 'containerd', 'podman', 'umoci', 'skopeo'] as const

export interface ConformOptions {
  /** Names of KNOWN_TOOLS, or command templates; none: shale itself, in every driver and view. */
  readonly tools?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly signal?: AbortSignal
  /** Told before each subject starts. */
  readonly onSubject?: (name: string) => void
}

export interface ConformVerdict {
  readonly subject: string
  /** For an open shape: whether the tool does what shale does. */
  readonly ok: boolean
  /** `refused`, `accepted`, or what is otherwise than it should be; '' where nothing is. */
  readonly saw: string
  /** What the tool said when it refused. */
  readonly message?: string
}

export interface ConformRow {
  readonly number: number
  readonly id: string
  readonly title: string
  readonly merge: string
  readonly rule: string
  readonly decided: boolean
  readonly verdicts: readonly ConformVerdict[]
}

export interface ConformReport {
  readonly subjects: readonly {
    readonly name: string
    readonly version?: string
    /** Of the decided shapes. */
    readonly right: number
    readonly of: number
  }[]
  readonly unavailable: readonly { readonly name: string; readonly reason: string }[]
  readonly shapes: readonly ConformRow[]
  /** Every decided shape right, and for shale the open ones as documented. */
  readonly ok: boolean
}

/** @throws UnsupportedError ERR_HOST_UNSUPPORTED for a tool that cannot be had here; InvalidArgumentError ERR_OPTION; HostError */
export async function conform(options: ConformOptions = {}): Promise<ConformReport> {
  const work = fs.mkdtempSync(path.join(os.tmpdir(), 'shale-conform-'))
  const groups: SubjectGroup[] = []
  try {
    const shapes = SHAPES.map((shape) => writeShape(shape, path.join(work, 'shapes')))
    const subjectOptions: SubjectOptions = {
      work,
      env: options.env ?? process.env,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    }
    const tried: Tried[] = []
    const unavailable: ConformReport['unavailable'][number][] = []
    const tools = options.tools ?? []
    for (const tool of tools.length === 0 ? [undefined] : tools) {
      const group = await open(tool, subjectOptions, shapes[0]!)
      groups.push(group)
      for (const subject of group.subjects) tried.push(await tryAll(subject, shapes, options))
      // A daemon is not kept for the time that the next one needs.
      await groups.pop()!.close()
      unavailable.push(...group.unavailable)
    }
    return { ...reportOf(tried), unavailable }
  } finally {
    for (const group of groups) await group.close()
    unmountBelow(work)
    fs.rmSync(work, { recursive: true, force: true })
  }
}

function open(
  tool: string | undefined,
  options: SubjectOptions,
  probe: ShapeFiles,
): Promise<SubjectGroup> {
  if (tool === undefined) return shaleSubjects(options, probe)
  if (tool === 'docker') return dockerSubject(options)
  if (tool === 'containerd') return containerdSubject(options)
  if (tool === 'podman' || tool === 'skopeo') return containersStorageSubject(tool, options)
  if (tool === 'umoci') return umociSubject(options)
  return commandSubject(tool, options)
}

function writeShape(shape: Shape, directory: string): ShapeFiles {
  const image = shapeImage(shape)
  const name = shapeName(shape)
  const archive = path.join(directory, `${name}.tar`)
  const layout = path.join(directory, name)
  for (const [file, bytes] of image.ociLayout) {
    fs.mkdirSync(path.dirname(path.join(layout, file)), { recursive: true })
    fs.writeFileSync(path.join(layout, file), bytes)
  }
  fs.writeFileSync(archive, image.dockerArchive)
  return { shape, image, archive, layout }
}

interface Tried {
  readonly subject: Subject
  readonly verdicts: ReadonlyMap<Shape, ConformVerdict>
}

async function tryAll(
  subject: Subject,
  shapes: readonly ShapeFiles[],
  { onSubject, signal }: ConformOptions,
): Promise<Tried> {
  onSubject?.(subject.name)
  const verdicts = new Map<Shape, ConformVerdict>()
  const { width = 1 } = subject
  for (let at = 0; at < shapes.length; at += width) {
    signal?.throwIfAborted()
    const some = shapes.slice(at, at + width).map(async (files) => {
      verdicts.set(files.shape, judge(subject.name, files.shape, await subject.run(files)))
    })
    // All of them, also when one fails: what they mounted is unmounted by then.
    for (const each of await Promise.allSettled(some)) {
      if (each.status === 'rejected') throw each.reason
    }
  }
  return { subject, verdicts }
}

function judge(subject: string, { expected }: Shape, outcome: Outcome): ConformVerdict {
  if (outcome.kind === 'refused') {
    const ok = expected === 'error'
    return { subject, ok, saw: 'refused', message: outcome.message }
  }
  if (expected === 'error') return { subject, ok: false, saw: 'accepted' }
  const saw = differences(outcome.tree, expected).join(', ')
  return { subject, ok: saw === '', saw }
}

function reportOf(tried: readonly Tried[]): Omit<ConformReport, 'unavailable'> {
  const decided = SHAPES.filter((shape) => shape.decided)
  return {
    subjects: tried.map(({ subject, verdicts }) => ({
      name: subject.name,
      ...(subject.version === undefined ? {} : { version: subject.version }),
      right: decided.filter((shape) => verdicts.get(shape)!.ok).length,
      of: decided.length,
    })),
    shapes: SHAPES.map((shape) => ({
      number: shape.number,
      id: shape.id,
      title: shape.title,
      merge: shape.merge,
      rule: shape.rule,
      decided: shape.decided,
      verdicts: tried.map((each) => each.verdicts.get(shape)!),
    })),
    ok: tried.every(({ subject, verdicts }) =>
      [...verdicts].every(([shape, { ok }]) => ok || !(shape.decided || subject.isShale)),
    ),
  }
}
