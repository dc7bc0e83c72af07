// Programs measured from spawn to exit, and rounds of them.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { runContest, type Contestant } from '../../bench/contest.ts'
import { measureProgram } from '../../bench/measure.ts'
import type { Progress } from '../../bench/report/progress.ts'

const node = (program: string, ...args: string[]) => ({
  file: process.execPath,
  args: ['-e', program, ...args],
})
const silent: Progress = { begin: () => {}, end: () => {}, clear: () => {} }

t.test('a program is measured to its end', async (t) => {
  const dir = t.testdir({ in: 'typed' })
  const stdoutFile = path.join(dir, 'out')
  const program = `
    const held = Buffer.alloc(64 << 20, 1)
    setTimeout(() => process.stdout.write(require('fs').readFileSync(0) + held.length), 150)`
  const sample = await measureProgram({
    ...node(program),
    stdinFile: path.join(dir, 'in'),
    stdoutFile,
  })
  t.ok(sample.seconds >= 0.15, `${sample.seconds} s hold its 150 ms`)
  t.ok(sample.peakRssBytes! > 64 << 20, `${sample.peakRssBytes} bytes hold its 64 MiB`)
  t.equal(fs.readFileSync(stdoutFile, 'utf8'), `typed${64 << 20}`)
})

t.test('a program that fails says why', async (t) => {
  const failing = node('console.error("no such luck"); process.exit(3)')
  await t.rejects(measureProgram(failing), { message: /ended with 3: no such luck/ })
  await t.rejects(measureProgram({ file: '/nonexistent', args: [] }))
})

t.test('what would change a program’s work is taken out of its environment', async (t) => {
  process.env['SHALE_ROOT'] = '/elsewhere'
  t.teardown(() => delete process.env['SHALE_ROOT'])
  const stdoutFile = path.join(t.testdir(), 'out')
  const program = 'process.stdout.write(String(process.env.SHALE_ROOT) + process.env.MINE)'
  await measureProgram({ ...node(program), env: { MINE: 'kept' }, stdoutFile })
  t.equal(fs.readFileSync(stdoutFile, 'utf8'), 'undefinedkept')
})

function recorded(
  name: string,
  log: string[],
  run: (count: number) => number = () => 1,
): Contestant {
  let count = 0
  return {
    name,
    subject: false,
    async prepare() {
      log.push(`+${name}`)
      return {
        async run() {
          log.push(name)
          return { seconds: run(++count) }
        },
        inspect: async () => name.toUpperCase(),
        async dispose() {
          log.push(`-${name}`)
        },
      }
    },
  }
}

t.test('rounds are interleaved, and the warm-up is looked at instead of counted', async (t) => {
  const log: string[] = []
  const judged: unknown[] = []
  const result = await runContest(
    {
      suite: 's',
      title: 't',
      cache: 'warm',
      contestants: [recorded('a', log, (n) => n), recorded('b', log, (n) => 10 * n)],
      judge(found) {
        judged.push([...found])
        return new Map([['a', 'fine']])
      },
    },
    { runs: 2, warmUp: true, progress: silent },
  )
  t.equal(log.join(' '), Array(3).fill('+a a -a +b b -b').join(' '))
  t.same(judged, [
    [
      ['a', 'A'],
      ['b', 'B'],
    ],
  ])
  t.same(
    result.rows.map(({ name, samples, verdict }) => [name, samples.map((s) => s.seconds), verdict]),
    [
      ['a', [2, 3], 'fine'],
      ['b', [20, 30], undefined],
    ],
  )
})

t.test('one that fails is told and left out; the others go on', async (t) => {
  const log: string[] = []
  const failing = recorded('bad', log, (count) => {
    if (count === 2) throw new Error('broke')
    return 1
  })
  const result = await runContest(
    { suite: 's', title: 't', cache: 'warm', contestants: [failing, recorded('good', log)] },
    { runs: 3, warmUp: false, progress: silent },
  )
  t.match(result.rows[0], { failed: 'broke', samples: [{ seconds: 1 }] })
  t.equal(result.rows[0]!.samples.length, 1)
  t.equal(result.rows[1]!.samples.length, 3)
  t.equal(log.filter((line) => line === '-bad').length, 2, 'also taken down when it failed')
})
