// In which form a directory keeps owners, devices and marks: as a store's layers do, or as directories that no store
// made. Knows the words; who writes them is in upper/, who reads them directory-layer.ts.

import type { LayerForm } from '../driver/driver.ts'
import { ACCESS_ACL, DEFAULT_ACL } from '../union/posix-acl.ts'

/**
 * `plain`: marks as in the form `user`, but what is found belongs to whom the disk says, and what is written is put on
 * disk as it is where the caller may; only what the disk refuses (another's file, a device, a mode that would shut the
 * caller out) stands in user.containers.override_stat.
 */
export type DiskForm = LayerForm | 'plain'

/** How its whiteouts and opaque marks are written. */
export function markForm(form: DiskForm): LayerForm {
  return form === 'plain' ? 'user' : form
}

/**
 * Whether a new node is given that attribute: an ordinary user has none but user.*, and ACLs, which name users by the
 * numbers of the host; a store's layers have others.
 */
export function keepsXattr(form: DiskForm, name: string): boolean {
  if (form === 'trusted' || name.startsWith('user.')) return true
  return form === 'plain' && (name === ACCESS_ACL || name === DEFAULT_ACL)
}
