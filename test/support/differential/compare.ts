// Holds shale's reading of tars against that of others. Where shale takes a tar, another reader must list the same
// members or refuse it; where one does not, lint must have something to say of that tar.

import { lintTar, listByShale, type Listing, type Member } from './members.ts'
import { listByGnuTar, listByPython, type ReaderName } from './readers.ts'

export interface Disagreement {
  readonly tar: Buffer
  readonly reader: ReaderName
  readonly theirs: Listing
  readonly ours: Listing
  /** What lint says of it. */
  readonly lint: readonly string[]
}

export interface Comparison {
  readonly taken: number
  readonly refused: number
  /** That another reader took, and listed alike. */
  readonly agreed: number
  readonly disagreements: readonly Disagreement[]
}

export interface CompareOptions {
  readonly python: boolean
  /** Of so many tars one is shown to GNU tar, which wants a process for each; 0: none. */
  readonly gnuTarEvery: number
  readonly work: string
}

/** GNU tar fills its column of times with spaces, in front of the name. */
function sameButForSpaces(a: Member, b: Member): boolean {
  const plain = (text: Member): string => text.replace(/^(\w+) +/, '$1 ')
  return a === b || plain(a) === plain(b)
}

export async function compareReaders(
  tars: readonly Buffer[],
  { python, gnuTarEvery, work }: CompareOptions,
): Promise<Comparison> {
  const ours = tars.map(listByShale)
  // What shale refuses it cannot take for something else.
  const taken = tars.flatMap((tar, i) => (ours[i] === undefined ? [] : [{ tar, ours: ours[i] }]))
  const asking = python ? listByPython(taken.map(({ tar }) => tar)) : undefined
  const sample = gnuTarEvery === 0 ? [] : taken.filter((_, i) => i % gnuTarEvery === 0)
  const byGnuTar = listByGnuTar(
    sample.map(({ tar }) => tar),
    work,
  )
  const disagreements: Disagreement[] = []
  let agreed = 0
  const hold = (one: (typeof taken)[number], reader: ReaderName, theirs: Listing): void => {
    if (theirs === undefined) return
    const same = reader === 'gnutar' ? sameButForSpaces : (a: Member, b: Member) => a === b
    if (theirs.length === one.ours.length && theirs.every((each, i) => same(each, one.ours[i]!))) {
      agreed++
    } else {
      disagreements.push({ ...one, reader, theirs, lint: lintTar(one.tar) })
    }
  }
  for (const [i, answers] of ((await asking) ?? []).entries()) {
    for (const [reader, theirs] of Object.entries(answers)) {
      hold(taken[i]!, reader as ReaderName, theirs)
    }
  }
  for (const [i, one] of sample.entries()) hold(one, 'gnutar', byGnuTar[i])
  return { taken: taken.length, refused: tars.length - taken.length, agreed, disagreements }
}
