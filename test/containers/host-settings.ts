import fs from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import t from 'tap'
import { parseVolumesFrom } from '../../src/containers/bind.ts'
import { hostDocument } from '../../src/containers/host-document.ts'
import {
  hostWarnings,
  settleHost,
  type HostOptions,
  type HostSettings,
} from '../../src/containers/host-settings.ts'
import { parseBytes, parseCPUs } from '../../src/containers/quantity.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const hostConfig = (options: HostOptions): Record<string, unknown> =>
  JSON.parse(
    hostDocument({ settings: settleHost(options), binds: [], mounts: [], volumesFrom: [] }),
  ) as Record<string, unknown>

t.test('nothing asked is what docker create without options leaves', async (t) => {
  const plain = hostConfig({})
  t.match(plain, { NetworkMode: 'default', AutoRemove: false, PortBindings: {}, CapAdd: null })
  t.same(plain['RestartPolicy'], { Name: 'no', MaximumRetryCount: 0 })
  for (const key of ['Init', 'Tmpfs', 'Mounts']) t.notOk(key in plain, key)
  t.equal((plain['MaskedPaths'] as string[]).length, 10)
})

t.test('each option where docker has it', async (t) => {
  const cases: readonly (readonly [HostOptions, object])[] = [
    [{ autoRemove: true }, { AutoRemove: true }],
    [{ network: 'host' }, { NetworkMode: 'host' }],
    [{ network: 'container:web' }, { NetworkMode: 'container:web' }],
    [{ publishAll: true }, { PublishAllPorts: true }],
    [{ restart: 'on-failure:3' }, { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } }],
    [{ restart: '' }, { RestartPolicy: { Name: '', MaximumRetryCount: 0 } }],
    [{ restart: 'always:' }, { RestartPolicy: { Name: 'always', MaximumRetryCount: 0 } }],
    [
      { extraHosts: ['a:1.2.3.4', 'b:::1', 'c=[::2]', 'd:host-gateway'] },
      { ExtraHosts: ['a:1.2.3.4', 'b:::1', 'c:::2', 'd:host-gateway'] },
    ],
    [
      { dns: [' 1.1.1.1 ', '0:0::1'], dnsSearch: ['. ', 'a.b'], dnsOptions: ['ndots:2'] },
      { Dns: ['1.1.1.1', '::1'], DnsSearch: ['.', 'a.b'], DnsOptions: ['ndots:2'] },
    ],
    [
      { capAdd: ['sys_admin', 'CAP_net_admin', 'SYS_ADMIN'], capDrop: ['all'] },
      { CapAdd: ['CAP_NET_ADMIN', 'CAP_SYS_ADMIN'], CapDrop: ['ALL'] },
    ],
    [
      { privileged: true },
      {
        Privileged: true,
        SecurityOpt: ['label=disable'],
        MaskedPaths: null,
        ReadonlyPaths: null,
      },
    ],
    [
      { readOnly: true, init: false },
      { ReadonlyRootfs: true, Init: false },
    ],
    [
      { tmpfs: ['/run', '/tmp:size=1m', '/run:ro,noexec'] },
      { Tmpfs: { '/run': 'ro,noexec', '/tmp': 'size=1m' } },
    ],
    [{ memory: '64m' }, { Memory: 67_108_864, MemorySwap: 134_217_728 }],
    [
      { memory: '64m', memorySwap: '-1' },
      { Memory: 67_108_864, MemorySwap: -1 },
    ],
    [{ cpus: '.5' }, { NanoCpus: 500_000_000 }],
    [
      { ulimit: ['nofile=1024:2048', 'core=0', 'nofile=5:-1', 'memlock=-1'] },
      {
        Ulimits: [
          { Name: 'core', Hard: 0, Soft: 0 },
          { Name: 'memlock', Hard: -1, Soft: -1 },
          { Name: 'nofile', Hard: -1, Soft: 5 },
        ],
      },
    ],
    [
      { device: ['/dev/a', '/dev/b/:r', '/dev//c:/x/../y:wm', '/dev//d:/z//'] },
      {
        Devices: [
          { PathOnHost: '/dev/a', PathInContainer: '/dev/a', CgroupPermissions: 'rwm' },
          { PathOnHost: '/dev/b', PathInContainer: '/dev/b', CgroupPermissions: 'r' },
          { PathOnHost: '/dev//c', PathInContainer: '/x/../y', CgroupPermissions: 'wm' },
          { PathOnHost: '/dev//d', PathInContainer: '/z', CgroupPermissions: 'rwm' },
        ],
      },
    ],
    [{ deviceCgroupRule: ['c 1:* rw'] }, { DeviceCgroupRules: ['c 1:* rw'] }],
    [
      { securityOpt: ['no-new-privileges', 'apparmor:a'] },
      { SecurityOpt: ['no-new-privileges', 'apparmor:a'] },
    ],
    [
      { securityOpt: ['systempaths=unconfined'] },
      { SecurityOpt: [], MaskedPaths: [], ReadonlyPaths: [] },
    ],
    [{ privileged: true, securityOpt: ['label=level:s0'] }, { SecurityOpt: ['label=level:s0'] }],
    [{ network: 'name=Front,alias=A' }, { NetworkMode: 'front' }],
  ]
  for (const [options, fields] of cases)
    t.match(hostConfig(options), fields, JSON.stringify(options))
})

