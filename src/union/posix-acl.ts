// What a directory's default ACL gives to what is made in it (fs/posix_acl.c, posix_acl_create). Such an ACL takes the
// place of the umask: what its entries let through is the mode.
// Knows the form in which the kernel keeps an ACL as an attribute; who asks for one, and who obeys it, is not known here.

/** Of a file or directory itself. */
export const ACCESS_ACL = 'system.posix_acl_access'
/** Of a directory, for what is made in it. */
export const DEFAULT_ACL = 'system.posix_acl_default'

/** struct posix_acl_xattr_header and _entry (linux/posix_acl_xattr.h): a version, then tag, permissions and ID of each. */
const VERSION = 2
const HEADER_BYTES = 4
const ENTRY_BYTES = 8

const TAG = { USER_OBJ: 1, USER: 2, GROUP_OBJ: 4, GROUP: 8, MASK: 16, OTHER: 32 } as const
const PERMISSIONS = 7

export interface InheritedAcl {
  /** As the ACL lets it through; the special bits are as they were given. */
  readonly mode: number
  /** The new node's own; undefined where the mode says all of it. */
  readonly access: Uint8Array | undefined
}

/**
 * @param acl value of system.posix_acl_default
 * @param mode as the caller gave it, without the umask taken off
 * @returns undefined for what is no ACL
 */
export function inheritAcl(acl: Uint8Array, mode: number): InheritedAcl | undefined {
  const bytes = Buffer.from(acl)
  const rest = bytes.length - HEADER_BYTES
  if (rest < 0 || rest % ENTRY_BYTES !== 0 || bytes.readUInt32LE(0) !== VERSION) return undefined
  const at: Partial<Record<number, number>> = {}
  let isExtended = false
  for (let entry = HEADER_BYTES; entry < bytes.length; entry += ENTRY_BYTES) {
    const tag = bytes.readUInt16LE(entry)
    if (tag === TAG.USER || tag === TAG.GROUP || tag === TAG.MASK) isExtended = true
    else if (tag !== TAG.USER_OBJ && tag !== TAG.GROUP_OBJ && tag !== TAG.OTHER) return undefined
    at[tag] = entry + 2
  }
  // Where there is a mask, the group's bits of the mode are the mask's.
  const group = at[TAG.MASK] ?? at[TAG.GROUP_OBJ]
  if (group === undefined) return undefined
  let left = mode
  for (const [entry, shift] of [
    [at[TAG.USER_OBJ], 6],
    [group, 3],
    [at[TAG.OTHER], 0],
  ] as const) {
    if (entry === undefined) continue
    const allowed = bytes.readUInt16LE(entry) & (left >> shift) & PERMISSIONS
    bytes.writeUInt16LE(allowed, entry)
    left = (left & ~(PERMISSIONS << shift)) | (allowed << shift)
  }
  return { mode: left, access: isExtended ? bytes : undefined }
}
