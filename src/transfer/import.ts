// import: one root file system, as a tar or a directory, becomes an image of one layer, as `docker import` makes it.

import fs from 'node:fs'
import path from 'node:path'
import { settleLimits, type LoadLimits } from '../archive/limits.ts'
import { packDirectory } from '../archive/pack.ts'
import type { ImageID } from '../digest/digest.ts'
import { ArchiveError, type OnWarning } from '../errors.ts'
import { applyChanges } from '../image/changes.ts'
import { goTime, newConfig } from '../image/new-config.ts'
import { hostPlatform, parsePlatform } from '../image/platform.ts'
import { familiarString, parseTarget } from '../reference/reference.ts'
import { digestOf } from '../store/digest-of.ts'
import { sourceDateEpoch, timestampNow } from '../store/timestamp.ts'
import type { Store } from '../store/store.ts'
import { openPipe } from '../sys/open-pipe.ts'
import type { TransferOptions } from './progress.ts'
import { checkInput, otherThanTar } from './open-archive.ts'
import { LayerRegistration } from './register-layers.ts'
import { withRemedy } from './remedy.ts'
import { spool } from './spool.ts'

export type ImportSource =
  | { readonly file: string }
  | { readonly directory: string }
  /** `name` is what the history says that it came from: `-`, or a URL. */
  | { readonly stream: AsyncIterable<Uint8Array>; readonly name: string }

export interface ImportOptions extends TransferOptions {
  /** `REPO[:TAG]` */
  readonly reference?: string
  /** Dockerfile instructions: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, USER, VOLUME, WORKDIR, STOPSIGNAL, HEALTHCHECK, SHELL. */
  readonly changes?: readonly string[]
  readonly message?: string
  /** Default: the host's. */
  readonly platform?: string
  readonly onWarning?: OnWarning
  /** Bounds over the defaults; Infinity for none. */
  readonly limits?: Partial<LoadLimits>
}

/**
 * SOURCE_DATE_EPOCH, where set, is the image's creation time, and the latest time in a directory's tar.
 * @throws InvalidArgumentError ERR_OPTION for a bad change; NotFoundError ERR_FILE_NOT_FOUND; ArchiveError for a bad tar;
 *   HostError. The store stays as it was.
 */
export async function importImage(
  store: Store,
  source: ImportSource,
  options: ImportOptions = {},
): Promise<{ imageID: ImageID; name?: string }> {
  const reference = options.reference === undefined ? undefined : parseTarget(options.reference)
  const host = hostPlatform({ arch: process.arch })
  const platform = options.platform === undefined ? host : parsePlatform(options.platform, host)
  const limits = settleLimits(options.limits)
  const config = applyChanges({}, options.changes ?? [])
  if (!('stream' in source)) {
    checkInput(`import ${nameOf(source)}`, 'file' in source ? source.file : source.directory)
  }
  const epoch = sourceDateEpoch()
  const created = epoch === undefined ? timestampNow() : goTime(BigInt(epoch) * 1_000_000_000n)

  const importing = store.writeAside(
    async (transaction) => {
      const file = await onDisk(source, transaction.spool, options, epoch)
      refuseOther(file, nameOf(source))
      const registration = new LayerRegistration(store, transaction, options, limits)
      const blob = { file, offset: 0, sizeBytes: fs.statSync(file).size }
      // An image without files, as docker makes it too; mostly it is what a command that failed sent through a pipe.
      if (blob.sizeBytes === 0) {
        const name = nameOf(source)
        const message = `${name === '-' ? 'standard input' : name} is empty, and so is the image`
        options.onWarning?.({ code: 'empty-archive', message, count: 1 })
      }
      const base = { label: nameOf(source), action: 'import', blob } as const
      return { registration, diffID: await registration.addUnnamedBase(base) }
    },
    async (transaction, { registration, diffID }) => {
      // The store has that layer, or has got it meanwhile.
      if (!registration.holds()) await registration.startOver()
      registration.plan()

      // docker's client sends a file as its standard input; and where it lay here is nobody else's business.
      const comment = options.message ?? `Imported from ${'stream' in source ? source.name : '-'}`
      const bytes = newConfig({
        architecture: platform.architecture,
        ...(platform.variant === undefined ? {} : { variant: platform.variant }),
        os: platform.os,
        created,
        comment,
        config,
        history: [{ created, comment }],
        diffIDs: [diffID],
      })
      const imageID = digestOf(bytes) as ImageID
      const { layout } = store
      const metadata = layout.imageMetadata(imageID)
      transaction.plan({
        op: 'rename',
        from: transaction.stageFile(bytes, 0o600),
        to: layout.imageContent(imageID),
      })
      transaction.plan({ op: 'make-directory', path: metadata, mode: 0o700 })
      transaction.plan({
        op: 'rename',
        from: transaction.stageFile(created, 0o600),
        to: path.join(metadata, 'lastUpdated'),
      })
      if (!reference) return { imageID }
      transaction.plan({
        op: 'rename',
        from: transaction.stageFile(
          store.references().with(reference, imageID).toJSONText(),
          0o600,
        ),
        to: layout.repositories,
      })
      return { imageID, name: familiarString(reference) }
    },
    options.signal ? { signal: options.signal } : {},
  )
  return importing.catch((error: unknown) => {
    throw withRemedy(error)
  })
}

function nameOf(source: ImportSource): string {
  if ('file' in source) return source.file
  return 'directory' in source ? source.directory : source.name
}

function refuseOther(file: string, label: string): void {
  const what = otherThanTar(file, label)
  if (what === undefined) return
  throw new ArchiveError(
    'ERR_NOT_AN_IMAGE',
    `cannot import ${label}: it is ${what}; expected the tar of a root file system`,
    { details: { path: label } },
  )
}

/** A layer may have to be read twice (a tar that needs raw tar-split records), so a stream goes to disk first. */
async function onDisk(
  source: ImportSource,
  directory: string,
  options: ImportOptions,
  epoch: number | undefined,
): Promise<string> {
  if ('file' in source) {
    if (fs.statSync(source.file).isFile()) return source.file
    return spool(openPipe(source.file, options), directory, options)
  }
  if ('stream' in source) return spool(source.stream, directory, options)
  const tar = packDirectory(source.directory, {
    ...(epoch === undefined ? {} : { sourceDateEpoch: epoch }),
    ...(options.onWarning ? { onWarning: options.onWarning } : {}),
  })
  return spool(tar, directory, options)
}
