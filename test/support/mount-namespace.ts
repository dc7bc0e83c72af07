// A command in a mount namespace of its own, for root. A namespace begins with a copy of every mount there is: that of a
// FUSE mount keeps its server alive, and the server's lock on its upper directory, until the namespace ends, whoever
// takes the mount away meanwhile. So those of other tests, which run beside, are let go first.

const SCRIPT = 'umount -a -l -i -c -t fuse.shale 2>/dev/null; exec "$@"'

/** @returns the whole command line */
export function apart(command: readonly string[]): string[] {
  return ['unshare', '-m', '--propagation', 'private', 'sh', '-c', SCRIPT, 'sh', ...command]
}
