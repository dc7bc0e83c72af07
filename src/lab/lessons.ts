// All lessons, in the order in which they build on each other.

import { NotFoundError } from '../errors.ts'
import type { Lesson } from './lesson.ts'
import { anatomy } from './lessons/anatomy.ts'
import { chainid } from './lessons/chainid.ts'
import { hardlink } from './lessons/hardlink.ts'
import { merge } from './lessons/merge.ts'
import { mountLine } from './lessons/mount-line.ts'
import { opaque } from './lessons/opaque.ts'
import { rename } from './lessons/rename.ts'
import { rmFreesNothing } from './lessons/rm-frees-nothing.ts'
import { tarSplit } from './lessons/tar-split.ts'
import { whiteout } from './lessons/whiteout.ts'

/** In the order in which they are to be read. */
export const LESSONS: readonly Lesson[] = [
  merge,
  whiteout,
  opaque,
  rename,
  hardlink,
  chainid,
  anatomy,
  mountLine,
  rmFreesNothing,
  tarSplit,
]

/** @throws NotFoundError ERR_FILE_NOT_FOUND naming the lessons that there are */
export function lessonOf(id: string): Lesson {
  const found = LESSONS.find((lesson) => lesson.id === id)
  if (found) return found
  const known = LESSONS.map((lesson) => lesson.id)
  throw new NotFoundError(
    'ERR_FILE_NOT_FOUND',
    `cannot find a lesson called ${JSON.stringify(id)}: there are ${known.join(', ')}`,
    { details: { lesson: id } },
  )
}
