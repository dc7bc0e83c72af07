// Local times held against GNU date, which reads the same files: zones with and without letters, with half hours, with
// summers in the south and below standard time; and Go's rules for what is no zone.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { localTimeAt, zoneFor } from '../../../cli/format/local-zone.ts'
import { goLocalTime } from '../../../cli/format/units.ts'
import { timeByRule } from '../../../cli/format/zone-rule.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

const FOLDER = '/usr/share/zoneinfo'
const ZONES =
  `Africa/Accra Africa/Cairo Africa/Casablanca America/New_York America/Nuuk America/Sao_Paulo America/St_Johns
Antarctica/Troll Asia/Gaza Asia/Kathmandu Asia/Kolkata Asia/Shanghai Asia/Tokyo Australia/Lord_Howe Australia/Sydney
Europe/Berlin Europe/Dublin Europe/London Europe/Moscow Pacific/Apia Pacific/Chatham Etc/GMT+7 UTC`.split(
    /\s+/,
  )

const RULES = [
  ...['AAA5', 'AAA-5:30', '<+0330>-3:30<+0430>,J79/24,J263/24', 'AAA3BBB1,59,300/1:30'],
  ...['AAA-9BBB,J60/0,J59', 'AAA-10BBB,M10.1.0,M4.1.0/3', 'IST-1GMT0,M10.5.0,M3.5.0/1'],
  ...['<-02>2<-01>,M3.5.0/-1,M10.5.0/0', 'EET-2EEST,M3.4.4/50,M10.4.4/50', 'AAA4BBB,0/0,J365/25'],
]

const isGNU = /GNU coreutils/.test(spawnSync('date', ['--version'], { encoding: 'utf8' }).stdout)

/** Zero is +0000 to Go; date says -0000 where the zone is named -00, for a time without a zone. */
function dates(tz: string, times: readonly number[]): string[] {
  const input = times.map((time) => `@${time}\n`).join('')
  const args = ['-f', '-', '+%Y-%m-%d %H:%M:%S %z %Z']
  const env = { ...process.env, TZ: tz, LC_ALL: 'C' }
  const { stdout } = spawnSync('date', args, { input, env, encoding: 'utf8' })
  return stdout.replaceAll(' -0000 ', ' +0000 ').trim().split('\n')
}

function inZone<Result>(tz: string | undefined, run: () => Result): Result {
  const before = process.env['TZ']
  const set = (value: string | undefined): void => {
    if (value === undefined) delete process.env['TZ']
    else process.env['TZ'] = value
  }
  set(tz)
  try {
    return run()
  } finally {
    set(before)
  }
}

const second = (year: number): number => Date.UTC(year, 0, 1) / 1000

/** Moments of these years, and both sides of the changes that lie between two of them. */
function moments(from: number, to: number, nameAt: (seconds: number) => string): number[] {
  const some = fc.sample(fc.integer({ min: second(from), max: second(to) }), 300)
  const sorted = some.sort((a, b) => a - b)
  const edges = sorted.slice(1).flatMap((high, index) => {
    let [low, up] = [sorted[index]!, high]
    if (nameAt(low) === nameAt(up)) return []
    while (up - low > 1) {
      const middle = Math.floor((low + up) / 2)
      if (nameAt(middle) === nameAt(low)) low = middle
      else up = middle
    }
    return [low, up]
  })
  return [...sorted, ...edges]
}

for (const zone of ZONES) {
  const skip = isGNU && fs.existsSync(path.join(FOLDER, zone)) ? false : 'no GNU date or no tzdata'
  t.test(`${zone}, as GNU date has it`, { skip }, async (t) => {
    const { times, ours } = inZone(zone, () => {
      const times = [
        ...moments(1850, 2037, (seconds) => localTimeAt(seconds).name),
        ...moments(2037, 2150, (seconds) => localTimeAt(seconds).name),
      ]
      return { times, ours: times.map(goLocalTime) }
    })
    t.strictSame(ours, dates(zone, times))
  })
}

t.test('rules, as GNU date has them', { skip: isGNU ? false : 'no GNU date' }, async (t) => {
  for (const rule of RULES) {
    const times = moments(1999, 2030, (seconds) => timeByRule(rule, seconds)!.name)
    const names = dates(rule, times).map((line) => line.split(' ')[3])
    t.strictSame(
      times.map((seconds) => timeByRule(rule, seconds)!.name),
      names,
      rule,
    )
  }
  t.equal(timeByRule('AAA5BBB', Date.UTC(2024, 2, 10, 7) / 1000)?.name, 'BBB', 'as in the USA')
  t.equal(timeByRule('AAA5BBB', Date.UTC(2024, 10, 3, 6) / 1000)?.name, 'AAA', 'as in the USA')
  for (const none of ['', 'AAA', 'A5', 'AAA5BBB,M3.2', 'AAA5BBB,M3.2.0', 'AAA5BBB,X,Y']) {
    t.equal(timeByRule(none, 0), undefined, none)
  }
})

t.test('what is no zone is UTC', async (t) => {
  const directory = temporaryDirectory(t)
  const broken = path.join(directory, 'broken')
  fs.writeFileSync(broken, 'TZif2')
  const names = ['', ':', 'UTC', 'No/Where', `:${broken}`, broken, directory, 'CET-1CEST']
  for (const name of names) {
    t.strictSame(zoneFor(name, [directory])(1_700_000_000), { offsetSeconds: 0, name: 'UTC' }, name)
  }
})

t.test('a file of version 1, by its path; and cut anywhere', async (t) => {
  const header = Buffer.alloc(44)
  header.write('TZif')
  for (const [index, count] of [0, 0, 0, 1, 2, 8].entries())
    header.writeUInt32BE(count, 20 + 4 * index)
  const body = Buffer.from('0000000a01' + '00000e100000' + '00001c200104', 'hex')
  const bytes = Buffer.concat([header, body, Buffer.from('AAA\0BBB\0')])
  const file = path.join(temporaryDirectory(t), 'zone')
  fs.writeFileSync(file, bytes)
  const zone = zoneFor(`:${file}`)
  t.strictSame(zone(9), { offsetSeconds: 3600, name: 'AAA' })
  t.strictSame(zone(10), { offsetSeconds: 7200, name: 'BBB' })
  for (let length = 0; length < bytes.length; length++) {
    fs.writeFileSync(file, bytes.subarray(0, length))
    t.equal(zoneFor(file)(0).name, 'UTC', `${length} bytes`)
  }
})

t.test('without any tzdata, what Intl knows', async (t) => {
  const when = Date.UTC(2024, 6, 1) / 1000
  const found = inZone('America/New_York', () => zoneFor('America/New_York', [])(when))
  t.strictSame(found, { offsetSeconds: -4 * 3600, name: 'EDT' })
  t.strictSame(
    inZone('Asia/Tokyo', () => zoneFor('Asia/Tokyo', ['/nowhere'])(when)),
    { offsetSeconds: 9 * 3600, name: '' },
  )
})
