// The stores that every attack meets by every entrance: driver, and form of what a kernel would hold itself.

export interface StoreKind {
  readonly driver: 'overlay2' | 'vfs'
  /** Default: what this host has. */
  readonly form?: 'user' | 'none'
  /** Whether each run takes all attacks; else one in so many, others each time. */
  readonly isAlwaysWhole?: true
}

export const GROUNDS: readonly StoreKind[] = [
  { driver: 'overlay2', isAlwaysWhole: true },
  { driver: 'vfs' },
  { driver: 'overlay2', form: 'none' },
  { driver: 'overlay2', form: 'user' },
]
