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

t.test('owners and flushing, in fuse-overlayfs’s words', async (t) => {
  const owners = (text: string) => parseOverlayOptions(`lowerdir=/l${text}`).owners
  t.equal(owners(''), undefined)
  t.same(owners(',uidmapping=0:100000:1000:5000:1:2,gidmapping=7:8:9'), {
    uids: [
      { disk: 0, shown: 100_000, count: 1000 },
      { disk: 5000, shown: 1, count: 2 },
    ],
    gids: [{ disk: 7, shown: 8, count: 9 }],
  })
  t.same(owners(',squash_to_root'), { squashUid: 0, squashGid: 0 })
  t.same(owners(',squash_to_root,squash_to_gid=9'), { squashUid: 0, squashGid: 9 })
  const features = (text: string) => [...parseOverlayOptions(`lowerdir=/l,${text}`).features]
  t.same(features('fsync=0'), [['volatile', '']])
  t.same(features('fsync=0,fsync=1,default_permissions'), [])
  t.same(features('whiteouts=names'), [['whiteouts', 'names']])
})

t.test('what is wrong is named', async (t) => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['upperdir=/u,workdir=/w', /lowerdir: it is missing/],
    ['lowerdir=/l,upperdir=/u', /upperdir: workdir is missing/],
    ['lowerdir=/l,lowerdir+=/m', /lowerdir\+: lowerdir names all of them/],
    ['lowerdir=/l::/data', /hold data alone/],
    ['lowerdir=/l:', /lowerdir: a directory is missing/],
    ['lowerdir=/l,threaded=1', /threaded: there is no such option/],
    ['lowerdir=/l,uidmapping=0:1', /uidmapping: expected ON-DISK:SHOWN:COUNT/],
    ['lowerdir=/l,gidmapping=0:1:x', /gidmapping: expected a number below 4294967295, got 'x'/],
    ['lowerdir=/l,squash_to_uid=4294967295', /squash_to_uid: expected a number/],
    ['lowerdir=/l,squash_to_gid', /squash_to_gid: expected a number/],
    ['lowerdir=/l,fsync=2', /fsync: expected 0, 1, got '2'/],
    ['lowerdir=/l,index=maybe', /index: expected on, off, got 'maybe'/],
    ['lowerdir=/l,volatile=1', /volatile: expected no value, got '1'/],
  ]
  for (const [text, message] of wrong) {
    t.throws(() => parseOverlayOptions(text), { code: 'ERR_OPTION', message }, text)
  }
})
