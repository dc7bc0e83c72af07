// The part of the library that words errors and JSON, for what the command line makes itself. See store.ts.

export { HostError, InvalidArgumentError, NotFoundError } from '../../src/errors.ts'
export { encodeGoJSON, indentGoJSON } from '../../src/image/go-json.ts'
