// The chain rule of the OCI image spec (config.md, "Layer ChainID"): who a layer is, given all layers under it.
// Pure: hashes with @noble/hashes, so it runs wherever JavaScript runs.

import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import type { ChainID, Digest, DiffID } from './digest.ts'

export function sha256Of(bytes: Uint8Array): Digest {
  return `sha256:${bytesToHex(sha256(bytes))}`
}

function sha256Text(text: string): Digest {
  return sha256Of(utf8ToBytes(text))
}

/** chain(n) = sha256(chain(n-1) + " " + diffID(n)): both as text with their `sha256:`, one space, no newline. */
export function childChainID(
  parent: ChainID | undefined,
  diffID: DiffID,
  hash: (text: string) => Digest = sha256Text,
): ChainID {
  if (parent === undefined) return diffID as Digest as ChainID
  return hash(`${parent} ${diffID}`) as ChainID
}

/**
 * The chainID of every prefix of the stack, base first; as long as the input.
 * @param hash SHA-256 of ASCII text, for callers that have a faster one
 */
export function chainIDs(diffIDs: readonly DiffID[], hash?: (text: string) => Digest): ChainID[] {
  const chain: ChainID[] = []
  for (const diffID of diffIDs) chain.push(childChainID(chain.at(-1), diffID, hash))
  return chain
}

/** The chainID of the whole stack, base first. */
export function chainID(diffIDs: readonly [DiffID, ...DiffID[]]): ChainID {
  return chainIDs(diffIDs).at(-1)!
}
