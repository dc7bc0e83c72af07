import fc from 'fast-check'
import t from 'tap'
import { compareNatural } from '../../src/volumes/natural-order.ts'

/** As docker 28 lists volumes of these names. */
const LISTED = [
  ...['9', '009', '10', 'A3', 'a', 'a0', 'a1', 'a01', 'a2', 'a02', 'a-1', 'b-1', 'b_1'],
  ...['data1', 'data2', 'data10', 'x1y9', 'x1y10', 'x01y1'],
]

t.test('names as docker lists them', async (t) => {
  t.same([...LISTED].reverse().sort(compareNatural), LISTED)
  t.same([...LISTED].sort().sort(compareNatural), LISTED)
})

t.test('an order: total, and the same from both sides', async () => {
  const name = fc.string({ unit: fc.constantFrom('0', '1', '9', 'a', 'Z', '-', '.', '_') })
  fc.assert(
    fc.property(name, name, name, (a, b, c) => {
      const [ab, bc] = [compareNatural(a, b), compareNatural(b, c)]
      if (Math.sign(ab) !== -Math.sign(compareNatural(b, a)) || (ab === 0) !== (a === b))
        return false
      return !(ab < 0 && bc < 0) || compareNatural(a, c) < 0
    }),
  )
})
