// rename: another name for a container. Its document is written again with everything else in it as it was.

import path from 'node:path'
import { ConflictError } from '../errors.ts'
import { encodeGoJSON } from '../image/go-json.ts'
import { isObject, ownField, type JsonObject } from '../image/json.ts'
import type { Store } from '../store/store.ts'
import { containerOf } from './container-stack.ts'
import { inOrder } from './inspect-container.ts'
import { parseContainerName, refuseTakenName } from './container-name.ts'

/**
 * @throws NotFoundError ERR_CONTAINER_NOT_FOUND; InvalidArgumentError ERR_OPTION;
 *   ConflictError ERR_CONTAINER_NAME_IN_USE
 */
export async function renameContainer(
  store: Store,
  name: string,
  newName: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<{ readonly id: string; readonly name: string; readonly previous: string }> {
  const wanted = parseContainerName(newName)
  containerOf(store, name)
  return store.write(async (transaction) => {
    const container = containerOf(store, name)
    if (container.name === wanted) {
      throw new ConflictError(
        'ERR_CONTAINER_NAME_IN_USE',
        'Renaming a container with the same name as its current name',
        { details: { name: wanted, container: container.id } },
      )
    }
    refuseTakenName(store, wanted)
    const document = { ...container.document, Name: `/${wanted}`, ...named(container.document) }
    transaction.plan({
      op: 'rename',
      from: transaction.stageFile(`${encodeGoJSON(inOrder(document))}\n`, 0o600),
      to: path.join(store.layout.container(container.id), 'config.v2.json'),
    })
    return { id: container.id, name: wanted, previous: container.name }
  }, options)
}

/** One that has a name given to it is known by that name in its networks. */
function named(document: JsonObject): JsonObject {
  const settings = ownField(document, 'NetworkSettings')
  if (!isObject(settings) || ownField(settings, 'IsAnonymousEndpoint') !== true) return {}
  return { NetworkSettings: { ...settings, IsAnonymousEndpoint: false } }
}
