// What a long transfer tells while it runs: data for whoever draws it, at most about ten times a second a layer.

export type Progress =
  | {
      readonly kind: 'layer'
      /** 12 hex digits of the diffID. */
      readonly id: string
      readonly state: 'waiting' | 'loading' | 'saving' | 'exists' | 'done'
      readonly doneBytes: number
      readonly totalBytes: number
    }
  | { readonly kind: 'step'; readonly text: string }

export type OnProgress = (progress: Progress) => void

export interface TransferOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: OnProgress
}
