// `npm run fuzz -- [TARGET...] [--seconds N] [--seed S] [--keep]`: lets the fuzzer loose, writes what it finds to
// fixtures/fuzz, where the tests run it from then on, and ends with 1 if there was something.

import { Command } from 'commander'
import { findingsOf, keepFinding, keepSeeds, seedsOf } from './corpus-files.ts'
import { TARGETS, targetNamed } from './targets.ts'
import { watchRun } from './watch.ts'

interface Options {
  readonly seconds: string
  readonly seed: string
  readonly keep?: true
}

async function main(names: readonly string[], options: Options): Promise<boolean> {
  const targets = names.length === 0 ? TARGETS : names.map(targetNamed)
  const seconds = number(options.seconds, 'seconds') / targets.length
  const seed = number(options.seed, 'seed')
  let found = 0
  for (const target of targets) {
    const inputs = [...seedsOf(target), ...findingsOf(target).map(({ input }) => input)]
    const run = await watchRun({ target: target.name, seed, seconds, inputs })
    console.log(
      `${target.name}: ${run.runs} inputs in ${seconds.toFixed(1)} s from seed ${seed}, ${run.found.length} reached something new, ${run.findings.length} findings`,
    )
    for (const { input, why } of run.findings) {
      found++
      const file = keepFinding(target, input)
      console.log(`\n${file} (${input.length} bytes)\n${why.slice(0, 2000)}\n`)
    }
    if (options.keep) console.log(`  ${keepSeeds(target, run.found)} seeds kept`)
  }
  return found === 0
}

function number(text: string, what: string): number {
  const value = Number(text)
  if (Number.isFinite(value) && value >= 0) return value
  throw new Error(`--${what} wants a number and got ${JSON.stringify(text)}`)
}

const program = new Command('fuzz')
  .description('Feeds changed inputs to shale, guided by the code that they reach.')
  .argument('[target...]', `some of ${TARGETS.map(({ name }) => name).join(', ')}; default: all`)
  .option('--seconds <n>', 'in all, shared by the targets', '60')
  .option('--seed <n>', 'of the chance by which inputs are changed', String(Date.now() % 1_000_000))
  .option('--keep', 'add the inputs that reached something new to fixtures/fuzz')
  .action(async (names: readonly string[], options: Options) => {
    process.exitCode = (await main(names, options)) ? 0 : 1
  })

await program.parseAsync()
