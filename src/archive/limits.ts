// The bounds that a layer meets when nobody sets others. Each is far above any real layer, and keeps memory and time
// finite for those that are not real.

import { DEFAULT_TAR_LIMITS } from '../tar/entry.ts'
import type { ApplyLimits } from './layer-job.ts'

export const DEFAULT_APPLY_LIMITS: ApplyLimits = {
  ...DEFAULT_TAR_LIMITS,
  layerBytesMax: 2 ** 40,
  // Deflate cannot exceed 1032:1, so this bounds zstd and xz alone; a file of zeros is no attack.
  expansionMax: 1100,
}
