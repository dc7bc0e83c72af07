// The part of the library that opens a store: what every verb on one needs, and nothing that a listing does not.
// Each file of this folder is a door to some names of src/index.ts, past it: the bundler keeps all that an index leads
// to in one piece, and reading that piece takes as long as starting Node. A test holds the names against the index.

export { openStore } from '../../src/store/store.ts'
export { defaultRoot } from '../../src/store/default-root.ts'
