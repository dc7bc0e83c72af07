import t from 'tap'
import { parseOverrideStat } from '../../src/view/override-stat.ts'

const parse = (text: string): unknown => parseOverrideStat(Buffer.from(text, 'latin1'))
const none = { devMajor: 0, devMinor: 0 }

t.test('as containers/storage and fuse-overlayfs write it', async (t) => {
  t.same(parse('0:0:755'), { uid: 0, gid: 0, mode: 0o755, ...none })
  t.same(parse('1000:100:0644:file'), { uid: 1000, gid: 100, mode: 0o644, type: 'file', ...none })
  t.same(parse('0:5:04755:file'), { uid: 0, gid: 5, mode: 0o4755, type: 'file', ...none })
  t.same(parse('0:0:040755:dir'), { uid: 0, gid: 0, mode: 0o755, type: 'directory', ...none })
  t.same(parse('0:0:0600:pipe'), { uid: 0, gid: 0, mode: 0o600, type: 'fifo', ...none })
  t.same(parse('0:6:0660:block-8-17'), {
    uid: 0,
    gid: 6,
    mode: 0o660,
    type: 'block',
    devMajor: 8,
    devMinor: 17,
  })
  t.match(parse('4294967294:0:0666:char-1-3'), { uid: 4294967294, type: 'char', devMinor: 3 })
})

t.test('anything else says nothing', async (t) => {
  for (const text of [
    '',
    '0:0',
    '0:0:',
    'a:0:755',
    '0:0:899',
    '-1:0:755',
    '0:0:755:door',
    '0:0:755:char-1',
    '0:0:755:file ',
    '0:0:755\0',
  ])
    t.equal(parse(text), undefined, JSON.stringify(text))
})
