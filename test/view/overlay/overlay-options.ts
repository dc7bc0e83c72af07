import fc from 'fast-check'
import t from 'tap'
import { parseOverlayOptions } from '../../../src/view/overlay/overlay-options.ts'

t.test('directories, nearest first', async (t) => {
  t.match(parseOverlayOptions('lowerdir=/l2:/l1,upperdir=/u,workdir=/w'), {
    lowers: ['/l2', '/l1'],
    upper: '/u',
    work: '/w',
    readOnly: false,
  })
  t.same(parseOverlayOptions('lowerdir+=/a,lowerdir+=/b:c').lowers, ['/a', '/b:c'])
  const alone = parseOverlayOptions('ro,lowerdir=/l,workdir=/w')
  t.same([alone.upper, alone.work, alone.readOnly], [undefined, undefined, true])
})

t.test('a backslash takes the meaning of commas and colons away, whatever the names', async (t) => {
  const name = fc.stringMatching(/^[a:,\\= é]{1,8}$/).filter((text) => text !== '')
  const escaped = (text: string): string => text.replaceAll(/[\\:,]/g, '\\$&')
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 4 }), name, name, (lowers, u, w) => {
      const text = `lowerdir=${lowers.map(escaped).join(':')},upperdir=${escaped(u)},workdir=${escaped(w)}`
      const parsed = parseOverlayOptions(text)
      return (
        JSON.stringify([parsed.lowers, parsed.upper, parsed.work]) ===
        JSON.stringify([lowers, u, w])
      )
    }),
  )
  t.pass('each comes back')
})

t.test('what the views must have, and what an fstab says besides', async (t) => {
  const parsed = parseOverlayOptions(
    'defaults,nofail,x-systemd.automount,noauto,nosuid,noatime,lowerdir=/l,redirect_dir=on,volatile,xino=auto,rw,ro,rw,allow_other,view=fuse',
  )
  t.same(
    [...parsed.features],
    [
      ['redirect_dir', 'on'],
      ['volatile', ''],
      ['xino', 'auto'],
    ],
  )
  t.same(parsed.flags, ['nosuid', 'noatime'])
  t.same([parsed.readOnly, parsed.forOthers, parsed.view], [false, true, 'fuse'])
})

t.test('what is wrong is named', async (t) => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['upperdir=/u,workdir=/w', /lowerdir: it is missing/],
    ['lowerdir=/l,upperdir=/u', /upperdir: workdir is missing/],
    ['lowerdir=/l,lowerdir+=/m', /lowerdir\+: lowerdir names all of them/],
    ['lowerdir=/l::/data', /hold data alone/],
    ['lowerdir=/l:', /lowerdir: a directory is missing/],
    ['lowerdir=/l,squash_to_root', /squash_to_root: there is no such option/],
    ['lowerdir=/l,index=maybe', /index: expected on, off, got 'maybe'/],
    ['lowerdir=/l,volatile=1', /volatile: expected no value, got '1'/],
  ]
  for (const [text, message] of wrong) {
    t.throws(() => parseOverlayOptions(text), { code: 'ERR_OPTION', message }, text)
  }
})
