// POSIX ACLs as values of attributes (struct posix_acl_xattr of linux/posix_acl_xattr.h), made without the code under
// test, and arbitrary default ACLs.

import fc from 'fast-check'

/** Of ACL_USER_OBJ and so on. */
export type AclEntry = readonly [tag: number, permissions: number, id?: number]

export const TAG = { owner: 1, user: 2, group: 4, namedGroup: 8, mask: 16, others: 32 } as const
const NO_ID = 0xffffffff

/** @param entries in the order of their tags, as the kernel wants them */
export function encodeAcl(entries: readonly AclEntry[]): Buffer {
  const bytes = Buffer.alloc(4 + entries.length * 8)
  bytes.writeUInt32LE(2, 0)
  for (const [i, [tag, permissions, id = NO_ID]] of entries.entries()) {
    bytes.writeUInt16LE(tag, 4 + i * 8)
    bytes.writeUInt16LE(permissions, 6 + i * 8)
    bytes.writeUInt32LE(id, 8 + i * 8)
  }
  return bytes
}

const permissions = fc.integer({ min: 0, max: 7 })

/** As setfacl(1) may leave one: with a mask where somebody is named, and perhaps without. */
export const arbitraryAcl: fc.Arbitrary<AclEntry[]> = fc
  .record({
    owner: permissions,
    user: fc.option(permissions, { nil: undefined }),
    group: permissions,
    namedGroup: fc.option(permissions, { nil: undefined }),
    mask: permissions,
    hasMask: fc.boolean(),
    others: permissions,
  })
  .map(({ owner, user, group, namedGroup, mask, hasMask, others }) => {
    const isNamed = user !== undefined || namedGroup !== undefined
    const entries: AclEntry[] = [[TAG.owner, owner]]
    if (user !== undefined) entries.push([TAG.user, user, 1000])
    entries.push([TAG.group, group])
    if (namedGroup !== undefined) entries.push([TAG.namedGroup, namedGroup, 1000])
    if (isNamed || hasMask) entries.push([TAG.mask, mask])
    entries.push([TAG.others, others])
    return entries
  })
