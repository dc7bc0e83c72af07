// Every test file, in a process of its own and two at a time: what `npm test` runs; or those that are named as arguments.
// Not by tap's own runner, though tap reads what they say: it puts a loader into each process and each thread, to follow
// which files a test covers, and that takes longer than most tests do.

import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { withoutLoader } from './support/cli.ts'

const HERE = path.dirname(fileURLToPath(import.meta.url))
const JOBS = 2
/** Of one file, in seconds; a test that needs longer says so itself. */
const SECONDS_MAX = Number(process.env['SHALE_TEST_SECONDS'] ?? 300)
/** What tests are made of. */
const NO_TESTS = new Set(['fixtures', 'suite', 'support'])

function testFiles(dir: string): string[] {
  return fs
    .readdirSync(dir, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const place = path.join(dir, entry.name)
      if (entry.isDirectory()) return NO_TESTS.has(entry.name) ? [] : testFiles(place)
      return place.endsWith('.js') && place !== fileURLToPath(import.meta.url) ? [place] : []
    })
}

const named = process.argv.slice(2).map((file) => path.resolve(file))
const files = named.length > 0 ? named : testFiles(HERE)
t.setTimeout(0)
t.jobs = JOBS
for (const file of files) {
  const name = path.relative(process.cwd(), file)
  const command = withoutLoader([process.execPath, '--enable-source-maps', file])
  void t.spawn(...command, {
    name,
    buffered: true,
    timeout: SECONDS_MAX * 1000,
    env: { ...process.env, TAP_TIMEOUT: String(SECONDS_MAX) },
  })
}
