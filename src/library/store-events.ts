// What an open store tells its listeners: one typed emitter instead of a callback at each call. Tells what was done
// through this one object; what other processes do to the same root, it does not watch.

import { EventEmitter } from 'node:events'
import type { ImageID } from '../digest/digest.ts'
import type { Warning } from '../errors.ts'
import type { Removal } from '../store/remove-image.ts'
import type { Progress, TransferOptions } from '../transfer/progress.ts'

/** docker's words for what happens to a container, where it has one. */
export interface ContainerEvent {
  readonly action: 'create' | 'mount' | 'unmount' | 'commit' | 'rename' | 'destroy'
  /** 64 hex digits. */
  readonly id: string
  readonly name: string
  /** Of `mount` and `unmount`: the real path. */
  readonly target?: string
  /** Of `commit`: the new image. */
  readonly imageID?: ImageID
}

/** What happened to an image, and to which. */
export type ImageEvent =
  | { readonly action: 'load'; readonly imageID: ImageID; readonly names: readonly string[] }
  | {
      readonly action: 'import' | 'commit' | 'squash' | 'tag'
      readonly imageID: ImageID
      readonly names: readonly string[]
    }
  | { readonly action: 'remove'; readonly removal: Removal }

/** Names of events, and what a listener is called with. */
export interface StoreEventMap {
  /** After the change is in the store. */
  container: [event: ContainerEvent]
  /** After the change is in the store. */
  image: [event: ImageEvent]
  /** While `load`, `import`, `save`, `commit` and `squash` run. */
  progress: [progress: Progress]
  /** What is worth telling and stops nothing; an `onWarning` is told as well. */
  warning: [warning: Warning]
}

/** `store.events`: Node's emitter, with the events of StoreEventMap. */
export class StoreEvents extends EventEmitter<StoreEventMap> {
  /** The same options, with the listeners told of progress too. */
  transfer<Options extends TransferOptions>(options: Options): Options {
    const { onProgress } = options
    return {
      ...options,
      onProgress: (progress: Progress): void => {
        this.emit('progress', progress)
        onProgress?.(progress)
      },
    }
  }
}
