// The documents of an archive: what they point at, what they claim, and what they are.

import { dir, file, layerTar, sha256Text } from '../layer.ts'
import { buildImage, dockerArchive25 } from '../image.ts'
import { casesOf, type HostileCase } from './case.ts'

import {
  cleanBlobs,
  cleanOci,
  cleanOld,
  manifest,
  old,
  replaceLayer,
  tags,
  withConfig,
} from './archive-edits.ts'

const ESCAPE = ['ERR_PATH_ESCAPE']
const LINK = ['ERR_LINK_ESCAPE']
const MANIFEST = ['ERR_MANIFEST']
const CONFIG = ['ERR_CONFIG']
const DIGEST = ['ERR_DIGEST_MISMATCH']
const SIZE = ['ERR_SIZE_MISMATCH']

export const MANIFESTS: readonly HostileCase[] = casesOf('manifest', {
  'config-outside': {
    advisory: 'CVE-2014-9356',
    attack: 'the config is a file of the host',
    build: (at) => old((files) => manifest(files, (item) => (item.Config = `${at.up}/secret`))),
    twin: cleanOld,
    expect: ESCAPE,
    names: 'secret',
  },
  'config-absolute': {
    attack: 'the config is an absolute path',
    build: (at) => old((files) => manifest(files, (item) => (item.Config = `${at.dir}/secret`))),
    twin: cleanOld,
    expect: ESCAPE,
  },
  'layer-outside': {
    attack: 'a layer is a file of the host',
    build: (at) => old((files) => manifest(files, (item) => (item.Layers[0] = `${at.up}/secret`))),
    twin: cleanOld,
    expect: ESCAPE,
  },
  'layer-is-symlink-outside': {
    attack: 'a layer is a symlink to a file of the host',
    build: (at) =>
      old((files) =>
        manifest(files, (item) => files.set(item.Layers[0]!, { symlink: `${at.up}/secret` })),
      ),
    twin: cleanOld,
    expect: LINK,
    names: 'layer.tar',
  },
  'layer-is-absolute-symlink': {
    attack: 'the same by an absolute symlink',
    build: (at) =>
      old((files) =>
        manifest(files, (item) => files.set(item.Layers[0]!, { symlink: `${at.dir}/secret` })),
      ),
    twin: cleanOld,
    expect: LINK,
  },
  'layer-is-symlink-loop': {
    attack: 'a layer is a symlink to itself',
    build: () =>
      old((files) =>
        manifest(files, (item) => files.set(item.Layers[0]!, { symlink: 'layer.tar' })),
      ),
    twin: cleanOld,
    expect: LINK,
  },
  'config-is-symlink-outside': {
    attack: 'the config is a symlink to a file of the host',
    build: (at) =>
      old((files) =>
        manifest(files, (item) => files.set(item.Config, { symlink: `${at.dir}/secret` })),
      ),
    twin: cleanOld,
    expect: LINK,
  },
  'folder-is-symlink-outside': {
    attack: 'the folder of a layer is a symlink to a directory of the host',
    build: (at) =>
      old((files) =>
        manifest(files, (item) => {
          const folder = item.Layers[0]!.split('/')[0]!
          for (const name of [...files.keys()])
            if (name.startsWith(`${folder}/`)) files.delete(name)
          files.set(folder, { symlink: at.dir })
          item.Layers[0] = `${folder}/secret`
        }),
      ),
    twin: cleanOld,
    expect: LINK,
  },
  'manifest-is-symlink-outside': {
    attack: 'manifest.json is a symlink to a file of the host',
    build: (at) => old((files) => files.set('manifest.json', { symlink: `${at.dir}/secret` })),
    twin: cleanOld,
    expect: LINK,
    names: 'manifest.json',
  },
  'manifest-is-fifo': {
    attack: 'manifest.json is a FIFO: its reader waits for ever',
    build: () => old((files) => files.set('manifest.json', { fifo: true })),
    twin: cleanOld,
    expect: ['ERR_MEMBER_MISSING'],
    names: 'manifest.json',
  },
  'manifest-is-directory': {
    attack: 'manifest.json is a directory',
    build: () =>
      old((files) => {
        files.delete('manifest.json')
        files.set('manifest.json/', { directory: true })
      }),
    twin: cleanOld,
    expect: ['ERR_MEMBER_MISSING'],
  },
  'members-climb': {
    attack: 'members of the archive itself climb out of it',
    build: (at) => ({
      ...old((files) => files.set(`${at.up}/owned`, Buffer.from('x'))),
      asTarOnly: true,
    }),
    twin: () => ({ ...old((files) => files.set('a/../extra', Buffer.from('x'))), asTarOnly: true }),
    expect: 'harmless',
  },
  'parent-is-a-path': {
    advisory: 'CVE-2014-9356',
    attack: 'the parent’s ID is a path',
    build: (at) => old((files) => manifest(files, (item) => (item.Parent = `${at.up}/secret`))),
    twin: cleanOld,
    expect: MANIFEST,
  },
  'tag-is-a-path': {
    attack: 'a tag that climbs',
    build: (at) => old((files) => manifest(files, (item) => (item.RepoTags = [`${at.up}/x:1`]))),
    twin: cleanOld,
    expect: MANIFEST,
  },
  'tag-with-escapes': {
    attack: 'a tag that writes on the terminal',
    build: () => old((files) => manifest(files, (item) => (item.RepoTags = ['x\u001b[2J:1']))),
    twin: cleanOld,
    expect: MANIFEST,
  },
  'tags-are-no-list': {
    attack: 'a string where a list belongs',
    build: () => old((files) => manifest(files, (item) => (item.RepoTags = 'hostile:1'))),
    twin: () => old((files) => manifest(files, (item) => (item.RepoTags = null))),
    expect: MANIFEST,
  },
  'prototype-keys': {
    attack: '__proto__ and constructor as keys',
    build: () =>
      old((files) =>
        files.set(
          'manifest.json',
          Buffer.from(
            (files.get('manifest.json') as Buffer)
              .toString()
              .replace(
                '[{',
                '[{"__proto__":{"Layers":["/etc/passwd"]},"constructor":{"prototype":{"polluted":1}},',
              ),
          ),
        ),
      ),
    twin: cleanOld,
    expect: 'harmless',
  },
  'keys-in-two-cases': {
    attack: 'a layer list twice, in two cases: one is checked, and Go takes the last',
    build: () =>
      old((files) => manifest(files, (item) => Object.assign(item, { layers: ['/etc/passwd'] }))),
    twin: () => old((files) => manifest(files, (item) => Object.assign(item, { Comment: 'x' }))),
    expect: MANIFEST,
    names: 'layers',
  },
  'keys-that-go-folds': {
    attack: 'a key with a long s, which Go takes for an s',
    build: () =>
      old((files) => manifest(files, (item) => Object.assign(item, { 'RepoTag\u017f': ['x:1'] }))),
    twin: cleanOld,
    expect: MANIFEST,
  },
  'key-twice': {
    attack: 'the config twice: the first is checked, the last is taken',
    build: () =>
      old((files) => {
        const text = (files.get('manifest.json') as Buffer).toString()
        files.set('manifest.json', Buffer.from(text.replace('[{', '[{"Config":"/etc/passwd",')))
      }),
    twin: cleanOld,
    expect: 'harmless',
  },
  'prototype-only': {
    attack: 'a manifest whose fields are inherited',
    build: () =>
      old((files) =>
        files.set('manifest.json', Buffer.from('[{"__proto__":{"Config":"x","Layers":[]}}]')),
      ),
    twin: cleanOld,
    expect: MANIFEST,
  },
  'config-of-another-digest': {
    attack: 'a config whose bytes are not those of its name',
    build: () =>
      old((files, built) =>
        files.set(
          `${built.imageID.slice(7)}.json`,
          Buffer.concat([built.configBytes, Buffer.from(' ')]),
        ),
      ),
    twin: cleanOld,
    expect: DIGEST,
  },
  'layer-of-another-digest': {
    attack: 'a layer whose bytes are not those of its diff_id',
    build: () =>
      old((files) =>
        manifest(files, (item) =>
          files.set(item.Layers[1]!, layerTar(dir('etc'), file('etc/motd', 'owned'))),
        ),
      ),
    twin: cleanOld,
    expect: DIGEST,
    names: 'layer 2',
  },
  'blob-of-another-digest': {
    attack: 'a blob of an OCI layout with other bytes of the same length',
    build: () =>
      replaceLayer((layer) => {
        const changed = Buffer.from(layer)
        changed[600]! ^= 1
        return changed
      }),
    twin: cleanOci,
    expect: DIGEST,
  },
  'blob-longer-than-its-size': {
    attack: 'a blob with more bytes than its descriptor says',
    build: () => replaceLayer((layer) => Buffer.concat([layer, Buffer.alloc(512)])),
    twin: cleanOci,
    expect: SIZE,
  },
  'labels-as-templates': {
    attack: 'labels, commands and history that are Go templates and escape sequences',
    build: () => ({
      members: dockerArchive25([
        {
          tags,
          image: buildImage([layerTar(file('f', 'mine'))], {
            author: '{{.ID}}\u001b[2J',
            comment: '\u001b]0;owned\u0007',
            config: {
              Labels: {
                '{{.ID}}': '{{json .}}',
                __proto__: 'x',
                constructor: '\u001b[31m',
                'a\nb': 'c\r\nd',
              },
              Env: ['X={{.Config}}', 'Y=\u001b[2J'],
              Cmd: ['{{range .}}\u009b2J'],
            },
            history: [
              {
                created: '2026-01-02T03:04:05Z',
                created_by: '{{.ID}}\u001b[2J\u202e',
                comment: '\u0007',
              },
            ],
          }),
        },
      ]),
    }),
    twin: cleanBlobs,
    expect: 'harmless',
    holds: { '/f': 'mine' },
  },
  'history-claims-more-layers': {
    attack: 'a history of more layers than there are',
    build: () => withConfig({ history: Array.from({ length: 9 }, () => ({ created_by: 'x' })) }),
    twin: () =>
      withConfig({
        history: Array.from({ length: 9 }, () => ({ created_by: 'x', empty_layer: true })),
      }),
    expect: CONFIG,
  },
  'created-is-no-time': {
    attack: 'a time that makes dockerd drop the image',
    build: () => withConfig({ created: 'yesterday' }),
    twin: () => withConfig({ created: '2026-01-02T03:04:05+02:00' }),
    expect: CONFIG,
  },
  'config-is-no-object': {
    attack: 'a config that is a list',
    build: () =>
      old((files) => {
        const bytes = Buffer.from('[]')
        const name = `${sha256Text(bytes).slice(7)}.json`
        files.set(name, bytes)
        manifest(files, (item) => (item.Config = name))
      }),
    twin: cleanOld,
    expect: CONFIG,
  },
  'not-json': {
    attack: 'a manifest that is a program',
    build: () => old((files) => files.set('manifest.json', Buffer.from('\x7fELF\0\0'))),
    twin: cleanOld,
    expect: MANIFEST,
  },
  'json-with-bom-and-junk': {
    attack: 'JSON with more behind it, that some readers ignore',
    build: () =>
      old((files) =>
        files.set(
          'manifest.json',
          Buffer.concat([files.get('manifest.json') as Buffer, Buffer.from('[]')]),
        ),
      ),
    twin: () =>
      old((files) =>
        files.set(
          'manifest.json',
          Buffer.concat([files.get('manifest.json') as Buffer, Buffer.from('\n \n')]),
        ),
      ),
    expect: MANIFEST,
  },
})
