// A merge by its record, looked up, folded back where it is writable, and taken away.
// Knows records and what folding needs; whose merge it is, is the caller's.

import { foldMerge, type Folded } from './fold-merge.ts'
import {
  readRecords,
  requireMerge,
  requireSame,
  unmaterialise,
  writeRecord,
  writtenNs,
  type MergeRecord,
} from './merge-records.ts'

/** @param target real path */
export function findMerge(
  merges: string,
  target: string,
  of: NonNullable<MergeRecord['of']>,
): MergeRecord | undefined {
  return readRecords(merges).find((record) => record.target === target && record.of === of)
}

/**
 * Brings the upper directory up to date; the merge stays. 0 changes where it is not writable, not complete, or gone.
 * @throws ConflictError ERR_DESTINATION_EXISTS where another directory took its place: all would seem removed in that
 */
export async function settleMerge(
  merges: string,
  record: MergeRecord,
  signal?: AbortSignal,
): Promise<Folded> {
  const { target, fold, unfinished } = record
  if (fold === undefined || unfinished || !requireSame(merges, record)) return { changes: 0 }
  return foldMerge(target, fold, {
    writtenNs: writtenNs(merges, target),
    ...(signal === undefined ? {} : { signal }),
  })
}

/** Folds it, empties its directory and forgets it. Nothing is removed where folding fails. */
export async function closeMerge(merges: string, record: MergeRecord): Promise<Folded> {
  // Whatever is in the way of emptying it must be found while it still counts as the user's.
  requireMerge(merges, record)
  const folded = await settleMerge(merges, record)
  const { fold, ...settled } = record
  if (fold !== undefined) writeRecord(merges, settled)
  unmaterialise(merges, settled)
  return folded
}
