#!/usr/bin/env node
// `shale`: the command line as given. What ships begins as a line of sh, which calls `node -- FILE` (package.json): Node
// would else take `--env-file` for its own, wherever it stands, and with it SHALE_ROOT and NODE_OPTIONS of a container.

import { useCompileCache } from './compile-cache.ts'

useCompileCache()
// Only what is read from here on is kept compiled.
const { runProcess } = await import('./process.ts')
await runProcess(process.argv.slice(2))
