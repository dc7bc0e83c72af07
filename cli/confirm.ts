// The question before something goes for good: docker's words, on a terminal only. Where nobody can answer, silence is
// no consent: the verb is refused and names the flag.

import type { Context } from './context.ts'

/**
 * @param warning the lines above the question
 * @returns whether the answer was y
 * @throws InvalidArgumentError ERR_OPTION where standard input is no terminal
 */
export async function confirm(warning: string, context: Context): Promise<boolean> {
  if (!context.stdin.isTTY) {
    const { InvalidArgumentError } = await import('../src/index.ts')
    throw new InvalidArgumentError(
      'ERR_OPTION',
      'cannot ask whether to go on: standard input is no terminal; add --force, or --dry-run to see what would go',
    )
  }
  await context.stdout.write(`${warning}Are you sure you want to continue? [y/N] `)
  return /^\s*y\s*$/i.test(await line(context))
}

/** One line, or what there is of it. An open terminal would keep the process alive, so it is closed after the answer. */
async function line({ stdin }: Context): Promise<string> {
  let text = ''
  for await (const chunk of stdin) {
    text += String(chunk)
    const end = text.indexOf('\n')
    if (end >= 0) return text.slice(0, end)
  }
  return text
}

/** docker's warning: what goes, as a list, and by which filters. */
export function pruneWarning(items: readonly string[], filters: readonly string[]): string {
  const list = (lines: readonly string[]): string => lines.map((text) => `  - ${text}\n`).join('')
  const filtered =
    filters.length === 0 ? '' : `\n  Items to be pruned will be filtered with:\n${list(filters)}`
  return `WARNING! This will remove:\n${list(items)}${filtered}\n`
}
