// The public library: re-exports only. The command line uses nothing else.

export * from './errors.ts'
export type { CacheID, ChainID, DiffID, Digest, ImageID } from './digest/digest.ts'
export {
  isDigest,
  parseChainID,
  parseDiffID,
  parseDigest,
  parseImageID,
  shortID,
} from './digest/digest.ts'
export { chainID, chainIDs } from './digest/chain-id.ts'
export type { BytePath } from './path/byte-path.ts'
export { pathFromBytes, pathFromText, pathText } from './path/byte-path.ts'
export type { ReadTarOptions, TarEntry } from './tar/reader.ts'
export { readTar } from './tar/reader.ts'
export type { TarEntryInit } from './tar/writer.ts'
export { writeTar } from './tar/writer.ts'
export type { DriverName, LayerForm } from './driver/driver.ts'
export type { Image, OpenOptions, Store } from './store/store.ts'
export { openStore } from './store/store.ts'
export { defaultRoot } from './store/default-root.ts'
export type { Layer } from './store/layer-db.ts'
export type { Removal, RemoveOptions } from './store/remove-image.ts'
export { removeImage } from './store/remove-image.ts'
export { tagImage } from './store/tag-image.ts'
export type { OnProgress, Progress, TransferOptions } from './transfer/progress.ts'
export type { LoadedImage, LoadOptions } from './transfer/load.ts'
export { loadArchive } from './transfer/load.ts'
export type { SaveFormat, SaveOptions } from './transfer/save.ts'
export { saveArchive, saveDirectory } from './transfer/save.ts'
export type { ImportOptions, ImportSource } from './transfer/import.ts'
export { importImage } from './transfer/import.ts'
export type { MountedImage, MountOptions } from './mounting/mount-image.ts'
export { listMountedImages, mountImage, unmountImage } from './mounting/mount-image.ts'
export type { Shown, ViewChoice } from './view/show.ts'
