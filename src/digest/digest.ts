// The identities of the field, each its own type, so that a chainID cannot be passed where a diffID is meant.
// Pure: knows the syntax `sha256:` + 64 lower-case hex and nothing about what a digest was taken of.

import { InvalidArgumentError } from '../errors.ts'

declare const brand: unique symbol
type Brand<Base, Name extends string> = Base & { readonly [brand]: Name }

/** `sha256:` + 64 lower-case hex digits: of anything. */
export type Digest = `sha256:${string}`
/** Digest of one uncompressed layer tar, every byte of it. */
export type DiffID = Brand<Digest, 'DiffID'>
/** Digest of a layer together with all layers under it; a base layer's chainID equals its diffID. */
export type ChainID = Brand<Digest, 'ChainID'>
/** Digest of the image config's bytes as stored. */
export type ImageID = Brand<Digest, 'ImageID'>
/** Random name of a driver directory; never derived from content. */
export type CacheID = Brand<string, 'CacheID'>

const SYNTAX = /^sha256:[0-9a-f]{64}$/

/** Whether it is `sha256:` and 64 lower-case hex digits, and nothing else. */
export function isDigest(text: string): text is Digest {
  return SYNTAX.test(text)
}

/** @throws InvalidArgumentError ERR_DIGEST_SYNTAX */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text
  const shown = text.length > 100 ? `${text.slice(0, 100)}...` : text
  const reason =
    /^[a-z0-9+._-]+:/.test(text) && !text.startsWith('sha256:')
      ? 'only sha256 digests are supported'
      : 'expected sha256: and 64 lower-case hex digits'
  throw new InvalidArgumentError(
    'ERR_DIGEST_SYNTAX',
    `cannot read digest ${JSON.stringify(shown)}: ${reason}`,
    {
      details: { value: shown },
    },
  )
}

/** @throws InvalidArgumentError ERR_DIGEST_SYNTAX */
export const parseDiffID = (text: string): DiffID => parseDigest(text) as DiffID
/** @throws InvalidArgumentError ERR_DIGEST_SYNTAX */
export const parseChainID = (text: string): ChainID => parseDigest(text) as ChainID
/** @throws InvalidArgumentError ERR_DIGEST_SYNTAX */
export const parseImageID = (text: string): ImageID => parseDigest(text) as ImageID

/** The 64 hex digits of a digest, as used for file names. */
export function hexOf(digest: Digest): string {
  return digest.slice(7)
}

/** What docker shows: the first 12 hex digits. */
export function shortID(digest: Digest): string {
  return digest.slice(7, 19)
}
