// The part of the library that lists images and what the store knows of them. See store.ts.

export { shortID } from '../../src/digest/digest.ts'
export { parseImageFilters } from '../../src/inspect/image-filter.ts'
export { imageHistory } from '../../src/inspect/image-history.ts'
export { listImages } from '../../src/inspect/image-list.ts'
export { imageTree } from '../../src/inspect/image-tree.ts'
