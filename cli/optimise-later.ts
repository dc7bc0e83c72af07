// What V8 is told before a verb that unpacks or packs: its own setting is for programs that live longer.
// Of the process, so a matter of the command line and never of the library.

import v8 from 'node:v8'

/** That of Node 20. Later ones count otherwise, have no such flag, and print to stderr that they do not know it. */
const TRIED = 11
/** Bytecodes that a function runs before V8 asks whether to optimise it. Its default is 66 KiB, or 132. */
const BUDGET = 1_000_000

/**
 * Optimise what is really hot, later. In a second of work, each thread has some forty functions optimised that then save
 * less than their compilation took: a load of 776 MB takes 4 (gzip) to 8 % (plain) less processor time so.
 */
export function optimiseLater(): void {
  if (Number.parseInt(process.versions.v8, 10) === TRIED)
    v8.setFlagsFromString(`--interrupt-budget=${BUDGET}`)
}
