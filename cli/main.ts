#!/usr/bin/env node
// `shale`: the command line as given.

import { useCompileCache } from './compile-cache.ts'

useCompileCache()
// Only what is read from here on is kept compiled.
const { runProcess } = await import('./process.ts')
await runProcess(process.argv.slice(2))
