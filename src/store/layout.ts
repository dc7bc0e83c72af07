// Where everything is under a root, as dockerd lays it out. Pure path arithmetic: touches no disk.
// ROOT/shale/ is the one folder that docker does not know (and ignores): the write lock and the records of merges.

import path from 'node:path'
import type { DriverName } from '../driver/driver.ts'
import { hexOf, type ChainID, type Digest, type DiffID, type ImageID } from '../digest/digest.ts'

export class Layout {
  readonly root: string
  readonly driver: DriverName
  /** ROOT/image/DRIVER */
  readonly image: string
  readonly layers: string
  readonly layerTemp: string
  readonly layerMounts: string
  readonly content: string
  readonly metadata: string
  readonly distribution: string
  readonly repositories: string
  readonly containers: string
  readonly volumes: string
  readonly state: string
  readonly lock: string
  readonly merges: string

  constructor(root: string, driver: DriverName) {
    this.root = path.resolve(root)
    this.driver = driver
    this.image = path.join(this.root, 'image', driver)
    this.layers = path.join(this.image, 'layerdb', 'sha256')
    this.layerTemp = path.join(this.image, 'layerdb', 'tmp')
    this.layerMounts = path.join(this.image, 'layerdb', 'mounts')
    this.content = path.join(this.image, 'imagedb', 'content', 'sha256')
    this.metadata = path.join(this.image, 'imagedb', 'metadata', 'sha256')
    this.distribution = path.join(this.image, 'distribution')
    this.repositories = path.join(this.image, 'repositories.json')
    this.containers = path.join(this.root, 'containers')
    this.volumes = path.join(this.root, 'volumes')
    this.state = path.join(this.root, 'shale')
    this.lock = path.join(this.state, 'lock')
    this.merges = path.join(this.state, 'merges')
  }

  container(id: string): string {
    return path.join(this.containers, id)
  }

  layerMount(containerID: string): string {
    return path.join(this.layerMounts, containerID)
  }

  layer(id: ChainID): string {
    return path.join(this.layers, hexOf(id))
  }

  imageContent(id: ImageID): string {
    return path.join(this.content, hexOf(id))
  }

  imageMetadata(id: ImageID): string {
    return path.join(this.metadata, hexOf(id))
  }

  diffIDByDigest(blob: Digest): string {
    return path.join(this.distribution, 'diffid-by-digest', 'sha256', hexOf(blob))
  }

  v2MetadataByDiffID(diffID: DiffID): string {
    return path.join(this.distribution, 'v2metadata-by-diffid', 'sha256', hexOf(diffID))
  }

  /** Directories that a store has, with docker's modes, parents first. */
  skeleton(): readonly { readonly path: string; readonly mode: number }[] {
    const imagedb = path.join(this.image, 'imagedb')
    return [
      { path: this.root, mode: 0o710 },
      { path: path.join(this.root, 'image'), mode: 0o700 },
      { path: this.image, mode: 0o700 },
      { path: path.join(this.image, 'layerdb'), mode: 0o700 },
      { path: this.layers, mode: 0o755 },
      { path: this.layerTemp, mode: 0o755 },
      { path: imagedb, mode: 0o700 },
      { path: path.join(imagedb, 'content'), mode: 0o700 },
      { path: this.content, mode: 0o700 },
      { path: path.join(imagedb, 'metadata'), mode: 0o700 },
      { path: this.metadata, mode: 0o700 },
      { path: this.distribution, mode: 0o700 },
      { path: this.state, mode: 0o700 },
    ]
  }
}
