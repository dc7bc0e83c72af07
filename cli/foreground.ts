// A mount that stays in the foreground, whose record cannot be printed: its server must not go on without us.

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
