// Findings as SARIF 2.1.0 (OASIS), the form that code hosts and editors take. A file inside an image has no place in a
// source tree, so its location is the archive or image, with the path inside as a logical location.

import type { LintedImage } from './lint.ts'
import { LINT_RULES, type LintLevel, type LintRuleID } from './rules.ts'

export interface SarifLog {
  readonly $schema: string
  readonly version: '2.1.0'
  readonly runs: readonly SarifRun[]
}

interface SarifRun {
  readonly tool: {
    readonly driver: {
      readonly name: string
      readonly version: string
      readonly rules: readonly {
        readonly id: LintRuleID
        readonly shortDescription: { readonly text: string }
        readonly fullDescription: { readonly text: string }
        readonly defaultConfiguration: { readonly level: LintLevel }
      }[]
    }
  }
  readonly columnKind: 'utf16CodeUnits'
  readonly results: readonly SarifResult[]
}

interface SarifResult {
  readonly ruleId: LintRuleID
  readonly ruleIndex: number
  readonly level: LintLevel
  readonly message: { readonly text: string }
  readonly locations: readonly {
    readonly physicalLocation: { readonly artifactLocation: { readonly uri: string } }
    readonly logicalLocations: readonly {
      readonly name: string
      readonly fullyQualifiedName: string
      readonly kind: 'resource'
    }[]
  }[]
  readonly partialFingerprints: { readonly 'shaleFinding/v1': string }
}

/** @param target as the user named it: an archive's path or an image's name */
export function sarifLog(
  images: readonly LintedImage[],
  options: { readonly target: string; readonly version: string },
): SarifLog {
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'shale',
            version: options.version,
            rules: LINT_RULES.map(({ id, title, differs, level }) => ({
              id,
              shortDescription: { text: title },
              fullDescription: { text: `${title}: ${differs}` },
              defaultConfiguration: { level },
            })),
          },
        },
        columnKind: 'utf16CodeUnits',
        results: images.flatMap((image) => resultsOf(image, options.target)),
      },
    ],
  }
}

function resultsOf(image: LintedImage, target: string): SarifResult[] {
  const name = image.names[0] ?? image.imageID
  return image.findings.map(({ rule, level, layer, diffID, path = '', message, differs }) => ({
    ruleId: rule,
    ruleIndex: LINT_RULES.findIndex(({ id }) => id === rule),
    level,
    message: { text: `${path === '' ? '' : `${path}: `}${message}; ${differs}` },
    locations: [
      {
        physicalLocation: { artifactLocation: { uri: uriOf(target) } },
        logicalLocations: [
          {
            name: path === '' ? `layer ${layer}` : path,
            fullyQualifiedName: `${name}/layer ${layer} (${diffID})${path}`,
            kind: 'resource',
          },
        ],
      },
    ],
    partialFingerprints: { 'shaleFinding/v1': `${rule}:${diffID}:${path}` },
  }))
}

/** A relative reference; a colon in the first segment would make it a scheme. */
function uriOf(target: string): string {
  // Arguments of a process are UTF-8 by then, so there are no lone surrogates for encodeURIComponent to refuse.
  const encoded = target
    .split('/')
    .map((part) => encodeURIComponent(part))
    .join('/')
  return encoded === '' ? '.' : encoded
}
