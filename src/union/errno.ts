// The errno numbers by which the union answers, as Linux has them on x86-64 and arm64 (asm-generic/errno.h). The pure
// core must not ask the host for them; a test holds them against the host's.

export const E = {
  PERM: 1,
  NOENT: 2,
  IO: 5,
  BADF: 9,
  BUSY: 16,
  EXIST: 17,
  XDEV: 18,
  NOTDIR: 20,
  ISDIR: 21,
  INVAL: 22,
  FBIG: 27,
  NOSPC: 28,
  ROFS: 30,
  NAMETOOLONG: 36,
  NOTEMPTY: 39,
  LOOP: 40,
  NODATA: 61,
  OPNOTSUPP: 95,
  STALE: 116,
} as const
