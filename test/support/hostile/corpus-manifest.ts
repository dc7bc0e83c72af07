// The corpus as a list for people and for other projects: fixtures/hostile/hostile.json.

import type { HostileCase } from './case.ts'

export interface ListedCase {
  readonly id: string
  readonly class: string
  readonly advisory?: string
  readonly attack: string
  readonly expect: string | readonly string[]
}

export function manifestOf(corpus: readonly HostileCase[]): ListedCase[] {
  return corpus.map(({ id, class: kind, advisory, attack, expect }) => ({
    id,
    class: kind,
    ...(advisory === undefined ? {} : { advisory }),
    attack,
    expect,
  }))
}
