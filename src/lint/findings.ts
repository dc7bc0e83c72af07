// What lint found in one image, gathered under a bound: a layer of a million odd entries must not become a million
// findings in memory. Knows findings; which rule applies, the readers of layers decide.

import type { DiffID } from '../digest/digest.ts'
import { pathBytes, pathFromText, pathText, type BytePath } from '../path/byte-path.ts'
import { lintRule, type LintLevel, type LintRuleID } from './rules.ts'

export interface LintFinding {
  readonly rule: LintRuleID
  readonly level: LintLevel
  /** Base is 1. */
  readonly layer: number
  readonly diffID: DiffID
  /** Absolute, `/` for the root; absent for what concerns a layer as a whole. U+FFFD where the name is no UTF-8. */
  readonly path?: string
  /** The exact bytes, only where `path` cannot tell them. */
  readonly pathBase64?: string
  /** What is so, of this path or layer. */
  readonly message: string
  /** Who reads it differently. */
  readonly differs: string
}

/** Listed of one rule; the rest is counted. */
export const FINDINGS_PER_RULE_MAX = 1000

export interface FoundInLayer {
  readonly path?: BytePath
  readonly message: string
  /** Default: the rule's. */
  readonly level?: LintLevel
}

export class Findings {
  readonly #wanted: (rule: LintRuleID) => boolean
  readonly #list: LintFinding[] = []
  readonly #counts = new Map<LintRuleID, number>()
  #layer = 0
  #diffID: DiffID | undefined

  constructor(wanted: (rule: LintRuleID) => boolean) {
    this.#wanted = wanted
  }

  /** What is added from here on is of this layer. @param layer base is 1 */
  startLayer(layer: number, diffID: DiffID): void {
    this.#layer = layer
    this.#diffID = diffID
  }

  add(rule: LintRuleID, found: FoundInLayer): void {
    if (!this.#wanted(rule)) return
    const count = (this.#counts.get(rule) ?? 0) + 1
    this.#counts.set(rule, count)
    if (count > FINDINGS_PER_RULE_MAX) return
    const { level, differs } = lintRule(rule)
    this.#list.push({
      rule,
      level: found.level ?? level,
      layer: this.#layer,
      diffID: this.#diffID!,
      ...(found.path === undefined ? {} : shownPath(found.path)),
      message: found.message,
      differs,
    })
  }

  /** By layer, as found. */
  list(): readonly LintFinding[] {
    return this.#list.sort((a, b) => a.layer - b.layer)
  }

  /** How many there were of each rule beyond those listed. */
  omitted(): Readonly<Partial<Record<LintRuleID, number>>> {
    return Object.fromEntries(
      [...this.#counts]
        .filter(([, count]) => count > FINDINGS_PER_RULE_MAX)
        .map(([rule, count]) => [rule, count - FINDINGS_PER_RULE_MAX]),
    )
  }
}

/** Relative names get their slash, and lose a leading `./`; names that are odd are shown as they stand. */
export function shownPath(path: BytePath): { path: string; pathBase64?: string } {
  const text = pathText(path)
  const exact = text === path || pathFromText(text) === path
  return {
    path: path.startsWith('/') ? text : `/${text.replace(/^\.\//, '')}`,
    ...(exact ? {} : { pathBase64: pathBytes(path).toString('base64') }),
  }
}
