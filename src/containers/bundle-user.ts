// Who a container runs as: `USER[:GROUP]` by the image's own /etc/passwd and /etc/group, read inside the image. Rules
// and words: moby/opencontainers user.GetExecUser.

import { InvalidArgumentError, NotFoundError } from '../errors.ts'
import { pathFromText } from '../path/byte-path.ts'
import type { LayerStack } from '../view/stack.ts'
import { openContent } from '../view/file-content.ts'

export interface ProcessUser {
  readonly uid: number
  readonly gid: number
  readonly additionalGids: readonly number[]
  /** `/` where no entry says another. */
  readonly home: string
}

const ID_MAX = 2 ** 31 - 1
/** No real one comes near; whatever lies behind it is not read. */
const FILE_BYTES_MAX = 4 << 20

/** @throws InvalidArgumentError ERR_OPTION where the image knows no such user or group */
export async function resolveUser(stack: LayerStack, spec: string): Promise<ProcessUser> {
  const colon = spec.indexOf(':')
  const userName = colon < 0 ? spec : spec.slice(0, colon)
  const groupName = colon < 0 ? '' : spec.slice(colon + 1)
  const passwd = await table(stack, '/etc/passwd')
  const groups = await table(stack, '/etc/group')

  const wanted = userName === '' ? '0' : userName
  const entry = passwd.find(([name, , uid]) => name === wanted || uid === wanted)
  if (entry === undefined && idOf(wanted) === undefined) {
    throw refuse('user', userName, 'no matching entries in passwd file')
  }
  const uid = entry ? numberOf(entry[2]) : checkedID(wanted)
  const home = entry?.[5] || '/'
  const own = entry ? numberOf(entry[3]) : 0
  if (groupName === '') {
    const additionalGids = groups
      .filter(
        ([, , , members = '']) => entry !== undefined && members.split(',').includes(entry[0]!),
      )
      .map(([, , gid]) => numberOf(gid))
    return { uid, gid: own, additionalGids, home }
  }
  const group = groups.find(([name, , gid]) => name === groupName || gid === groupName)
  if (group === undefined && idOf(groupName) === undefined) {
    throw refuse('group', groupName, 'no matching entries in group file')
  }
  const gid = group ? numberOf(group[2]) : checkedID(groupName)
  return { uid, gid, additionalGids: [], home }
}

function idOf(text: string): number | undefined {
  return /^[0-9]+$/.test(text) ? Number(text) : undefined
}

function numberOf(text: string | undefined): number {
  return idOf(text ?? '') ?? 0
}

function checkedID(text: string): number {
  const id = Number(text)
  if (id <= ID_MAX) return id
  throw new InvalidArgumentError(
    'ERR_OPTION',
    `uids and gids must be in range 0-${ID_MAX}: ${text}`,
    { details: { value: text } },
  )
}

function refuse(kind: 'user' | 'group', name: string, reason: string): InvalidArgumentError {
  return new InvalidArgumentError('ERR_OPTION', `unable to find ${kind} ${name}: ${reason}`, {
    details: { [kind]: name },
  })
}

/** Lines of colon-separated fields; none where there is no such file, or something else in its place. */
async function table(stack: LayerStack, path: string): Promise<string[][]> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const chunk of openContent(stack, pathFromText(path))) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > FILE_BYTES_MAX) break
    }
  } catch (error) {
    if (error instanceof NotFoundError || error instanceof InvalidArgumentError) return []
    throw error
  }
  return Buffer.concat(chunks)
    .toString('utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'))
}
