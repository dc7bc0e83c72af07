// Stands between shale and the kernel: says of each system call that is made by FFI whether it is made at all, or fails.
// To be imported before anything that makes one.

import type { Libc } from '../../src/sys/libc.ts'

type AnyCall = (...args: unknown[]) => unknown

/** @param refusal the errno that a call fails with; 0 lets it through */
export function refuseCalls(refusal: (name: keyof Libc, args: readonly unknown[]) => number): void {
  const between = (libc: Libc): Libc => {
    let refused = 0
    const changed = { ...libc } as unknown as Record<string, AnyCall>
    for (const [name, original] of Object.entries(libc) as [keyof Libc, AnyCall][]) {
      changed[name] = (...args) => {
        // Also of a call that goes through: else its errno would be the injected one.
        refused = refusal(name, args)
        return refused === 0 ? original(...args) : -1
      }
    }
    changed['errno'] = () => refused || libc.errno()
    return changed as unknown as Libc
  }
  Object.assign(globalThis, { [Symbol.for('shale.test.libc')]: between })
}
