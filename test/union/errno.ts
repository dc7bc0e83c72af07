import os from 'node:os'
import t from 'tap'
import { E } from '../../src/union/errno.ts'

t.test('the numbers of the pure core are those of this host', async (t) => {
  const host = os.constants.errno as Readonly<Record<string, number>>
  const unknown = Object.keys(E).filter((name) => host[`E${name}`] === undefined)
  // What Node has no name for cannot be compared.
  t.strictSame(unknown, [])
  for (const [name, number] of Object.entries(E)) t.equal(number, host[`E${name}`], name)
})
