// How much a container may use of its host, out of hostconfig.json, as config.json bounds it: linux.resources for all
// of its processes together, process.rlimits for each.
// Source: moby daemon/daemon_unix.go getMemoryResources, getCPUResources, getPidsLimit; daemon/oci_linux.go WithRlimits.

import { isObject, type JsonObject, type JsonValue } from '../image/json.ts'
import { listAt, numberAt, textAt } from './document-fields.ts'

export interface Rlimit {
  readonly type: string
  /** Up to 2^64 - 1, which is no bound at all, and more than a number holds. */
  readonly soft: bigint
  readonly hard: bigint
}

const CPU_PERIOD = 100_000

/** linux.resources but for devices; what is not bounded is not there. */
export function resourcesOf(hostConfig: JsonObject): JsonObject {
  const pids = numberAt(hostConfig, 'PidsLimit')
  return {
    ...filled('memory', memoryOf(hostConfig)),
    ...filled('cpu', cpuOf(hostConfig)),
    ...(pids > 0 ? { pids: { limit: pids } } : {}),
  }
}

export function rlimitsOf(hostConfig: JsonObject): readonly Rlimit[] {
  return listAt(hostConfig, 'Ulimits')
    .filter(isObject)
    .flatMap((each) => {
      const name = textAt(each, 'Name')
      if (name === '') return []
      const bound = (key: string): bigint =>
        BigInt.asUintN(64, BigInt(Math.trunc(numberAt(each, key))))
      return [{ type: `RLIMIT_${name.toUpperCase()}`, soft: bound('Soft'), hard: bound('Hard') }]
    })
}

/** Swap alone bounds nothing: it counts memory in. */
function memoryOf(hostConfig: JsonObject): JsonObject {
  const limit = numberAt(hostConfig, 'Memory')
  const swap = numberAt(hostConfig, 'MemorySwap')
  return limit === 0 ? {} : { limit, ...(swap === 0 ? {} : { swap }) }
}

/** `--cpus` is a quota in other words; dockerd does not take both. */
function cpuOf(hostConfig: JsonObject): JsonObject {
  const nanoCPUs = numberAt(hostConfig, 'NanoCpus')
  const inFull = { quota: Math.floor((nanoCPUs * CPU_PERIOD) / 1e9), period: CPU_PERIOD }
  const given: readonly (readonly [string, JsonValue])[] = [
    ['shares', Math.max(0, numberAt(hostConfig, 'CpuShares'))],
    ['quota', numberAt(hostConfig, 'CpuQuota')],
    ['period', numberAt(hostConfig, 'CpuPeriod')],
    ['cpus', textAt(hostConfig, 'CpusetCpus')],
    ['mems', textAt(hostConfig, 'CpusetMems')],
  ]
  const asked = Object.fromEntries(given.filter(([, value]) => value !== 0 && value !== ''))
  return { ...(nanoCPUs > 0 ? inFull : {}), ...asked }
}

function filled(key: string, object: JsonObject): JsonObject {
  return Object.keys(object).length === 0 ? {} : { [key]: object }
}
