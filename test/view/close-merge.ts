// A writable merge is folded back only where what is missing in it was removed by its user: not where it was never
// written, is half taken away, or is another directory by now.

import fs from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { readRecords, writeRecord, type MergeRecord } from '../../src/view/merge-records.ts'
import { parseOverlayOptions } from '../../src/view/overlay/overlay-options.ts'
import { showOverlay } from '../../src/view/overlay/show-overlay.ts'
import { unmountOverlay } from '../../src/view/overlay/unmount-overlay.ts'
import { refuseFold } from '../../src/view/fold-merge.ts'
import type { Shown, ViewChoice } from '../../src/view/show.ts'
import { formsHere, overlaySkip } from '../support/layer-directory.ts'
import { isRoot } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

interface Bench {
  readonly at: (name: string) => string
  readonly record: () => MergeRecord
  readonly away: () => Promise<unknown>
}

const skip = ((): string | false => {
  try {
    refuseFold('.', formsHere()[0] === 'none' ? 'none' : isRoot ? 'trusted' : 'plain')
    return false
  } catch (error) {
    return (error as Error).message
  }
})()

/** `low` has a, b, d/c; shown, and `made` is made in it. */
async function written(t: Test): Promise<Bench> {
  const home = fs.realpathSync(temporaryDirectory(t))
  const at = (name: string): string => path.join(home, name)
  for (const name of ['low', 'low/d', 'up', 'work', 'shown']) fs.mkdirSync(at(name))
  for (const name of ['a', 'b', 'd/c']) fs.writeFileSync(at(`low/${name}`), name)
  const text = `lowerdir=${at('low')},upperdir=${at('up')},workdir=${at('work')}`
  const merges = at('records')
  const options = parseOverlayOptions(text)
  await showOverlay({ options, target: at('shown'), view: 'merge', merges })
  fs.writeFileSync(at('shown/made'), 'made')
  return {
    at,
    record: () => readRecords(merges)[0]!,
    away: () => unmountOverlay(merges, at('shown')),
  }
}

t.test('complete: what is missing was removed', { skip }, async (t) => {
  const { at, record, away } = await written(t)
  t.notOk('unfinished' in record())
  fs.rmSync(at('shown/a'))
  await away()
  t.same(fs.readdirSync(at('up')).sort(), ['a', 'made'])
})

t.test('its maker was killed: what is missing was never there', { skip }, async (t) => {
  const { at, record, away } = await written(t)
  writeRecord(at('records'), { ...record(), unfinished: true })
  fs.rmSync(at('shown/a'))
  fs.rmSync(at('shown/d'), { recursive: true })
  await away()
  t.same(fs.readdirSync(at('up')), [])
  t.same(fs.readdirSync(at('shown')), [])
  t.same(readRecords(at('records')), [])
})

t.test(
  'whoever took it away was killed: what is missing is folded already',
  { skip },
  async (t) => {
    const { at, record, away } = await written(t)
    const { fold: _, ...settled } = record()
    writeRecord(at('records'), settled)
    fs.rmSync(at('shown/a'))
    await away()
    t.same(fs.readdirSync(at('up')), [])
    t.same(fs.readdirSync(at('shown')), [])
  },
)

t.test('another directory took its place: nothing was removed', { skip }, async (t) => {
  const { at, away } = await written(t)
  fs.renameSync(at('shown'), at('elsewhere'))
  fs.mkdirSync(at('shown'))
  await t.rejects(away(), { code: 'ERR_DESTINATION_EXISTS' })
  t.same(fs.readdirSync(at('up')), [])
  fs.rmdirSync(at('shown'))
  fs.renameSync(at('elsewhere'), at('shown'))
  await away()
  t.same(fs.readdirSync(at('up')), ['made'])
})

t.test('one upper directory is one merge’s at a time', { skip }, async (t) => {
  const { at, away } = await written(t)
  fs.mkdirSync(at('second'))
  const text = `lowerdir=${at('low')},upperdir=${at('up')},workdir=${at('work')}`
  const show = (view: ViewChoice): Promise<Shown> =>
    showOverlay({
      options: parseOverlayOptions(text),
      target: at('second'),
      view,
      merges: at('records'),
    })
  for (const view of ['auto', 'kernel', 'fuse', 'merge'] as const) {
    await t.rejects(show(view), {
      code: 'ERR_MOUNT_EXISTS',
      message: `cannot take ${at('up')} for upperdir: its union is written out in ${at('shown')}`,
    })
  }
  await away()
  await show('merge')
  t.same(fs.readdirSync(at('second')).sort(), ['a', 'b', 'd', 'made'])
  await unmountOverlay(at('records'), at('second'))
  if (await overlaySkip()) return
  await show('kernel')
  const options = parseOverlayOptions(text)
  const again = showOverlay({ options, target: at('shown'), view: 'merge', merges: at('records') })
  await t.rejects(again, { code: 'ERR_MOUNT_EXISTS', message: `it is mounted in ${at('second')}` })
  await unmountOverlay(at('records'), at('second'))
})

t.test('what the kernel has mounted is known by its whole name', async (t) => {
  const lacking = skip || (await overlaySkip())
  if (lacking) return t.comment(lacking)
  const home = fs.realpathSync(temporaryDirectory(t))
  const at = (name: string): string => path.join(home, name)
  for (const name of ['low', 'first', 'second', 'w', 'up', 'w-up']) fs.mkdirSync(at(name))
  const show = (upper: string, work: string, target: string, view: ViewChoice): Promise<Shown> => {
    const place = at(upper).replaceAll(/[,:]/g, '\\$&')
    const text = `lowerdir=${at('low')},upperdir=${place},workdir=${at(work)}`
    const options = parseOverlayOptions(text)
    return showOverlay({ options, target: at(target), view, merges: at('records') })
  }
  for (const upper of ['up longer', 'up,too', 'up:too', 'up=too']) {
    fs.mkdirSync(at(upper))
    await show(upper, 'w', 'first', 'kernel')
    await t.rejects(show(upper, 'w-up', 'second', 'merge'), { code: 'ERR_MOUNT_EXISTS' }, upper)
    await show('up', 'w-up', 'second', 'merge')
    await unmountOverlay(at('records'), at('second'))
    await unmountOverlay(at('records'), at('first'))
  }
})

t.test('its directory is gone: there is nothing to fold', { skip }, async (t) => {
  const { at, away } = await written(t)
  fs.rmSync(at('shown'), { recursive: true })
  await away()
  t.same(fs.readdirSync(at('up')), [])
  t.same(readRecords(at('records')), [])
})
