// What a default ACL gives to what is made in its directory, beside a file system of the kernel's.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { getXattr, setXattr } from '../../src/sys/xattr.ts'
import { ACCESS_ACL, DEFAULT_ACL, inheritAcl } from '../../src/union/posix-acl.ts'
import { latin1 } from '../support/layer-directory.ts'
import { TAG, arbitraryAcl, encodeAcl } from '../support/posix-acl.ts'
import { temporaryDirectory } from '../support/temporary.ts'

function hex(value: Uint8Array | number | undefined): string | number | undefined {
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value
}

t.test('mode and ACL of a new file are the kernel’s', (t) => {
  const home = temporaryDirectory(t)
  const directory = path.join(home, 'directory')
  fs.mkdirSync(directory)
  const [place, made] = [latin1(directory), path.join(directory, 'made')]
  if (
    setXattr(
      place,
      DEFAULT_ACL,
      encodeAcl([
        [TAG.owner, 7],
        [TAG.group, 7],
        [TAG.others, 7],
      ]),
    ) < 0
  ) {
    t.comment('skipped: no ACLs here')
    t.end()
    return
  }
  const asTheKernel = fc.property(
    arbitraryAcl,
    fc.integer({ min: 0, max: 0o777 }),
    (entries, mode) => {
      const acl = encodeAcl(entries)
      if (setXattr(place, DEFAULT_ACL, acl) !== 0) throw new Error('the kernel refuses that ACL')
      fs.closeSync(fs.openSync(made, 'w', mode))
      const kernel = [fs.statSync(made).mode & 0o7777, hex(getXattr(latin1(made), ACCESS_ACL))]
      fs.rmSync(made)
      const ours = inheritAcl(acl, mode)
      assert.deepEqual([ours?.mode, hex(ours?.access)], kernel)
    },
  )
  t.doesNotThrow(() => fc.assert(asTheKernel, { numRuns: 500 }))
  t.end()
})

t.test('special bits stay as they are given', async (t) => {
  const acl = encodeAcl([
    [TAG.owner, 6],
    [TAG.group, 4],
    [TAG.others, 0],
  ])
  t.same(inheritAcl(acl, 0o7777), { mode: 0o7640, access: undefined })
})

t.test('what is no ACL is none', async (t) => {
  const acl = encodeAcl([
    [TAG.owner, 7],
    [TAG.group, 7],
    [TAG.others, 7],
  ])
  const wrongVersion = Buffer.from(acl)
  wrongVersion.writeUInt32LE(1, 0)
  const wrongs = [
    Buffer.alloc(0),
    acl.subarray(0, 7),
    wrongVersion,
    encodeAcl([[TAG.owner, 7]]),
    encodeAcl([[64, 7]]),
  ]
  for (const wrong of wrongs) t.equal(inheritAcl(wrong, 0o777), undefined)
})
