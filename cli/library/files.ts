// The part of the library that shows an image's files. See store.ts.

export { InvalidArgumentError } from '../../src/errors.ts'
export {
  listImageFileNames,
  listImageFiles,
  openImageFile,
  splitImagePath,
} from '../../src/inspect/image-files.ts'
