// Times as utimes and its kin take them (seconds, text of seconds, a Date), and what of them arrives on a disk: Node makes a
// double of all of them, and libuv microseconds of that.

import { isDate } from 'node:util/types'
import { E } from '../union/errno.ts'
import type { Attributes } from '../union/upper-layer.ts'
import { wrongType } from './refusals.ts'

const NS_PER_SECOND = 1_000_000_000n
const NS_PER_MICROSECOND = 1000
/** As many seconds as the kernel's time_t has. */
const SECONDS_MAX = 2 ** 63

export type TimeArgument = number | string | Date

/** @returns -EINVAL for what no disk keeps, which is told after what is wrong with the path. @throws TypeError ERR_INVALID_ARG_TYPE */
export function timesArgument(
  atime: TimeArgument,
  mtime: TimeArgument,
  names: readonly [string, string] = ['time', 'time'],
): Attributes | number {
  const seconds = [secondsOf(atime, names[0]), secondsOf(mtime, names[1])] as const
  // What is more than a time_t becomes no time at all in libuv.
  if (!seconds.every((each) => Math.abs(each) < SECONDS_MAX)) return -E.INVAL
  return { atimeNs: nanoseconds(seconds[0]), mtimeNs: nanoseconds(seconds[1]) }
}

/** Perhaps NaN, of a Date that is none, or infinite: the system is asked, and refuses that. */
function secondsOf(time: TimeArgument, name: string): number {
  if (typeof time === 'string' && !Number.isNaN(Number(time))) return Number(time)
  if (typeof time === 'number' && Number.isFinite(time)) {
    // A negative number means now; a time before 1970 is said by a Date or text.
    return time < 0 ? Date.now() / 1000 : time
  }
  if (isDate(time)) return time.getTime() / 1000
  throw wrongType(name, 'an instance of Date or an Time in seconds', time)
}

/** uv__fs_to_timespec, which cuts off and does not round. */
function nanoseconds(seconds: number): bigint {
  const whole = Math.trunc(seconds)
  const fraction = Math.trunc((seconds - whole) * 1e9)
  return BigInt(whole) * NS_PER_SECOND + BigInt(fraction - (fraction % NS_PER_MICROSECOND))
}
