// What an image archive holds, whichever tool wrote it: images, each a config and its layers as ranges of bytes in
// files. Opening one reads headers, manifests and configs only; no layer is read, inflated or hashed.
// Refuses to know stores: what becomes of an image is the reader's business.
//
// Worked example: app.tar of `docker save app` is { kind: 'docker-archive', images: [{ references: ['app:latest'],
// layers: [{ label: 'blobs/sha256/1a..', blob: { file: '/home/u/app.tar', offset: 1536, sizeBytes: 80896 }, .. }] }] }.

import type { ByteRange } from '../archive/layer-job.ts'
import type { DiffID, Digest, ImageID } from '../digest/digest.ts'
import type { Warning } from '../errors.ts'
import type { Descriptor } from '../image/manifest.ts'
import type { Reference } from '../reference/reference.ts'

export interface Archive {
  readonly kind: 'docker-archive' | 'oci-archive' | 'oci-dir'
  /** In the order of the archive; at least one. */
  readonly images: readonly ArchiveImage[]
  readonly warnings: readonly Warning[]
  /** Removes what was spooled. The byte ranges are of no use afterwards. */
  close(): Promise<void>
}

export interface ArchiveImage {
  readonly configBytes: Uint8Array
  /** Digest of configBytes; was compared with what the archive calls the config, where it does. */
  readonly imageID: ImageID
  /** Familiar form with a tag: `app:latest`. Empty for an image without a name. */
  readonly references: readonly string[]
  /** Base first; as many as the config has diff_ids. */
  readonly layers: readonly ArchiveLayer[]
  /** docker's `Parent`: the image that this one was built on, in the same archive. */
  readonly parent?: ImageID
}

export interface ArchiveLayer {
  /** The member or blob and the archive that it is in, for messages. */
  readonly label: string
  readonly blob: ByteRange
  /** Of the blob's bytes as they stand, where the archive declares it; not compared yet. */
  readonly digest?: Digest
  /** From the config; not compared yet. */
  readonly diffID: DiffID
  /** As the manifest has it. */
  readonly descriptor?: Descriptor
}

/** An image to be saved, from wherever its layers come. */
export interface SaveImage {
  readonly imageID: ImageID
  /** Kept byte for byte: their digest is the imageID. */
  readonly configBytes: Uint8Array
  /** Those without a tag are passed over: archives have no place for `name@digest`. */
  readonly references: readonly Reference[]
  /** Written where the parent is saved along. */
  readonly parent?: ImageID
  /** Base first; layers of equal diffID are written once. */
  readonly layers: readonly SaveLayer[]
}

export interface SaveLayer {
  readonly diffID: DiffID
  /** Of the uncompressed tar: its header is written before the first byte comes. */
  readonly tarBytes: number
  /** The uncompressed tar, from its start at each call; whoever makes it verifies it. */
  open(): AsyncIterable<Uint8Array>
  /**
   * The same into a file, from `offset` on and no further than `tarBytes`, while others write elsewhere in it. When it
   * settles, be it by the signal, nothing of it writes any more.
   */
  writeAt(
    file: { readonly fd: number; readonly path: string },
    offset: number,
    signal?: AbortSignal,
  ): Promise<void>
}
