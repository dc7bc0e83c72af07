// The version of the package that this code is part of.

import { readFileSync } from 'node:fs'
import path from 'node:path'

export function version(): string {
  // dist/cli or dist/bin: the package's own package.json is two folders up, in a checkout as in node_modules.
  const file = path.join(import.meta.dirname, '..', '..', 'package.json')
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
