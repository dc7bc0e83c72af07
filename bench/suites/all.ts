// The suites by the names under which they are asked for, in the order in which they run.

import { loadSuite } from './load.ts'
import { microSuite } from './micro.ts'
import { readSuite } from './read.ts'
import { saveSuite } from './save.ts'
import { scaleSuite } from './scale.ts'
import { startSuite } from './start.ts'
import type { Suite } from './suite.ts'
import { unionSuite } from './union.ts'

export const SUITES: Readonly<Record<string, Suite>> = {
  load: loadSuite,
  save: saveSuite,
  read: readSuite,
  start: startSuite,
  scale: scaleSuite,
  union: unionSuite,
  micro: microSuite,
}
