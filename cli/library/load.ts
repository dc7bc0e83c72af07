// The part of the library that takes archives in. See store.ts.

export { InvalidArgumentError } from '../../src/errors.ts'
export { parseLimits } from '../../src/archive/limits.ts'
export { loadArchive } from '../../src/transfer/load.ts'
