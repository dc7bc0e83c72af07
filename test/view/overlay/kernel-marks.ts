// What the kernel's overlay leaves of a directory that was renamed, or of a file whose mode alone was changed, when it is
// told redirect_dir=on and metacopy=on: no other view may show it as empty. And how its refusals are told.

import fs from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { explainDirectories } from '../../../src/explain/explain.ts'
import { openUnion } from '../../../src/unionfs/open-union.ts'
import { parseOverlayOptions } from '../../../src/view/overlay/overlay-options.ts'
import { showOverlay } from '../../../src/view/overlay/show-overlay.ts'
import { unmountOverlay } from '../../../src/view/overlay/unmount-overlay.ts'
import type { Shown, ViewChoice } from '../../../src/view/show.ts'
import { overlaySkip } from '../../support/layer-directory.ts'
import { isRoot } from '../../support/host.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

interface Bench {
  readonly at: (name: string) => string
  readonly show: (view: ViewChoice, text: string) => Promise<Shown>
  readonly away: () => Promise<unknown>
}

function makeBench(t: Test): Bench {
  const home = fs.realpathSync(temporaryDirectory(t))
  const at = (name: string): string => path.join(home, name)
  for (const name of ['low', 'up', 'work', 'shown']) fs.mkdirSync(at(name))
  return {
    at,
    show: (view, text) =>
      showOverlay({
        options: parseOverlayOptions(text),
        target: at('shown'),
        view,
        merges: at('records'),
      }),
    away: () => unmountOverlay(at('records'), at('shown')),
  }
}

const skip = (await overlaySkip()) || (!isRoot && 'needs root')

t.test('redirects and metacopy marks are refused, not read as empty', { skip }, async (t) => {
  const { at, show, away } = makeBench(t)
  fs.mkdirSync(at('low/d'))
  fs.mkdirSync(at('low/k'))
  for (const name of ['d/f', 'k/deep', 'plain', 'meta']) fs.writeFileSync(at(`low/${name}`), name)
  const kernel = 'redirect_dir=on,metacopy=on'
  try {
    await show(
      'kernel',
      `lowerdir=${at('low')},upperdir=${at('up')},workdir=${at('work')},${kernel}`,
    )
  } catch (error) {
    t.comment(String(error))
    return
  }
  fs.renameSync(at('shown/d'), at('shown/moved'))
  fs.chmodSync(at('shown/meta'), 0o600)
  fs.chmodSync(at('shown/k/deep'), 0o600)
  await away()
  await show('kernel', `lowerdir=${at('up')}:${at('low')},${kernel}`)
  t.equal(fs.readFileSync(at('shown/meta'), 'utf8'), 'meta', 'the kernel follows them')
  t.equal(fs.readFileSync(at('shown/moved/f'), 'utf8'), 'd/f')
  await away()

  const lowers = [at('up'), at('low')]
  const refused = { code: 'ERR_OVERLAY_MARK' }
  await using union = openUnion({ lowers })
  await t.rejects(union.readFile('/meta'), refused)
  await t.rejects(union.readFile('/k/deep'), { ...refused, message: /metacopy=on/ })
  await t.rejects(union.readdir('/moved'), { ...refused, message: /redirect_dir=on/ })
  await t.rejects(union.stat('/moved/f'), refused)
  t.equal(await union.readFile('/plain', 'utf8'), 'plain')
  t.same(await union.readdir('/'), ['k', 'meta', 'moved', 'plain'])
  await t.rejects(show('merge', `lowerdir=${lowers.join(':')}`), refused)
  t.same(fs.readdirSync(at('shown')), [], 'and nothing is left')
  t.throws(() => explainDirectories({ lowers }, '/meta'), refused)
  t.throws(() => explainDirectories({ lowers }, '/moved/f'), refused)
  t.match(explainDirectories({ lowers }, '/plain'), { found: true })
})

t.test('one lower directory alone is shown and taken away', { skip }, async (t) => {
  const { at, show, away } = makeBench(t)
  fs.writeFileSync(at('low/f'), '')
  await show('kernel', `lowerdir=${at('low')}`)
  t.same(fs.readdirSync(at('shown')), ['f'])
  t.throws(() => fs.writeFileSync(at('shown/g'), ''), { code: 'EROFS' })
  t.match(await away(), { view: 'kernel', target: at('shown') })
  t.same(fs.readdirSync(at('shown')), [])
  await t.rejects(away(), { code: 'ERR_MOUNT_NOT_FOUND' })
})

t.test('what the kernel says in its log alone is told', { skip }, async (t) => {
  const { at, show } = makeBench(t)
  const places = `lowerdir=${at('low')},upperdir=${at('up')},workdir=${at('work')}`
  for (const [text, message] of [
    ['userxattr,metacopy=on', /userxattr together with metacopy=on/],
    ['userxattr,redirect_dir=on', /userxattr together with redirect_dir=on/],
    ['metacopy=on,redirect_dir=off', /metacopy=on together with redirect_dir=off/],
    ['nfs_export=on,index=off', /nfs_export=on together with index=off/],
  ] as const) {
    await t.rejects(show('kernel', `${places},${text}`), {
      code: 'ERR_OVERLAY_UNAVAILABLE',
      message,
    })
  }
  await t.rejects(show('kernel', `lowerdir=${at('low')}:${at('low')}`), {
    code: 'ERR_OVERLAY_UNAVAILABLE',
    message: /no directory twice/,
  })
})

t.test('a directory that is missing is told with its option', async (t) => {
  const { at, show } = makeBench(t)
  for (const [option, text] of [
    ['lowerdir', `lowerdir=${at('low')}:${at('none')}`],
    ['upperdir', `lowerdir=${at('low')},upperdir=${at('none')},workdir=${at('work')}`],
    ['workdir', `lowerdir=${at('low')},upperdir=${at('up')},workdir=${at('none')}`],
  ] as const) {
    await t.rejects(show('merge', text), {
      code: 'ERR_FILE_NOT_FOUND',
      message: `cannot take ${at('none')} for ${option}: there is no such directory`,
    })
  }
})
