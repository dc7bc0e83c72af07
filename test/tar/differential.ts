// Some thousand tars that are nearly right, as shale, GNU tar, Python's tarfile and libarchive read them.
// test/interop/differential-parsing.ts runs a hundred thousand.

import t from 'tap'
import { holdReaders } from '../support/differential/hold.ts'
import { gnuTarIsMissing, pythonIsMissing } from '../support/differential/readers.ts'

const missing = [pythonIsMissing(), gnuTarIsMissing()]
const skip = missing.every((reason) => reason !== false) && missing.join('; ')

t.test('readers of tars', { skip }, (t) =>
  holdReaders(t, { count: 4000, seed: 1, gnuTarEvery: 20 }),
)
