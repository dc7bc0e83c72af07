// The part of the library that takes archives in and gives them out. See store.ts.

export { InvalidArgumentError, NotFoundError, UnsupportedError } from '../../src/errors.ts'
export { parseLimits } from '../../src/archive/limits.ts'
export { loadArchive } from '../../src/transfer/load.ts'
export { saveArchive, saveArchiveTo, saveDirectory } from '../../src/transfer/save.ts'
