// Images as the archive that `docker save` writes since version 25: an OCI layout that also has manifest.json, so that
// docker from 1.10 on, podman, skopeo and containerd can all read it. Layers go out uncompressed, named by diffID.
// Of docker's own members only the v1 JSON blobs are left out: nothing that reads manifest.json or index.json asks for
// them, and what reads neither (docker before 1.10) does not find them under blobs/ either.

import { OCI_LAYOUT_FILE, OCI_LAYOUT_TEXT } from '../image/archive-manifest.ts'
import type { SaveImage } from './archive.ts'
import {
  blobEntries,
  describeImages,
  documentEntry,
  type ArchiveMember,
} from './image-documents.ts'

/** Members in docker's order, that of their names; owner root and time 0, so equal images give equal bytes. */
export function dockerArchive(images: readonly SaveImage[]): ArchiveMember[] {
  const { blobs, indexJSON, manifestJSON, repositories } = describeImages(images)
  return [
    ...blobEntries(blobs),
    documentEntry('index.json', indexJSON),
    documentEntry('manifest.json', manifestJSON),
    documentEntry(OCI_LAYOUT_FILE, OCI_LAYOUT_TEXT),
    ...(repositories ? [documentEntry('repositories', repositories)] : []),
  ]
}
