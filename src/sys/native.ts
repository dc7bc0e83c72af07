// Functions that Node itself brings into the process, zlib and OpenSSL, or that a library of the system has, called
// directly: on buffers that are used again, on this thread, or on one of libuv's while this one does something else.
// Knows how to find and call them; knows nothing of gzip members or digests. Where a Node keeps them to itself (linked
// in and not exported) and the system has none, callers have node:zlib, node:crypto and packages.

import { createRequire } from 'node:module'
import type * as Koffi from 'koffi'

/** What a call is handed: bytes it may read or write, an address from an earlier call, a number. */
type Argument = Uint8Array | Uint32Array | BigUint64Array | bigint | number | null

/** A C function with an answer that a number holds: now, or on another thread. */
export interface NativeCall {
  (...args: Argument[]): number
  /** The arguments' bytes must neither move, change nor be let go before the promise settles. */
  readonly elsewhere: (...args: Argument[]) => Promise<number>
}

const koffi = (): typeof Koffi => createRequire(import.meta.url)('koffi') as typeof Koffi

/** Structures of theirs are laid out here by hand, for 64-bit longs and pointers. */
const IS_LP64 = ['x64', 'arm64', 'riscv64', 'ppc64', 's390x', 'loong64'].includes(process.arch)

/**
 * @param signatures symbol to result and parameters, in koffi's words
 * @param systemLibrary the soname to look into where Node lacks one of them
 * @returns undefined where one of them is missing
 */
export function nativeCalls<Names extends string>(
  signatures: Readonly<Record<Names, readonly [string, string[]]>>,
  systemLibrary?: string,
): Readonly<Record<Names, NativeCall>> | undefined {
  if (!IS_LP64) return undefined
  const inNode = callsOf(koffi().load(null), signatures)
  if (inNode || systemLibrary === undefined) return inNode
  try {
    return callsOf(koffi().load(systemLibrary), signatures)
  } catch {
    return undefined
  }
}

function callsOf<Names extends string>(
  library: Koffi.LibraryHandle,
  signatures: Readonly<Record<Names, readonly [string, string[]]>>,
): Readonly<Record<Names, NativeCall>> | undefined {
  const calls: Partial<Record<Names, NativeCall>> = {}
  for (const symbol of Object.keys(signatures) as Names[]) {
    const [result, parameters] = signatures[symbol]
    let bound: Koffi.KoffiFunc<(...args: Argument[]) => number>
    try {
      bound = library.func(symbol, result, parameters)
    } catch {
      return undefined
    }
    calls[symbol] = Object.assign((...args: Argument[]) => bound(...args), {
      elsewhere: (...args: Argument[]): Promise<number> =>
        new Promise((resolve, reject) => {
          bound.async(...args, (error: unknown, answer: number) => {
            if (error instanceof Error) reject(error)
            else resolve(answer)
          })
        }),
    })
  }
  return calls as Record<Names, NativeCall>
}

/** Where the bytes are, for a structure that points at them. Stands as long as they are held. */
export function addressOf(bytes: Uint8Array): bigint {
  return koffi().address(bytes)
}
