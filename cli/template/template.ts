// `--format` and `-f`: a Go template, compiled once and carried out over any number of values.
// A template is the user's own text. Nothing that comes out of an image is ever given to compileTemplate.

import { InvalidArgumentError } from '../library/documents.ts'
import { execute } from './evaluator.ts'
import { FUNCTIONS, HEADER_FUNCTIONS } from './functions.ts'
import { fromJSON } from './go-value.ts'
import { parse } from './parser.ts'
import { TemplateFailure } from './template-error.ts'

export interface TemplateOptions {
  /** A key that a map does not have: `<no value>` (default), or an error. */
  readonly missingKey?: 'invalid' | 'error'
  /** Functions leave names as they are: for the header row of a table. */
  readonly header?: boolean
}

export interface Template {
  /**
   * @param data JSON-like values (objects are maps, whole numbers ints), or the classes of go-value.ts
   * @throws InvalidArgumentError ERR_TEMPLATE with Go's complaint
   */
  execute(data: unknown, options?: TemplateOptions): string
}

/** @throws InvalidArgumentError ERR_TEMPLATE with Go's complaint, as docker prints it */
export function compileTemplate(text: string): Template {
  const templates = translated(() => parse(text, new Set(FUNCTIONS.keys())))
  return {
    execute(data, { missingKey, header } = {}) {
      const options = {
        ...(missingKey === undefined ? {} : { missingKey }),
        functions: header === true ? HEADER_FUNCTIONS : FUNCTIONS,
      }
      return translated(() => execute({ text, templates }, fromJSON(data), options))
    },
  }
}

function translated<Result>(run: () => Result): Result {
  try {
    return run()
  } catch (cause) {
    if (!(cause instanceof TemplateFailure)) throw cause
    throw new InvalidArgumentError('ERR_TEMPLATE', `template parsing error: ${cause.message}`, {
      details: { reason: cause.message },
    })
  }
}
