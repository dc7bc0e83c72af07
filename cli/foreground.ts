// A mount that stays in the foreground: who waits for its server, and what becomes of it when nobody will.

import type { MountServer } from '../src/index.ts'

/** Where it cannot be said, the mount is taken away again: with the error this process ends, and the server would go on. */
export async function saidOrStopped(
  server: MountServer | undefined,
  said: Promise<void>,
): Promise<void> {
  try {
    await said
  } catch (error) {
    server?.stop()
    await server?.ended
    throw error
  }
}
