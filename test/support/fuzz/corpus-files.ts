// fixtures/fuzz: inputs to begin with, and every input that ever was a finding. TARGET.seeds has one a line, deflated
// and in base64, since tars are mostly zeros; a finding is a file of its own, with its bytes as they are.

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { PROJECT } from '../cli.ts'
import type { FuzzTarget } from './target.ts'

export const FUZZ_FIXTURES: string = path.join(PROJECT, 'fixtures', 'fuzz')
const SEEDS_MAX = 150

const seedsFile = (target: FuzzTarget): string => path.join(FUZZ_FIXTURES, `${target.name}.seeds`)

/** Made by code, and found by earlier runs. */
export function seedsOf(target: FuzzTarget): Buffer[] {
  const file = seedsFile(target)
  const lines = fs.existsSync(file) ? fs.readFileSync(file, 'latin1').split('\n') : []
  const kept = lines
    .filter((line) => line !== '')
    .map((line) => inflateRawSync(Buffer.from(line, 'base64')))
  return [...target.seeds(), ...kept].map((seed) => seed.subarray(0, target.bytesMax))
}

/** Every input that was a finding once. */
export function findingsOf(
  target: FuzzTarget,
): { readonly name: string; readonly input: Buffer }[] {
  return fs
    .readdirSync(FUZZ_FIXTURES)
    .filter((name) => name.startsWith(`${target.name}-`) && /-[0-9a-f]{12}\.bin$/.test(name))
    .filter((name) => name.length === target.name.length + 17)
    .map((name) => ({ name, input: fs.readFileSync(path.join(FUZZ_FIXTURES, name)) }))
}

/** @returns where it was written */
export function keepFinding(target: FuzzTarget, input: Buffer): string {
  const hash = createHash('sha256').update(input).digest('hex').slice(0, 12)
  const file = path.join(FUZZ_FIXTURES, `${target.name}-${hash}.bin`)
  fs.writeFileSync(file, input)
  return file
}

/** Adds what a run found to the seeds: the shortest, as many as are of use to begin with. */
export function keepSeeds(target: FuzzTarget, found: readonly Buffer[]): number {
  const made = new Set([...target.seeds()].map((seed) => seed.toString('latin1')))
  const kept = new Map(
    [...seedsOf(target), ...found].map((each) => [each.toString('latin1'), each]),
  )
  const lines = [...kept]
    .filter(([text]) => !made.has(text))
    .map(([, bytes]) => deflateRawSync(bytes, { level: 9 }).toString('base64'))
    .sort((a, b) => a.length - b.length)
    .slice(0, SEEDS_MAX)
  if (lines.length > 0) fs.writeFileSync(seedsFile(target), `${lines.join('\n')}\n`)
  return lines.length
}