t.test('ports, published and exposed', async (t) => {
  const settled = (options: HostOptions): Pick<HostSettings, 'exposed'> & { bound: unknown } => ({
    exposed: settleHost(options).exposed,
    bound: hostConfig(options)['PortBindings'],
  })
  const at = (HostPort: string, HostIp = ''): object => ({ HostIp, HostPort })
  for (const [publish, bound] of [
    [['80'], { '80/tcp': [at('')] }],
    [['8080:80', '8081:80'], { '80/tcp': [at('8080'), at('8081')] }],
    [['127.0.0.1:53:53/UDP'], { '53/udp': [at('53', '127.0.0.1')] }],
    [['[::1]::80'], { '80/tcp': [at('', '::1')] }],
    [['8000-8001:80-81'], { '80/tcp': [at('8000')], '81/tcp': [at('8001')] }],
    [['8000-8010:80'], { '80/tcp': [at('8000-8010')] }],
    [['published=90,target=80,protocol=sctp,mode=host'], { '80/sctp': [at('90')] }],
  ] as const) {
    const { exposed, bound: found } = settled({ publish })
    t.same(found, bound, publish.join())
    t.same([...exposed].sort(), Object.keys(bound).sort(), 'what is published is exposed')
  }
  t.same(settled({ expose: ['80', '90-91/udp'], publish: ['80'] }).exposed, [
    '80/tcp',
    '90/udp',
    '91/udp',
  ])
})

