// In which language a lesson speaks: as asked for, else as the locale has it (locale(7): LC_ALL, LC_MESSAGES, LANG).

import { Option } from 'commander'
import type { Language } from '../src/index.ts'

const CODES: readonly Language[] = ['en', 'zh']

export function languageOption(): Option {
  const summary = 'English or Chinese (default: by LC_ALL, LC_MESSAGES, LANG)'
  return new Option('--lang <language>', summary).choices(CODES)
}

export function languageOf(asked: Language | undefined, env: NodeJS.ProcessEnv): Language {
  if (asked !== undefined) return asked
  const locale = [env['LC_ALL'], env['LC_MESSAGES'], env['LANG']].find((value) => value)
  return locale?.startsWith('zh') ? 'zh' : 'en'
}
