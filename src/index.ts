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
export { OpenedStore, openStore } from './library/opened-store.ts'
export type { RWBundle } from './library/rw-layer.ts'
export { RWLayer, RWMount } from './library/rw-layer.ts'
export { RWLayers } from './library/rw-layers.ts'
export type { ContainerEvent, ImageEvent, StoreEventMap } from './library/store-events.ts'
export { StoreEvents } from './library/store-events.ts'
export { defaultRoot } from './store/default-root.ts'
export type { Layer } from './store/layer-db.ts'
export type { Removal, RemoveOptions } from './store/remove-image.ts'
export { removeImage, RemovalPreview } from './store/remove-image.ts'
export type { TaggedImage } from './store/tag-image.ts'
export { tagImage } from './store/tag-image.ts'
export type { LoadLimits } from './archive/limits.ts'
export { DEFAULT_LOAD_LIMITS, LIMIT_KEYS, parseLimits } from './archive/limits.ts'
export type { OnProgress, Progress, TransferOptions } from './transfer/progress.ts'
export type { LoadedImage, LoadOptions } from './transfer/load.ts'
export { loadArchive } from './transfer/load.ts'
export type { SaveFormat, SaveOptions } from './transfer/save.ts'
export type { OutputFile } from './transfer/placed-archive.ts'
export { saveArchive, saveArchiveTo, saveDirectory } from './transfer/save.ts'
export type { ImportOptions, ImportSource } from './transfer/import.ts'
export { importImage } from './transfer/import.ts'
export type { MountedImage, MountOptions } from './mounting/mount-image.ts'
export { listMountedImages, mountImage, unmountImage } from './mounting/mount-image.ts'
export type { MountOverlayOptions, UnmountedOverlay } from './mounting/mount-overlay.ts'
export { mountOverlay, unmountDirectories } from './mounting/mount-overlay.ts'
export type { Shown, ViewChoice } from './view/show.ts'
export type { StartedServer as MountServer } from './sys/start-server.ts'
export type { ImageFilter } from './inspect/image-filter.ts'
export { parseImageFilters } from './inspect/image-filter.ts'
export type { ImageListItem, ImageListOptions } from './inspect/image-list.ts'
export { listImages } from './inspect/image-list.ts'
export type { ImageInspection } from './inspect/image-inspect.ts'
export { inspectImage } from './inspect/image-inspect.ts'
export type { HistoryRow } from './image/history.ts'
export { imageHistory } from './inspect/image-history.ts'
export type { LayerRow, LayerTableOptions } from './inspect/layer-table.ts'
export { layerTable } from './inspect/layer-table.ts'
export type { ImageTree, TreeImage, TreeLayer } from './inspect/image-tree.ts'
export { imageTree } from './inspect/image-tree.ts'
export type { HostProbes, StoreInfo } from './inspect/store-info.ts'
export { storeInfo } from './inspect/store-info.ts'
export type { ImageFile, ImageFileName, ListFilesOptions } from './inspect/image-files.ts'
export {
  listImageFileNames,
  listImageFiles,
  openImageFile,
  splitImagePath,
} from './inspect/image-files.ts'
export type { FileContent } from './view/file-content.ts'
export type { LayerDigests, LayerDigestsOptions } from './inspect/layer-digests.ts'
export { layerDigests } from './inspect/layer-digests.ts'
export type { GoJson, GoJsonOptions } from './image/go-json.ts'
export { encodeGoJSON, indentGoJSON, indentJSON } from './image/go-json.ts'
export type {
  Container,
  ContainerState,
  ContainerStatus,
  MountPoint,
} from './store/container-db.ts'
export type { WritableLayer } from './store/mount-db.ts'
export { containerOf } from './containers/container-stack.ts'
export type { CreatedContainer, CreateOptions } from './containers/create-container.ts'
export type { HostOptions } from './containers/host-settings.ts'
export { createContainer } from './containers/create-container.ts'
export type { ContainerFilter } from './containers/container-filter.ts'
export { parseContainerFilters } from './containers/container-filter.ts'
export type { ContainerListItem, ListContainersOptions } from './containers/list-containers.ts'
export { listContainers } from './containers/list-containers.ts'
export type { ContainerInspection } from './containers/inspect-container.ts'
export { containerInspectionLine, inspectContainer } from './containers/inspect-container.ts'
export { renameContainer } from './containers/rename-container.ts'
export type { MountContainerOptions, MountedContainer } from './containers/mount-container.ts'
export {
  listMountedContainers,
  mountContainer,
  unmountContainer,
} from './containers/mount-container.ts'
export type { ChangesOptions, TreeChange } from './containers/changes.ts'
export { changesBetween, changesOf, changesOfLayer } from './containers/changes.ts'
export type { ChangeKind, ChangeReason } from './union/changes.ts'
export type { CommitOptions, CommittedImage } from './containers/commit-container.ts'
export { commitContainer } from './containers/commit-container.ts'
export type { ExportOptions } from './containers/export-tree.ts'
export { exportTree } from './containers/export-tree.ts'
export type { CopyArgument } from './containers/copy-rules.ts'
export { parseCopyArgument } from './containers/copy-rules.ts'
export type { CopyInput, CopyOptions, CopyResult } from './containers/copy.ts'
export { archiveFrom, copyFrom, copyInto } from './containers/copy.ts'
export type { SquashedImage, SquashOptions } from './containers/squash.ts'
export { squashImage } from './containers/squash.ts'
export type { Bundle, BundleOptions } from './containers/bundle.ts'
export { writeBundle } from './containers/bundle.ts'
export type { RunInOptions } from './containers/run-in.ts'
export { runIn } from './containers/run-in.ts'
export type { RunInRootOptions, RunInRootResult } from './sys/run-in-root.ts'
export type { RemoveContainerOptions, RemovedContainer } from './containers/remove-container.ts'
export { removeContainer } from './containers/remove-container.ts'
export type { PruneContainersOptions, PrunedContainers } from './containers/prune-containers.ts'
export { pruneContainers } from './containers/prune-containers.ts'
export type {
  ConformOptions,
  ConformReport,
  ConformRow,
  ConformVerdict,
} from './conform/conform.ts'
export { conform, KNOWN_TOOLS } from './conform/conform.ts'
export type { Shape, ShapeEntry, Tree, TreeNode } from './conform/shapes.ts'
export { SHAPES } from './conform/shapes.ts'
export { shipShapes } from './conform/ship-shapes.ts'
export type {
  CacheUsage,
  ContainerUsage,
  ImageUsage,
  Leak,
  StoreUsage,
  UsageSummary,
  VolumeUsage,
} from './usage/usage.ts'
export { usage } from './usage/usage.ts'
export type { LeakKind } from './usage/leaks.ts'
export type { PrunedLeak, PruneOptions, PruneReport } from './usage/prune.ts'
export { prune } from './usage/prune.ts'
export type { PruneFilter, PruneFilterKey } from './usage/prune-filter.ts'
export { parsePruneFilters } from './usage/prune-filter.ts'
export type { WhyAnswer, WhyContainer, WhyFile, WhyImage, WhyLayer, WhySight } from './usage/why.ts'
export { why } from './usage/why.ts'
export type { RootedPath } from './usage/store-root.ts'
export { findStoreRoot } from './usage/store-root.ts'
export type { Volume } from './volumes/volume-db.ts'
export { listVolumes, requireVolume } from './volumes/volume-db.ts'
export { filterVolumes } from './volumes/volume-filter.ts'
export type { VolumeSpec } from './volumes/create-volume.ts'
export { createVolume, removeVolume } from './volumes/create-volume.ts'
export type { LintFinding } from './lint/findings.ts'
export type { LintedImage, LintOptions } from './lint/lint.ts'
export { lintArchive, lintImage } from './lint/lint.ts'
export type { LintLevel, LintRule, LintRuleID } from './lint/rules.ts'
export { LINT_LEVELS, LINT_RULES } from './lint/rules.ts'
export { sarifLog, type SarifLog } from './lint/sarif.ts'
export type { UnionFsAdapter, UnionPromises } from './unionfs/fs-adapter.ts'
export { fsAdapter } from './unionfs/fs-adapter.ts'
export type { OpenUnionOptions } from './unionfs/open-union.ts'
export { openUnion } from './unionfs/open-union.ts'
export { UnionFs } from './unionfs/union-fs.ts'
export type { DiskForm } from './view/disk-form.ts'
export type { DirectoryLayerOptions, HeaderSupplement } from './view/directory-layer.ts'
export { DirectoryLayer } from './view/directory-layer.ts'
export { DirectoryUpper } from './view/upper/directory-upper.ts'
export { MemoryUpper } from './union/memory-upper.ts'
export { DiskLayer } from './view/upper/disk-layer.ts'
export type { ExplainOp } from './explain/predict.ts'
export { EXPLAIN_OPS } from './explain/predict.ts'
export type { Holding, Verdict } from './explain/trace.ts'
export type {
  ExplainedChange,
  ExplainedLayer,
  ExplainedOperation,
  ExplainedSight,
  ExplainedStep,
  Explanation,
  ExplainOptions,
  PlainDirectories,
} from './explain/explain.ts'
export { explainDirectories, explainPath } from './explain/explain.ts'
export { parseDirectoryOptions } from './explain/directory-options.ts'
export { explanationPicture } from './explain/picture.ts'
export type { Language } from './explain/sentences.ts'
export {
  changeText,
  endText,
  holdingText,
  nothingToDoText,
  refusalText,
  sightText,
} from './explain/sentences.ts'
export type { Bilingual, Lesson, Marks, Step } from './lab/lesson.ts'
export { LESSONS, lessonOf } from './lab/lessons.ts'
export type { GroundKind } from './lab/ground.ts'
export type { RunLessonOptions, StepResult } from './lab/run-lesson.ts'
export { runLesson } from './lab/run-lesson.ts'
export type { LessonPageOptions, LessonRun } from './lab/page.ts'
export { lessonPage } from './lab/page.ts'
