// Every error that shale throws, sorted by what the caller can do about it.
// A class says which remedy applies; `code` is stable API and names the cause; data travels in `details`.
// Message form: what could not be done, colon, the reason with the offending value; no full stop.
// docs/errors.md lists each code; a test holds that list against ERROR_CODES.

export const ERROR_CODES = [
  // InvalidArgumentError
  'ERR_DIGEST_SYNTAX',
  'ERR_REFERENCE_SYNTAX',
  'ERR_OPTION',
  'ERR_TEMPLATE',
  'ERR_AMBIGUOUS_ID',
  'ERR_NOT_A_FILE',
  // NotFoundError
  'ERR_IMAGE_NOT_FOUND',
  'ERR_LAYER_NOT_FOUND',
  'ERR_MOUNT_NOT_FOUND',
  'ERR_VOLUME_NOT_FOUND',
  'ERR_OWNER_NOT_FOUND',
  'ERR_ROOT_NOT_FOUND',
  'ERR_CONTAINER_NOT_FOUND',
  'ERR_PATH_NOT_FOUND',
  'ERR_FILE_NOT_FOUND',
  // ConflictError
  'ERR_IMAGE_IN_USE',
  'ERR_MOUNT_EXISTS',
  'ERR_CONTAINER_NAME_IN_USE',
  'ERR_CONTAINER_IN_USE',
  'ERR_VOLUME_IN_USE',
  'ERR_DESTINATION_EXISTS',
  // IntegrityError
  'ERR_DIGEST_MISMATCH',
  'ERR_SIZE_MISMATCH',
  'ERR_LAYER_COUNT',
  'ERR_STORE_CORRUPT',
  'ERR_SPLIT_CORRUPT',
  'ERR_FILE_CHECKSUM',
  // ArchiveError
  'ERR_TAR_CHECKSUM',
  'ERR_TAR_TRUNCATED',
  'ERR_TAR_HEADER',
  'ERR_TAR_TYPE',
  'ERR_PAX_RECORD',
  'ERR_SPARSE_MAP',
  'ERR_COMPRESSION',
  'ERR_MANIFEST',
  'ERR_CONFIG',
  'ERR_MEMBER_MISSING',
  'ERR_NOT_AN_IMAGE',
  'ERR_LINK_TARGET',
  'ERR_WHITEOUT_NAME',
  // UnsafePathError
  'ERR_PATH_ESCAPE',
  'ERR_LINK_ESCAPE',
  // LimitError
  'ERR_DEPTH_MAX',
  'ERR_ENTRY_SIZE_MAX',
  'ERR_ENTRIES_MAX',
  'ERR_PATH_MAX',
  'ERR_EXPANSION_MAX',
  'ERR_JSON_MAX',
  // UnsupportedError
  'ERR_OVERLAY_UNAVAILABLE',
  'ERR_OVERLAY_MARK',
  'ERR_MEDIA_TYPE',
  'ERR_PLATFORM',
  'ERR_FORMAT_NEWER',
  'ERR_HOST_UNSUPPORTED',
  'ERR_TERMINAL_OUTPUT',
  'ERR_DOCKERD_VOLUMES',
  // LockedError
  'ERR_STORE_LOCKED',
  'ERR_DOCKERD_RUNNING',
  // HostError
  'ERR_HOST',
  'ERR_PERMISSION',
  'ERR_DISK_FULL',
  'ERR_NETWORK',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

export interface ErrorOptions {
  readonly cause?: unknown
  /** Facts for programs: entry, path, expected, actual, offset, limit, pid, errno, syscall ... */
  readonly details?: Readonly<Record<string, unknown>>
}

/** Base of all errors shale throws on purpose. Anything else that escapes is a bug. */
export class LayerStoreError extends Error {
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.details = options.details ?? {}
  }
}

/** A value that the caller passed is wrong; another value may work. */
export class InvalidArgumentError extends LayerStoreError {}
/** Nothing has that identity. */
export class NotFoundError extends LayerStoreError {}
/** The name is taken, or the thing is still in use. */
export class ConflictError extends LayerStoreError {}
/** Bytes are not what they claim to be. */
export class IntegrityError extends LayerStoreError {}
/** The archive, or a tar in it, is malformed. */
export class ArchiveError extends LayerStoreError {}
/** An entry would act outside of the directory that it belongs in. */
export class UnsafePathError extends LayerStoreError {}
/** A stated bound was reached. */
export class LimitError extends LayerStoreError {}
/** This host, or this version of shale, cannot do it. */
export class UnsupportedError extends LayerStoreError {}
/** Another process owns the store; later may work. */
export class LockedError extends LayerStoreError {}
/** A system call failed. */
export class HostError extends LayerStoreError {}

const CLASSES: Readonly<Record<string, typeof LayerStoreError>> = {
  InvalidArgumentError,
  NotFoundError,
  ConflictError,
  IntegrityError,
  ArchiveError,
  UnsafePathError,
  LimitError,
  UnsupportedError,
  LockedError,
  HostError,
}

/** An error as plain data, for the way from a worker thread to its owner. */
export interface PackedError {
  readonly name: string
  readonly code: string
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
  readonly stack?: string | undefined
}

/** structuredClone keeps neither subclass nor extra fields of an Error, so a worker packs them. */
export function packError(error: unknown): PackedError {
  const known = error instanceof LayerStoreError
  const plain = error instanceof Error ? error : new Error(String(error))
  return {
    name: plain.name,
    code: known ? error.code : ((plain as NodeJS.ErrnoException).code ?? ''),
    message: plain.message,
    details: known ? error.details : {},
    stack: plain.stack,
  }
}

export function unpackError(packed: PackedError): Error {
  const Class = CLASSES[packed.name]
  if (Class) {
    const error = new Class(packed.code as ErrorCode, packed.message, { details: packed.details })
    if (packed.stack !== undefined) error.stack = packed.stack
    return error
  }
  const error = new Error(packed.message)
  if (packed.code) (error as NodeJS.ErrnoException).code = packed.code
  if (packed.stack !== undefined) error.stack = packed.stack
  return error
}

/** A soft failure: data for the caller, once per kind per run, never printed from inside. */
export interface Warning {
  readonly code: string
  readonly message: string
  readonly entry?: string
  /** How often it happened; `entry` is the first. */
  readonly count: number
}
export type OnWarning = (warning: Warning) => void
