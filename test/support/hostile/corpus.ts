// All attacks, by class.

import type { HostileCase } from './case.ts'
import { BOMBS } from './bombs.ts'
import { DESCRIPTORS } from './descriptors.ts'
import { DIFFERENTIALS } from './differentials.ts'
import { DOCUMENT_BOMBS } from './document-bombs.ts'
import { HARDLINK_ESCAPES } from './hardlink-escapes.ts'
import { HOST_READS } from './host-reads.ts'
import { MANIFESTS } from './manifests.ts'
import { PATH_ESCAPES } from './path-escapes.ts'
import { PAX_DIFFERENTIALS, SPARSE_DIFFERENTIALS } from './pax-differentials.ts'
import { RACES } from './races.ts'
import { WHITEOUT_ABUSES } from './whiteouts.ts'

export const CORPUS: readonly HostileCase[] = [
  ...PATH_ESCAPES,
  ...HARDLINK_ESCAPES,
  ...RACES,
  ...BOMBS,
  ...DOCUMENT_BOMBS,
  ...DIFFERENTIALS,
  ...PAX_DIFFERENTIALS,
  ...SPARSE_DIFFERENTIALS,
  ...MANIFESTS,
  ...DESCRIPTORS,
  ...WHITEOUT_ABUSES,
  ...HOST_READS,
]
