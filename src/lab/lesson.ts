// What a lesson is: steps, each a command that can be typed anywhere, what is expected of it and why. Texts are in two
// languages, and data: nothing is run here.
// The commands are sh(1)'s, in an empty directory of the lesson's own, and nothing but they prepare it: whoever types them
// elsewhere gets the same. Where it says `union: true` the first makes L1, L2 (lower), U (upper), W (work), M (merged).

import type { ExplainOp } from '../explain/predict.ts'
import type { Language } from '../explain/sentences.ts'

export type Bilingual = Readonly<Record<Language, string>>

/** How the upper layer of this run says "removed": a device 0:0, an empty file with an attribute, a file `.wh.NAME`. */
export type Marks = 'device' | 'attribute' | 'name'

/** The whole output without the last newline, or a pattern in it. */
export type Output = string | RegExp

export interface Step {
  readonly say: Bilingual
  readonly run: string
  /** What the reader is told to expect. */
  readonly expect: Bilingual
  readonly output: Output | Readonly<Record<Marks, Output>>
  /** Default 0. */
  readonly exitCode?: number
  /** Where the merge is shale's own and not the kernel's: how the kernel would do it otherwise. */
  readonly kernel?: Bilingual
  /** How a name looks before this step, drawn for the page; `/path` in M. */
  readonly picture?: { readonly path: string; readonly op?: ExplainOp; readonly to?: string }
}

export interface Lesson {
  readonly id: string
  readonly title: Bilingual
  readonly intro: Bilingual
  /** Works on L1, L2, U, W and M. */
  readonly union: boolean
  readonly steps: readonly Step[]
}

/** The steps that many lessons start with. */
export const DIRECTORIES: Step = {
  say: {
    en: 'Five empty directories, in a place where nothing else is.',
    zh: '找个空地方，建五个空目录。',
  },
  run: 'mkdir L1 L2 U W M',
  expect: { en: 'no output', zh: '没有输出' },
  output: '',
}

export const MOUNT: Step = {
  say: {
    en: 'Mount the union on M: L1 above L2 for reading, U for what changes, W for work in progress.',
    zh: '把它们合并挂载到 M：L1 在 L2 之上，都只读；改动写进 U，W 供内部周转。',
  },
  run: 'mount -t overlay overlay -o lowerdir=L1:L2,upperdir=U,workdir=W M',
  expect: { en: 'no output: it is mounted', zh: '没有输出：挂载成功' },
  output: '',
}
