// A merge by its record, looked up, folded back where it is writable, and taken away.
// Knows records and what folding needs; whose merge it is, is the caller's.

import { foldMerge, type Folded } from './fold-merge.ts'
import { readRecords, unmaterialise, writtenNs, type MergeRecord } from './merge-records.ts'

/** @param target real path */
export function findMerge(
  merges: string,
  target: string,
  of: NonNullable<MergeRecord['of']>,
): MergeRecord | undefined {
  return readRecords(merges).find((record) => record.target === target && record.of === of)
}

/** Brings the upper directory up to date; the merge stays. 0 changes where it is not writable. */
export async function settleMerge(
  merges: string,
  record: MergeRecord,
  signal?: AbortSignal,
): Promise<Folded> {
  const { target, fold } = record
  if (fold === undefined) return { changes: 0 }
  return foldMerge(target, fold, {
    writtenNs: writtenNs(merges, target),
    ...(signal === undefined ? {} : { signal }),
  })
}

/** Folds it, empties its directory and forgets it. Nothing is removed where folding fails. */
export async function closeMerge(merges: string, record: MergeRecord): Promise<Folded> {
  const folded = await settleMerge(merges, record)
  unmaterialise(merges, record)
  return folded
}