t.test('what cannot be meant is refused in docker’s words', async (t) => {
  const cpus = availableParallelism()
  const refused: readonly (readonly [HostOptions, string | RegExp])[] = [
    [{ network: '' }, 'no name set for network'],
    [{ network: 'container:' }, /invalid container format container:<name\|id>/],
    [{ network: 'alias=b' }, /network name\/id is not specified$/],
    [{ network: 'name=a,driver-opt=x=y' }, /invalid field key driver-opt; expected name, alias/],
    [{ network: 'name=a b' }, /^invalid network "a b"/],
    [{ network: 'name=a,"' }, /extraneous or missing " in quoted-field$/],
    [
      { network: 'name=a,alias=b', networkAlias: ['c'] },
      'conflicting options: cannot specify both --network-alias and per-network alias',
    ],
    [{ network: 'name=a,ip=1.2.3.4', ip: '1.2.3.4' }, /both --ip and per-network IPv4 address$/],
    [
      { network: 'name=a,link-local-ip=fe80::1', linkLocalIP: ['fe80::2'] },
      /both --link-local-ip and per-network link-local IP addresses$/,
    ],
    [
      { network: 'name=a,mac-address=02:42:ac:11:00:0b', macAddress: '02:42:ac:11:00:0b' },
      /both --mac-address and per-network MAC address$/,
    ],
    [{ network: 'name=a,mac-address=x' }, /x is not a valid mac address$/],
    [{ network: 'name=a,link-local-ip=1.2.3.4' }, /^invalid link-local IP address: 1.2.3.4;/],
    [{ networkAlias: ['a'] }, /^network-scoped aliases are only supported for user-defined/],
    [{ network: 'host', networkAlias: ['a'] }, /^network-scoped aliases/],
    [{ network: 'container:x', networkAlias: ['a'] }, /^network-scoped aliases/],
    [{ network: 'a', networkAlias: [''] }, 'an alias in a network has a name'],
    [{ network: 'bridge', ip: '1.2.3.4' }, /^user specified IP address is supported on user/],
    [{ network: 'a', ip: '1.2.3' }, 'invalid IPv4 address: 1.2.3'],
    [{ network: 'a', ip: '::1' }, 'invalid IPv4 address: ::1'],
    [{ network: 'a', ip6: '1.2.3.4' }, 'invalid IPv6 address: 1.2.3.4'],
    [
      { network: 'a', linkLocalIP: ['169.254.1.1', '1.2.3.4'] },
      'invalid link-local IP address: 1.2.3.4; expected one of 169.254.0.0/16 or fe80::/10',
    ],
    [{ network: 'a', linkLocalIP: [''] }, /^invalid link-local IP address: ;/],
    [{ network: 'a', linkLocalIP: ['fec0::1'] }, /^invalid link-local IP address: fec0::1;/],
    [{ network: 'a', linkLocalIP: ['fe80::1%eth0'] }, /^invalid link-local IP address: fe80::1%/],
    [
      { network: 'host', linkLocalIP: ['fe80::1'] },
      /user-defined networks only, and host is none$/,
    ],
    ...['x', '02:42:ac:11:00', '02:42-ac:11:00:0b', '02:42:ac:11:00:0g', '0242.ac11.000b.'].map(
      (macAddress) =>
        [
          { macAddress },
          `invalid argument "${macAddress}" for "--mac-address" flag: ${macAddress} is not a valid mac address`,
        ] as const,
    ),
    ...['host', 'container:a'].map(
      (network) =>
        [
          { network, macAddress: '02:42:ac:11:00:0b' },
          'conflicting options: mac-address and the network mode',
        ] as const,
    ),
    [{ ulimit: ['nofile'] }, /flag: invalid ulimit argument: nofile$/],
    [{ ulimit: ['NOFILE=1'] }, /flag: invalid ulimit type: NOFILE$/],
    [{ ulimit: ['nofile='] }, /strconv.ParseInt: parsing "": invalid syntax$/],
    [{ ulimit: ['nofile=1:2:3'] }, /too many limit value arguments - 1:2:3/],
    [{ ulimit: ['nofile=5:4'] }, /less than or equal to hard limit: 5 > 4$/],
    [{ ulimit: ['nofile=-1:4'] }, /hard limit: soft: -1 \(unlimited\), hard: 4$/],
    [{ ulimit: ['nofile=9007199254740993'] }, /value out of range; -1 is no bound$/],
    [
      { device: ['dev/null'] },
      'invalid argument "dev/null" for "--device" flag: dev/null is not an absolute path; expected /HOST[:/PATH][:ACCESS], where ACCESS is some of rwm',
    ],
    [{ device: ['dev/null:/x'] }, /flag: dev\/null is not an absolute path; expected/],
    [{ device: ['/dev/null:rr'] }, /flag: rr is not an absolute path; expected/],
    [{ device: ['/dev/null:/x:q'] }, /flag: bad mode specified: q; expected/],
    [{ device: ['/dev/null:/x:'] }, /flag: bad mode specified: ; expected/],
    [{ device: [':/x'] }, /flag: bad format for path: :\/x; expected/],
    [{ device: ['/a:/b:r:w'] }, /flag: bad format for path: \/a:\/b:r:w; expected/],
    [{ deviceCgroupRule: ['d 1:3 r'] }, /invalid device cgroup format 'd 1:3 r'$/],
    [{ securityOpt: ['bogus'] }, 'Invalid --security-opt: "bogus"'],
    [{ securityOpt: ['bogus=1'] }, /^invalid --security-opt: "bogus=1"; expected no-new-priv/],
    [{ securityOpt: ['no-new-privileges=maybe'] }, /^invalid --security-opt: "no-new-priv/],
    [{ securityOpt: ['systempaths=x'] }, /^invalid --security-opt: "systempaths=x"/],
    [{ securityOpt: ['label=bogus'] }, /^Bad label option "bogus", valid options/],
    [
      { securityOpt: ['seccomp=/nowhere'] },
      'opening seccomp profile (/nowhere) failed: open /nowhere: no such file or directory',
    ],
    [
      { securityOpt: ['seccomp=/dev/null'] },
      /^compacting json for seccomp profile \(\/dev\/null\)/,
    ],
    [{ restart: 'sometimes' }, "invalid restart policy 'sometimes'"],
    [
      { restart: 'on-failure:x' },
      'invalid restart policy format: maximum retry count must be an integer',
    ],
    [{ restart: ':3' }, 'invalid restart policy format: no policy provided before colon'],
    [{ restart: 'always:3' }, "maximum retry count cannot be used with restart policy 'always'"],
    [{ restart: 'on-failure:-1' }, 'maximum retry count cannot be negative'],
    [
      { restart: 'always', autoRemove: true },
      'conflicting options: cannot specify both --restart and --rm',
    ],
    [
      { extraHosts: ['a'] },
      'invalid argument "a" for "--add-host" flag: bad format for add-host: "a"',
    ],
    [{ extraHosts: ['a:x'] }, /invalid IP address in add-host: "x"$/],
    [{ extraHosts: [':::1'] }, /bad format/],
    [{ dns: ['x'] }, /IP address is not correctly formatted: x$/],
    [{ dns: ['fe80::1%eth0'] }, /not correctly formatted/],
    [{ dnsSearch: ['a_b'] }, /a_b is not a valid domain$/],
    [{ dnsSearch: ['a..b'] }, /is not a valid domain$/],
    [{ capAdd: ['bogus'] }, 'invalid CapAdd: unknown capability: "CAP_BOGUS"'],
    [{ capDrop: [''] }, 'invalid CapDrop: unknown capability: "CAP_"'],
    [{ tmpfs: ['run'] }, "invalid mount path: 'run' mount path must be absolute"],
    [{ tmpfs: ['/:ro'] }, "invalid specification: destination can't be '/'"],
    [{ memory: 'x' }, 'invalid argument "x" for "--memory" flag: invalid size: \'x\''],
    [{ memory: '6291455' }, 'Minimum memory limit allowed is 6MB'],
    [{ memorySwap: '64m' }, /^You should always set the Memory limit when using Memoryswap/],
    [{ memory: '64m', memorySwap: '32m' }, /^Minimum memoryswap limit should be larger/],
    [{ cpus: 'x' }, /failed to parse x as a rational number$/],
    [{ cpus: '0.0000000001' }, /value is too precise$/],
    [
      { cpus: String(cpus + 1) },
      `Range of CPUs is from 0.01 to ${cpus}.00, as there are only ${cpus} CPUs available`,
    ],
    [{ cpus: '-1' }, /^Range of CPUs/],
    [{ publish: ['80:x'] }, 'Invalid containerPort: x'],
    [{ publish: ['x:80'] }, 'Invalid hostPort: x'],
    [{ publish: ['70000:80'] }, 'Invalid hostPort: 70000'],
    [{ publish: ['1.2.3:80:80'] }, 'Invalid ip address: 1.2.3'],
    [{ publish: ['80/bogus'] }, 'Invalid proto: bogus'],
    [{ publish: ['80-82:80-81'] }, /^Invalid ranges specified/],
    [{ publish: ['80:'] }, 'No port specified: 80:<empty>'],
    [{ publish: ['a,target=80'] }, /should be name=value but got 'a'/],
    [{ publish: ['target=80,mode=ingress'] }, /there is no mode=ingress for a container/],
    [{ expose: ['80:90'] }, 'invalid port format for --expose: 80:90'],
    [{ expose: ['x'] }, /^invalid range format for --expose: x, error: /],
  ]
  for (const [options, message] of refused)
    t.throws(() => settleHost(options), { code: 'ERR_OPTION', message }, JSON.stringify(options))
})

t.test('another container’s network leaves no word in what it is', async (t) => {
  const network = 'container:web'
  for (const [options, what] of [
    [{ hostname: 'h' }, 'hostname and the network mode'],
    [{ dns: ['1.1.1.1'] }, 'dns and the network mode'],
    [{ extraHosts: ['a:::1'] }, 'custom host-to-IP mapping and the network mode'],
    [{ publish: ['80'] }, 'port publishing and the container type network mode'],
    [{ publishAll: true }, 'port publishing and the container type network mode'],
    [{ expose: ['80'] }, 'port exposing and the container type network mode'],
  ] as const)
    t.throws(() => settleHost({ network, ...options }), { message: `conflicting options: ${what}` })
})

t.test('what will not be done is said', async (t) => {
  const codes = (options: HostOptions): string[] =>
    hostWarnings(settleHost(options)).map(({ code }) => code)
  t.same(codes({ network: 'host', publish: ['80'] }), ['ports-discarded'])
  t.same(codes({ dns: ['127.0.0.1'] }), ['dns-localhost'])
  t.same(codes({ autoRemove: true }), ['removed-at-start'])
  t.same(codes({ publish: ['80'], dns: ['1.1.1.1'] }), [])
})

t.test('amounts', async (t) => {
  for (const [text, bytes] of [
    ['64m', 67_108_864],
    ['64MiB', 67_108_864],
    ['1.5 g', 1_610_612_736],
    ['10b', 10],
    ['1e9', 1_000_000_000],
    ['0', 0],
  ] as const)
    t.equal(parseBytes(text), bytes, text)
  for (const text of ['', '-1', 'm', '64mi', ' 64m', '9999999999g'])
    t.equal(parseBytes(text), undefined, text)
  for (const [text, billionths] of [
    ['1.5', 1_500_000_000n],
    ['1/4', 250_000_000n],
    ['1e-1', 100_000_000n],
    ['-2', -2_000_000_000n],
    ['1.', 1_000_000_000n],
  ] as const)
    t.equal(parseCPUs(text), billionths, text)
  for (const text of ['', '.', '1/0', '1/3', 'x']) t.type(parseCPUs(text), 'string', text)
})

t.test('--volumes-from in docker’s syntax', async (t) => {
  t.same(parseVolumesFrom('web'), { container: 'web', writable: true })
  t.same(parseVolumesFrom('web:ro,z'), { container: 'web', writable: false })
  t.throws(() => parseVolumesFrom(''), { message: /cannot be an empty string$/ })
  for (const mode of ['x', 'nocopy', 'rslave', 'ro,rw', 'ro:z'])
    t.throws(() => parseVolumesFrom(`web:${mode}`), { message: `invalid mode: ${mode}` }, mode)
})

t.test('what confines it and where it is found, as config.v2.json has them', async (t) => {
  const file = path.join(temporaryDirectory(t), 'profile')
  fs.writeFileSync(file, '{ "a b" :\n [1,\t"c \\" d"] }\n')
  const { options, ...rest } = settleHost({
    securityOpt: [`seccomp=${file}`, 'apparmor=a', 'apparmor=b', 'no-new-privileges:false'],
  }).security
  const profile = '{"a b":[1,"c \\" d"]}'
  t.same(options, [`seccomp=${profile}`, 'apparmor=a', 'apparmor=b', 'no-new-privileges:false'])
  t.same(rest, {
    showsSystemPaths: false,
    noNewPrivileges: false,
    appArmorProfile: 'b',
    seccompProfile: profile,
  })
  const found = { networkMode: 'net', aliases: ['a', 'b'], ipv4: '1.2.3.4', ipv6: '::1' }
  const more = { linkLocalIP: ['169.254.1.1', 'FE80::1'], macAddress: '02-42-AC-11-00-0B' }
  t.match(settleHost({ network: 'net', ...more }), {
    linkLocal: more.linkLocalIP,
    macAddress: more.macAddress,
  })
  for (const macAddress of ['0242.ac11.000b', '02:00:5e:10:00:00:00:01'])
    t.equal(settleHost({ network: 'none', macAddress }).macAddress, macAddress)
  t.match(settleHost({ network: 'name=net,alias=a,alias=b,ip=1.2.3.4,ip6=::1' }), found)
  t.match(
    settleHost({ network: 'net', networkAlias: ['a', 'b'], ip: '1.2.3.4', ip6: '::1' }),
    found,
  )
})
