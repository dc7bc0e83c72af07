import t from 'tap'
import { csvRecord } from '../../src/containers/csv-record.ts'
import { mountSpecJson, parseMountSpec } from '../../src/containers/mount-spec.ts'
import { encodeGoJSON } from '../../src/image/go-json.ts'

/** Recorded from HostConfig.Mounts of dockerd 20.10, asked by docker 28. */
const RECORDED: Readonly<Record<string, string>> = {
  'type=volume,src=v1,dst=/a': '{"Type":"volume","Source":"v1","Target":"/a"}',
  'TYPE=Volume,SOURCE=v1,destination=/a/,readonly':
    '{"Type":"volume","Source":"v1","Target":"/a/","ReadOnly":true}',
  'target=/a': '{"Type":"volume","Target":"/a"}',
  'src=,dst=/a,ro=1,readonly=false': '{"Type":"volume","Target":"/a"}',
  '"type=volume","dst=/a,b"': '{"Type":"volume","Target":"/a,b"}',
  'src=v1,dst=/a,volume-nocopy':
    '{"Type":"volume","Source":"v1","Target":"/a","VolumeOptions":{"NoCopy":true,"DriverConfig":{}}}',
  'dst=/a,volume-driver=local,volume-label=x=y,volume-label=z,volume-opt=o=a=b':
    '{"Type":"volume","Target":"/a","VolumeOptions":{"Labels":{"x":"y","z":""},"DriverConfig":{"Name":"local","Options":{"o":"a=b"}}}}',
  'dst=/a,volume-label==x': '{"Type":"volume","Target":"/a","VolumeOptions":{"DriverConfig":{}}}',
  'type=bind,src=/h,dst=/b,bind-propagation=RSLAVE,consistency=cached':
    '{"Type":"bind","Source":"/h","Target":"/b","Consistency":"cached","BindOptions":{"Propagation":"rslave"}}',
  'type=bind,src=/h,dst=/b,bind-recursive=disabled':
    '{"Type":"bind","Source":"/h","Target":"/b","BindOptions":{"NonRecursive":true}}',
  'type=bind,src=/h,dst=/b,bind-nonrecursive=0':
    '{"Type":"bind","Source":"/h","Target":"/b","BindOptions":{}}',
  'type=tmpfs,dst=/c,tmpfs-size=1m,tmpfs-mode=1770':
    '{"Type":"tmpfs","Target":"/c","TmpfsOptions":{"SizeBytes":1048576,"Mode":1016}}',
  'type=tmpfs,dst=/c,tmpfs-mode=0': '{"Type":"tmpfs","Target":"/c","TmpfsOptions":{}}',
}

t.test('a mount is recorded as docker records it', async (t) => {
  for (const [text, json] of Object.entries(RECORDED))
    t.equal(encodeGoJSON(mountSpecJson(parseMountSpec(text))), json, text)
  t.equal(parseMountSpec('dst=/a//b/../c/').destination, '/a/c')
  t.equal(parseMountSpec('type=bind,src=.,dst=/a').source, process.cwd())
})

t.test('what is no mount is refused with its reason', async (t) => {
  const argument = (text: string, reason: string): string =>
    `invalid argument ${JSON.stringify(text)} for "--mount" flag: ${reason}`
  const config = (type: string, reason: string): string =>
    `invalid mount config for type "${type}": ${reason}`
  for (const [text, reason] of [
    ['', 'EOF'],
    ['type=volume,dst="/b', 'parse error on line 1, column 17: bare " in non-quoted-field'],
    ['"dst=/b', 'extraneous or missing " in quoted-field'],
    ['foo,dst=/c', "invalid field 'foo' must be a key=value pair"],
    ['foo=bar,dst=/c', "unexpected key 'foo' in 'foo=bar'"],
    ['type=volume,src=v', 'target is required'],
    ['type=,dst=/c', 'type is required'],
    ['dst=/c,ro=x', 'invalid value for ro: x'],
    ['dst=/c,volume-nocopy=x', 'invalid value for volume-nocopy: x'],
    ['type=tmpfs,dst=/c,tmpfs-mode=9', 'invalid value for tmpfs-mode: 9'],
    ['type=tmpfs,dst=/c,tmpfs-size=-1', 'invalid value for tmpfs-size: -1'],
    [
      'type=bind,src=/h,dst=/c,volume-nocopy',
      "cannot mix 'volume-*' options with mount type 'bind'",
    ],
    ['dst=/c,bind-propagation=slave', "cannot mix 'bind-*' options with mount type 'volume'"],
    ['dst=/c,tmpfs-size=1', "cannot mix 'tmpfs-*' options with mount type 'volume'"],
    [
      'dst=/c,consistency=so',
      'invalid value for consistency: so, expected one of default, consistent, cached, delegated',
    ],
    [
      'type=bind,src=/h,dst=/c,bind-recursive=readonly',
      'invalid value for bind-recursive: readonly, expected one of enabled, disabled',
    ],
    [
      'type=bind,src=/h,dst=/c,bind-recursive=writable',
      'invalid value for bind-recursive: writable, expected one of enabled, disabled',
    ],
    ['dst=/c,volume-subpath=x', "unexpected key 'volume-subpath' in 'volume-subpath=x'"],
  ] as const)
    t.throws(
      () => parseMountSpec(text),
      { code: 'ERR_OPTION', message: argument(text, reason) },
      text,
    )
  for (const [text, type, reason] of [
    ['type=npipe,dst=/c', 'npipe', 'mount type unknown'],
    ['dst=c', 'volume', "invalid mount path: 'c' mount path must be absolute"],
    ['dst=/x/..', 'volume', "invalid specification: destination can't be '/'"],
    ['type=tmpfs,src=x,dst=/c', 'tmpfs', 'field Source must not be specified'],
    ['type=bind,dst=/c', 'bind', 'field Source must not be empty'],
    ['type=bind,src=h,dst=/c', 'bind', "invalid mount path: 'h' mount path must be absolute"],
    ['type=bind,src=/h,dst=/c,bind-propagation=x', 'bind', 'invalid propagation mode: x'],
  ] as const)
    t.throws(() => parseMountSpec(text), { message: config(type, reason) }, text)
})

t.test('one record of comma-separated values, as Go reads it', async (t) => {
  t.same(csvRecord('a,,"b,""c""",'), ['a', '', 'b,"c"', ''])
  t.equal(csvRecord('a,b"c'), 'parse error on line 1, column 4: bare " in non-quoted-field')
  t.equal(csvRecord('"a"b'), 'extraneous or missing " in quoted-field')
})
