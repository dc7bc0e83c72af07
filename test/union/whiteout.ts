import t from 'tap'
import { pathFromText } from '../../src/path/byte-path.ts'
import { classifyWhiteout, whiteoutOf } from '../../src/union/whiteout.ts'

const kinds: readonly [string, string, string?][] = [
  ['etc', 'plain'],
  ['.wh', 'plain'],
  ['.wha.x', 'plain'],
  ['a.wh.b', 'plain'],
  ['.wh.x', 'whiteout', 'x'],
  ['.wh..hidden', 'whiteout', '.hidden'],
  ['.wh.....', 'whiteout', '....'],
  ['.wh..wh', 'whiteout', '.wh'],
  ['.wh..wh..opq', 'opaque'],
  ['.wh..wh..opq.x', 'aufs'],
  ['.wh..wh.plnk', 'aufs'],
  ['.wh..wh.aufs', 'aufs'],
  ['.wh..wh.', 'aufs'],
  ['.wh.', 'bad'],
  ['.wh..', 'bad'],
  ['.wh...', 'bad'],
]

for (const [name, kind, removed] of kinds) {
  t.test(`${name} is ${kind}`, async (t) => {
    const found = classifyWhiteout(pathFromText(name))
    t.equal(found.kind, kind)
    t.equal(found.kind === 'whiteout' ? found.name : undefined, removed)
    if (found.kind === 'whiteout') t.equal(whiteoutOf(found.name), name)
  })
}
