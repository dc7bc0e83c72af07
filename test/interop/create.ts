// `shale create` beside `docker create`: the same flags leave the same two documents, field for field and in the same
// order; a dockerd on shale's root shows such containers as shale does, and runs them as they were asked to run.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { shale, shaleJson, shaleOk } from '../support/cli.ts'
import { copyTree, DOCKER_PROGRAMS, startDockerd } from '../support/dockerd.ts'
import { realImage, unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const skip = unless({ interop: true, root: true, programs: DOCKER_PROGRAMS, realImage: true })
const NAME = 'real/app:1'

/** HOST stands for a directory, FILES for one with an env file, a label file and a profile, ␣ for a space in a word. */
const FLAGS: readonly string[] = [
  '',
  '--name given',
  '--rm',
  '-it --hostname box',
  '--env-file FILES/env -e LAST=1 --label-file FILES/labels -l flag=1',
  // Of nobody's environment: the first alone, then beside one that is said.
  '-e NOWHERE_TO_BE_FOUND',
  '-e PATH_OF_NOBODY -e A=1 -e PATH',
  '--network none',
  '--network host',
  '--net bridge',
  '--network front-end',
  '--network container:given',
  '--network name=Front-End,alias=A,alias=b',
  '--network front-end --network-alias A --net-alias b --ip 172.30.1.2 --ip6 2001:0db8::1',
  '--network name=front-end,ip=172.30.1.2,alias=a',
  '--network name=host',
  '--network front-end --link-local-ip 169.254.1.1 --link-local-ip FE80:0::1 --ip 172.30.1.2',
  '--network front-end --mac-address 02-42-AC-11-00-0B --link-local-ip 169.254.1.1',
  '--mac-address 0242.ac11.000b',
  '--network name=front-end,ip=172.30.1.2 --mac-address 02:42:ac:11:00:0b --link-local-ip fe80::1',
  '-p 80',
  '-p 8080:80 -p 127.0.0.1:53:53/udp -p [::1]:8443:443 --expose 90-92/udp',
  '-p 8000-8001:80-81 -p 9000-9010:90 -P',
  '-p published=8080,target=80,protocol=udp',
  '--restart always',
  '--restart on-failure:3',
  '--restart no --rm',
  '--read-only --tmpfs /run --tmpfs /tmp:size=1m,noexec',
  '--privileged',
  '--cap-add CAP_NET_ADMIN --cap-add CAP_SYS_ADMIN --cap-drop ALL',
  '--device /dev/null --device /dev/zero:r --device /dev/zero//:/dev/../z/:rw',
  '--device /dev//fuse/:rw --device /dev/none:/dev//x:m',
  '--device-cgroup-rule c␣1:3␣rwm --device-cgroup-rule a␣*:*␣r',
  '--ulimit nofile=1024:2048',
  '--ulimit nofile=1 --ulimit nofile=5:-1',
  '--security-opt no-new-privileges --security-opt apparmor=mine --security-opt seccomp=unconfined',
  '--security-opt no-new-privileges:false --security-opt apparmor:unconfined --security-opt seccomp=FILES/profile',
  '--security-opt label=type:svirt_t --security-opt label:level:s0',
  '--security-opt systempaths=unconfined',
  '--privileged --security-opt systempaths=unconfined --security-opt no-new-privileges=1',
  '--privileged --security-opt label=level:s0',
  '--privileged --security-opt label:disable --device /dev/null:/dev/x',
  '--add-host a:1.2.3.4 --add-host b:::1 --add-host c:host-gateway',
  '--dns 1.1.1.1 --dns-search example.org --dns-option ndots:2',
  '--init --stop-signal SIGINT --stop-timeout 5',
  '-m 64m --cpus 0.5',
  '-m 64m --memory-swap 128m',
  '-v named:/named -v HOST:/host:ro,z -v /own -v bare:/bare:nocopy -v HOST:/cached:cached,rslave',
  '-v named:/a/../b -v HOST//:/c//d/',
  '--mount type=volume,src=vol,dst=/a --mount src=vol,target=/b/,readonly',
  '--mount dst=/unnamed --mount src=bare2,dst=/c,volume-nocopy',
  '--mount src=made,dst=/a,volume-driver=local,volume-label=k=v,volume-opt=type=tmpfs,volume-opt=device=tmpfs',
  '--mount type=bind,source=HOST,destination=/a,ro,bind-propagation=rslave,consistency=cached',
  '--mount type=bind,src=HOST,dst=/a,bind-nonrecursive=true',
  '--mount type=tmpfs,dst=/a,tmpfs-size=1m,tmpfs-mode=1770 --tmpfs /a',
  '--name volumes -v named:/named:ro -v HOST:/host:z -v /own --mount src=vol,dst=/vol,volume-nocopy',
  '--volumes-from volumes',
  '--volumes-from volumes:ro -v mine:/named --mount type=tmpfs,dst=/vol',
]

/** Spaces in and outside of strings, and what Go's encoder escapes. */
const PROFILE = `{ "defaultAction": "SCMP_ACT_ALLOW",
  "syscalls": [ {"names": ["chmod"], "action": "SCMP_ACT_ERRNO", "comment": "a  <\\" b>"} ] }
`

/** IDs, names and times are drawn anew; docker's client of 20.10 sends nothing where a later one sends an empty list. */
function alike(root: string, id: string, file: string): unknown {
  const text = fs
    .readFileSync(path.join(root, 'containers', id, file), 'utf8')
    .replaceAll(id, 'ID')
    .replaceAll(id.slice(0, 12), 'ID')
    .replaceAll(root, 'ROOT')
    .replaceAll(/"[0-9a-f]{64}"/g, '"VOLUME"')
    .replaceAll(/volumes\/[0-9a-f]{64}/g, 'volumes/VOLUME')
    .replaceAll(/container:[0-9a-f]{64}/g, 'container:ID')
    .replace(/"Created":"[^"]*"/, '"Created":""')
    .replace(/"Name":"\/[^"]*"/, '"Name":""')
    // docker's client has them in a map, which Go walks in any order.
    .replaceAll(/(?<="(?:Binds|Env)":\[)[^\]]*/g, (list) =>
      list
        .split(/,(?=")/)
        .sort()
        .join(),
    )
    .replaceAll(/"(BlkioDevice\w+|Ulimits)":null/g, '"$1":[]')
  return text.split(/(?<=[,{[])(?=")/)
}

t.test('the same flags leave the same documents', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const [root, copy] = [path.join(dir, 'root'), path.join(dir, 'copy')]
  const [host, files] = [path.join(dir, 'host'), path.join(dir, 'files')]
  for (const made of [host, files]) fs.mkdirSync(made)
  fs.writeFileSync(path.join(files, 'env'), '# c\nA=1\n  B=2 \nHOME\nNOWHERE_TO_BE_FOUND\n\nC=\n')
  fs.writeFileSync(path.join(files, 'labels'), 'l1=v1\nALONE\n l2= 2\n# c\n')
  fs.writeFileSync(path.join(files, 'profile'), PROFILE)
  shaleOk(['--root', root, 'load', '-q', '-i', realImage.tar])
  copyTree(root, copy)
  const made: string[] = []
  {
    await using dockerd = await startDockerd(root)
    for (const line of FLAGS) {
      const named = line.replaceAll('HOST', host).replaceAll('FILES', files)
      const words = named.split(' ').map((word) => word.replaceAll('␣', ' '))
      const flags = line === '' ? [] : words
      const byDocker = dockerd.docker('create', ...flags, NAME, 'true')
      const byShale = shaleOk(['--root', copy, 'create', ...flags, NAME, 'true'])
      for (const file of ['config.v2.json', 'hostconfig.json'])
        t.same(alike(copy, byShale, file), alike(root, byDocker, file), `${file}: ${line}`)
      made.push(byShale)
    }
  }

  await t.test('and a dockerd shows them as shale does', async (t) => {
    interface Shown {
      readonly Mounts: readonly { readonly Destination: string }[]
      readonly [key: string]: unknown
    }
    const byPlace = (shown: Shown): Shown => ({
      ...shown,
      Mounts: [...shown.Mounts].sort((a, b) => (a.Destination < b.Destination ? -1 : 1)),
    })
    // dockerd's own way with those that wait when it starts: `--rm` is heard at once.
    const kept = FLAGS.map((line, index) => ({ line, id: made[index]! })).filter(
      ({ line }) => !line.includes('--rm'),
    )
    const listing = ['ps', '-a', '--no-trunc', '--format', '{{.ID}} {{.Ports}}|{{.Networks}}|']
    const ids = kept.map(({ id }) => id)
    const before = shaleJson<Shown[]>(['--root', copy, 'inspect', ...ids])
    const listed = shaleOk(['--root', copy, ...listing]).split('\n')
    await using dockerd = await startDockerd(copy)
    const after = JSON.parse(dockerd.docker('inspect', ...ids)) as Shown[]
    for (const [index, { line }] of kept.entries())
      t.same(byPlace(before[index]!), byPlace(after[index]!), line)
    t.same(
      listed.filter((line) => ids.includes(line.slice(0, 64))),
      dockerd.docker(...listing).split('\n'),
    )
    t.ok(
      listed.every((line) => / \|/.test(line)),
      'nothing is published yet',
    )
  })
})

t.test('a dockerd runs them as they were asked to run', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const [root, host, env] = [path.join(dir, 'root'), path.join(dir, 'host'), path.join(dir, 'env')]
  fs.mkdirSync(host)
  fs.writeFileSync(path.join(host, 'file'), 'of the host\n')
  fs.writeFileSync(env, 'GIVEN=by a file\n')
  shaleOk(['--root', root, 'load', '-q', '-i', realImage.tar])
  const create = (name: string, flags: string, ...words: string[]): string =>
    shaleOk([
      '--root',
      root,
      'create',
      '--name',
      name,
      '--network',
      'host',
      ...flags.split(' '),
      NAME,
      ...words,
    ])
  const script = [
    'echo "$GIVEN"',
    'cat /host/file',
    'touch /x 2>/dev/null || echo root is read-only',
    'touch /host/x 2>/dev/null || echo host is read-only',
    'touch /run/x /mem/x /vol/x && echo memory and volume are not',
    'awk \'$2 == "/mem" {print $3, $4}\' /proc/mounts',
    'grep -o "^10.1.1.1.*" /etc/hosts',
    'grep CapEff /proc/self/status',
  ].join('; ')
  create(
    'web',
    `--env-file ${env} --read-only --tmpfs /run --mount type=tmpfs,dst=/mem,tmpfs-size=1m --mount type=bind,src=${host},dst=/host,ro --mount src=data,dst=/vol,volume-label=k=v --add-host db:10.1.1.1 --cap-drop ALL --cap-add NET_RAW --memory 64m --cpus 1`,
    'sh',
    '-c',
    script,
  )
  create('holder', '-v data:/vol', 'true')
  create('reader', '--volumes-from holder:ro -v /own', 'sh', '-c', 'ls /vol; touch /vol/y')
  create(
    'bound',
    '--ulimit nofile=517:518 --device /dev/null:/dev/nothing --security-opt no-new-privileges --security-opt systempaths=unconfined',
    'sh',
    '-c',
    'ulimit -Sn; ulimit -Hn; test -c /dev/nothing && echo nothing; grep -c "NoNewPrivs:.1" /proc/self/status; grep -c " /proc/kcore " /proc/mounts',
  )
  create('init', '--init', 'cat', '/proc/1/comm')
  create(
    'stopped',
    '--stop-signal INT',
    'sh',
    '-c',
    "trap 'exit 7' INT; while :; do sleep 0.1; done",
  )
  await using dockerd = await startDockerd(root)
  const said = dockerd.docker('start', '-a', 'web').split('\n')
  t.same(said.slice(0, 5), [
    'by a file',
    'of the host',
    'root is read-only',
    'host is read-only',
    'memory and volume are not',
  ])
  t.match(said[5], /^tmpfs rw,.*size=1024k/)
  t.equal(said[6], '10.1.1.1\tdb')
  t.equal(said[7], 'CapEff:\t0000000000002000')
  const read = dockerd.run(['start', '-a', 'reader'])
  t.equal(read.stdout, 'x\n')
  t.match(read.stderr, 'Read-only file system')
  t.equal(dockerd.run(['start', '-a', 'bound']).stdout, '517\n518\nnothing\n1\n0\n')
  t.match(dockerd.docker('start', '-a', 'init'), /^(docker-init|tini)$/)
  dockerd.docker('start', 'stopped')
  dockerd.docker('stop', '-t', '20', 'stopped')
  t.equal(dockerd.docker('inspect', '-f', '{{.State.ExitCode}}', 'stopped'), '7')
  t.equal(shale(['--root', root, 'create', '--volumes-from', 'web', NAME]).code, 11, 'it runs')
})
