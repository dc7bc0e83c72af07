// Runs a lesson: its steps one after another on a ground of its own, each with what happened beside what was expected.
// Prints nothing.

import path from 'node:path'
import { explainDirectories } from '../explain/explain.ts'
import { explanationPicture } from '../explain/picture.ts'
import { LANGUAGES } from '../explain/sentences.ts'
import { Ground, type GroundKind, type GroundOptions } from './ground.ts'
import type { Bilingual, Lesson, Output, Step } from './lesson.ts'

export interface StepResult {
  /** 1 for the first. */
  readonly number: number
  readonly step: Step
  /** As it was typed: the mount is another one where the kernel's is not to be had. */
  readonly command: string
  /** Without the last newline; the lesson's directory as `~`. */
  readonly output: string
  readonly exitCode: number
  readonly asExpected: boolean
  /** Of the name that the step is about, before it ran; only where pictures are asked for. */
  readonly picture?: Bilingual
}

export interface RunLessonOptions extends GroundOptions {
  readonly pictures?: boolean
  /** Of lessons on the union: before the first step. */
  readonly onStart?: (ground: {
    readonly kind: GroundKind
    readonly reason: string | undefined
  }) => void | Promise<void>
  /** Before each step, so that a reader can be waited for. */
  readonly onStep?: (step: Step, number: number, command: string) => void | Promise<void>
}

/** @throws signal.reason; HostError where there is no shell */
export async function* runLesson(
  lesson: Lesson,
  options: RunLessonOptions,
): AsyncGenerator<StepResult, void, undefined> {
  // A lesson on a store mounts nothing: a plain shell is all that it needs.
  await using ground = await Ground.open(lesson.union ? options : { ...options, kind: 'union' })
  if (lesson.union) await options.onStart?.({ kind: ground.kind, reason: ground.reason })
  for (const [index, step] of lesson.steps.entries()) {
    options.signal?.throwIfAborted()
    const command = ground.commandFor(step.run)
    await options.onStep?.(step, index + 1, command)
    const picture = options.pictures ? pictureOf(step, ground.directory) : undefined
    const { output, code } = await ground.run(command)
    const text = output.replaceAll(ground.directory, '~').replace(/\n$/, '')
    yield {
      number: index + 1,
      step,
      command,
      output: text,
      exitCode: code,
      asExpected: code === (step.exitCode ?? 0) && isExpected(text, expectedOutput(step, ground)),
      ...(picture === undefined ? {} : { picture }),
    }
  }
}

function expectedOutput({ output }: Step, { marks }: Ground): Output {
  if (typeof output === 'string' || output instanceof RegExp) return output
  return output[marks]
}

function isExpected(text: string, expected: Output): boolean {
  return typeof expected === 'string' ? text === expected : expected.test(text)
}

function pictureOf({ picture }: Step, directory: string): Bilingual | undefined {
  if (picture === undefined) return undefined
  const at = (name: string): string => path.join(directory, name)
  const { path: file, ...asked } = picture
  const explanation = explainDirectories(
    { lowers: [at('L1'), at('L2')], upper: at('U') },
    file,
    asked,
  )
  const [en, zh] = LANGUAGES.map((language) => explanationPicture(explanation, { language }))
  return { en: en!, zh: zh! }
}
