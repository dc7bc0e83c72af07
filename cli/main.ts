#!/usr/bin/env node
// `shale`: the command line as given.

import { runProcess } from './process.ts'

await runProcess(process.argv.slice(2))
