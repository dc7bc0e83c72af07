// What the fuzzer can be let loose on, and what counts as a finding.

import { LayerStoreError } from '../../../src/errors.ts'
import type { Random } from './random.ts'

export interface FuzzTarget {
  readonly name: string
  /** Inputs to begin with, made by code; those found by fuzzing are in fixtures/fuzz. */
  seeds(): Iterable<Buffer>
  readonly words: readonly (string | Buffer)[]
  /** A change that only this format knows. */
  edit?(input: Buffer, random: Random): Buffer
  /** After all changes: what would only make the input be refused at the door is set right. */
  mend?(input: Buffer, random: Random): Buffer
  readonly bytesMax: number
  /** Anything but a LayerStoreError that is thrown is a finding. */
  run(input: Buffer): void | Promise<void>
  /** Takes away what `run` needs. */
  close?(): Promise<void>
}

/** What a target throws when an answer contradicts itself. */
export class Contradiction extends Error {
  override name = 'Contradiction'
}

/** The code of the refusal, or undefined for an input that was taken. @throws what is no refusal */
export function refusal(run: () => void): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    return refusalOf(error)
  }
}

export function refusalOf(error: unknown): string {
  if (!(error instanceof LayerStoreError)) throw error
  // The host and its files are no part of any input: such an error says that shale misused them.
  if (error.code === 'ERR_HOST' || error.code === 'ERR_PERMISSION') throw error
  return error.code
}
