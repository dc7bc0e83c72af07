// The part of the library that gives archives out. See store.ts.

export { InvalidArgumentError, UnsupportedError } from '../../src/errors.ts'
export { saveArchive, saveArchiveTo, saveDirectory } from '../../src/transfer/save.ts'
