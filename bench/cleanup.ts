// What has to be undone however a run ends: daemons stopped, mounts taken away, directories removed. The last thing
// made goes first. Knows the order and the signals; not what the things are.

type Undo = () => Promise<void> | void

const pending: { readonly what: string; readonly undo: Undo }[] = []
/** Running programs of this benchmark, by their own handles: nobody else's are ever ended. */
const running = new Set<{ kill(signal: NodeJS.Signals): unknown }>()

/** @returns undoes it now, once; also when it fails it is not tried again */
export function onEnd(what: string, undo: Undo): () => Promise<void> {
  const entry = { what, undo }
  pending.push(entry)
  return async () => {
    const at = pending.indexOf(entry)
    if (at < 0) return
    pending.splice(at, 1)
    await undo()
  }
}

export function whileRunning(child: { kill(signal: NodeJS.Signals): unknown }): () => void {
  running.add(child)
  return () => running.delete(child)
}

/** Undoes everything that is left. One failure does not keep the others from being undone. */
export async function undoAll(): Promise<void> {
  for (const child of running) child.kill('SIGTERM')
  for (let entry = pending.pop(); entry; entry = pending.pop()) {
    try {
      await entry.undo()
    } catch (error) {
      process.stderr.write(`bench: could not undo ${entry.what}: ${(error as Error).message}\n`)
    }
  }
}

/** A signal ends the run, and the run's traces with it. */
export function undoOnSignals(): void {
  let asked = false
  for (const [name, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(name, () => {
      if (asked) return
      asked = true
      process.stderr.write(`\nbench: ${name}, taking down what was started\n`)
      void undoAll().finally(() => process.exit(code))
    })
  }
}
