// What V8 is told before a verb that unpacks or packs: its own setting is for programs that live longer.
// Of the process, so a matter of the command line and never of the library.

import v8 from 'node:v8'

/** Their names for flags change; these are the versions (Node 20 to 24) that have been tried. */
const TRIED = [11, 13] as const
/** Bytecodes that a function runs before V8 asks whether to optimise it. Its default is 66 KiB, or 132. */
const BUDGET = 1_000_000

/**
 * Optimise what is really hot, later. In a second of work, each thread has some forty functions optimised that then save
 * less than their compilation took: a load of 776 MB takes 4 (gzip) to 8 % (plain) less processor time so.
 */
export function optimiseLater(): void {
  const major = Number.parseInt(process.versions.v8, 10)
  if (major >= TRIED[0] && major <= TRIED[1]) v8.setFlagsFromString(`--interrupt-budget=${BUDGET}`)
}
