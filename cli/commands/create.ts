// create: a container from an image, with docker's options as far as a store reaches; prints the ID.

import { InvalidArgumentError, Option, type Command } from 'commander'
import type { CreateOptions } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { collectLabel, collectPair, type KeyValues } from '../key-value.ts'
import { jsonText } from '../output.ts'
import { collect, declareVerb, examples } from '../verb.ts'

/** Those that the library calls by docker's names go to it as they are. */
type SharedOptions = Pick<
  CreateOptions,
  | 'name'
  | 'user'
  | 'hostname'
  | 'interactive'
  | 'tty'
  | 'network'
  | 'ip'
  | 'ip6'
  | 'macAddress'
  | 'publish'
  | 'publishAll'
  | 'expose'
  | 'restart'
  | 'dns'
  | 'dnsSearch'
  | 'capAdd'
  | 'capDrop'
  | 'privileged'
  | 'device'
  | 'deviceCgroupRule'
  | 'securityOpt'
  | 'ulimit'
  | 'readOnly'
  | 'init'
  | 'tmpfs'
  | 'memory'
  | 'memorySwap'
  | 'cpus'
  | 'volumesFrom'
  | 'stopSignal'
  | 'stopTimeout'
>

interface CreateVerbOptions extends SharedOptions {
  readonly volume?: readonly string[]
  readonly mount?: readonly string[]
  readonly env?: readonly string[]
  readonly envFile?: readonly string[]
  readonly label?: KeyValues
  readonly labelFile?: readonly string[]
  readonly workdir?: string
  readonly entrypoint?: string
  readonly rm?: true
  readonly net?: string
  readonly addHost?: readonly string[]
  readonly dnsOption?: readonly string[]
  readonly dnsOpt?: readonly string[]
  readonly networkAlias?: readonly string[]
  readonly netAlias?: readonly string[]
  readonly linkLocalIp?: readonly string[]
}

export function declareCreate(program: Command, context: Context): void {
  declareVerb(program, ['create', 'container create'], (command) => {
    command
      .summary('make a container of an image')
      .description(
        'Make a container: a writable layer on an image, in the form that a dockerd on this root lists, starts and removes. Nothing is run: what an option says of running is written down as docker writes it, for whoever does.',
      )
      .argument('<image>', 'a name, or the start of an ID')
      .argument('[command...]', 'instead of the image’s command')
      .option('--name <name>', 'its name; default: drawn as docker draws them')
    declareProcess(command)
    declareMounts(command)
    declareNetwork(command)
    declareHost(command)
    command
      .passThroughOptions()
      .action((image: string, words: string[], options: CreateVerbOptions) =>
        create(image, words, options, context),
      )
    examples(command, [
      ['create --name web app:1', 'a container called web'],
      ['create -v data:/srv app:1 sh -c ls', 'with a volume and a command'],
      ['create --rm -p 8080:80 --env-file web.env app:1', 'as docker run would have it'],
    ])
  })
}

function declareProcess(command: Command): void {
  command
    .option('-e, --env <name=value>', 'environment; NAME alone takes its value from here', collect)
    .option('--env-file <file>', 'environment, of lines NAME=VALUE; may be repeated', collect)
    .option('-l, --label <key=value>', 'label; may be repeated', collectLabel)
    .option('--label-file <file>', 'labels, of lines KEY=VALUE; may be repeated', collect)
    .option('-w, --workdir <path>', 'working directory')
    .option('-u, --user <user>', 'user, as NAME or UID[:GID]')
    .option('--entrypoint <program>', 'instead of the image’s entrypoint')
    .option('-i, --interactive', 'keep standard input for whoever starts it')
    .option('-t, --tty', 'with a terminal')
    .option('--init', 'with an init that passes signals on and reaps')
    .addOption(new Option('--no-init').hideHelp())
    .option('--stop-signal <signal>', 'what tells it to stop, by name or number')
    .option('--stop-timeout <seconds>', 'until it is killed after that', wholeNumber)
}

function declareMounts(command: Command): void {
  command
    .option(
      '-v, --volume <spec>',
      'VOLUME:PATH[:MODE], /HOST:PATH[:MODE], ./HOST:PATH[:MODE] or PATH; may be repeated',
      collect,
    )
    .option(
      '--mount <spec>',
      'type=bind|volume|tmpfs,source=...,target=...[,readonly,...]; may be repeated',
      collect,
    )
    .option('--tmpfs <spec>', 'PATH[:OPTIONS], a file system in memory; may be repeated', collect)
    .option(
      '--volumes-from <container>',
      'CONTAINER[:ro], the volumes of that one too; may be repeated',
      collect,
    )
    .option('--read-only', 'its root cannot be written')
}

function declareNetwork(command: Command): void {
  command
    .option('--hostname <name>', 'host name; default: the start of its ID')
    .option(
      '--network <network>',
      'none, host, container:NAME, NAME or name=NAME[,KEY=VALUE]...: alias, ip, ip6, link-local-ip, mac-address',
      onlyOne,
    )
    .addOption(new Option('--net <network>').argParser(onlyOne).hideHelp())
    .option('--network-alias <name>', 'its name in that network; may be repeated', collect)
    .addOption(new Option('--net-alias <name>').argParser(collect).hideHelp())
    .option('--ip <ip>', 'its address in that network')
    .option('--ip6 <ip>', 'the same, of IPv6')
    .option(
      '--link-local-ip <ip>',
      'one more, of 169.254.0.0/16 or fe80::/10; may be repeated',
      collect,
    )
    .option('--mac-address <address>', 'of its interface there, as 02:42:ac:11:00:0b')
    .option('-p, --publish <ports>', '[[IP:]HOST:]PORT[/PROTOCOL]; may be repeated', collect)
    .option('-P, --publish-all', 'every exposed port at a free one of the host')
    .option('--expose <port>', 'PORT[-PORT][/PROTOCOL]; may be repeated', collect)
    .option('--add-host <host:ip>', 'a line for its /etc/hosts; may be repeated', collect)
    .option('--dns <ip>', 'name server; may be repeated', collect)
    .option('--dns-search <domain>', 'where names are looked for; may be repeated', collect)
    .option('--dns-option <option>', 'of resolv.conf(5); may be repeated', collect)
    .addOption(new Option('--dns-opt <option>').argParser(collect).hideHelp())
}

function declareHost(command: Command): void {
  command
    .option('--rm', 'whoever runs it removes it at its end, and a dockerd when it starts itself')
    .option('--restart <policy>', 'no, always, unless-stopped or on-failure[:TIMES]')
    .option('--cap-add <capability>', 'of capabilities(7), or ALL; may be repeated', collect)
    .option('--cap-drop <capability>', 'the same, taken away; may be repeated', collect)
    .option('--privileged', 'every capability, every device')
    .option('--device <device>', '/HOST[:/PATH][:ACCESS] of rwm; may be repeated', collect)
    .option('--device-cgroup-rule <rule>', 'TYPE MAJOR:MINOR ACCESS; may be repeated', collect)
    .option(
      '--security-opt <option>',
      'no-new-privileges, apparmor=PROFILE, seccomp=FILE, label=..., systempaths=unconfined; may be repeated',
      collect,
    )
    .option('--ulimit <limit>', 'NAME=SOFT[:HARD], as nofile=1024; may be repeated', collect)
    .option('-m, --memory <bytes>', 'at most, with b, k, m or g')
    .option('--memory-swap <bytes>', 'memory and swap together; -1 for no bound')
    .option('--cpus <number>', 'at most, as 1.5')
    .option('--pull <when>', 'missing or never: shale fetches no images', fetchesNone)
}

async function create(
  image: string,
  words: readonly string[],
  options: CreateVerbOptions,
  context: Context,
): Promise<void> {
  const { createContainer } = await import('../../src/index.ts')
  context.ifInterrupted = 'no container was made'
  const { net, rm, entrypoint, workdir, volume, mount, addHost, linkLocalIp, ...shared } = options
  if (net !== undefined && shared.network !== undefined) onlyOne(net, shared.network)
  const { env, labels } = await fromFiles(options, context)
  const dnsOptions = [...(options.dnsOption ?? []), ...(options.dnsOpt ?? [])]
  const networkAlias = [...(options.networkAlias ?? []), ...(options.netAlias ?? [])]
  const store = await context.openStore()
  const created = await createContainer(store, image, {
    ...shared,
    ...(net === undefined ? {} : { network: net }),
    ...(words.length === 0 ? {} : { command: words }),
    ...(entrypoint === undefined ? {} : { entrypoint: [entrypoint] }),
    ...(env.length === 0 ? {} : { env }),
    ...(workdir === undefined ? {} : { workingDirectory: workdir }),
    ...(volume === undefined ? {} : { volumes: volume }),
    ...(mount === undefined ? {} : { mounts: mount }),
    ...(linkLocalIp === undefined ? {} : { linkLocalIP: linkLocalIp }),
    ...(addHost === undefined ? {} : { extraHosts: addHost }),
    autoRemove: rm ?? false,
    labels,
    dnsOptions,
    networkAlias,
    signal: context.signal,
  })
  await context.stdout.write(context.json ? jsonText(created) : `${created.id}\n`)
}

/** What is said on the command line comes after what files say, and so counts. */
async function fromFiles(
  { env = [], envFile = [], label, labelFile = [] }: CreateVerbOptions,
  context: Context,
): Promise<{ readonly env: readonly string[]; readonly labels: KeyValues }> {
  const { readKeyValueFile } = await import('../env-file.ts')
  // By its own names alone: an object has others, as constructor.
  const lookup = (name: string): string | undefined =>
    Object.hasOwn(context.env, name) ? context.env[name] : undefined
  const envLines = envFile.flatMap((file) => readKeyValueFile(file, 'env file', lookup))
  // docker has no value for a label's name alone, and leaves it out.
  const labelLines = labelFile.flatMap((file) =>
    readKeyValueFile(file, 'label file', () => undefined),
  )
  return {
    env: [...envLines, ...env.map((item) => valueOf(item, lookup))],
    labels: {
      ...labelLines.reduce<KeyValues>((labels, line) => collectPair(line, labels), {}),
      ...label,
    },
  }
}

/** docker's rule for `-e NAME`: the caller's value; a name alone where there is none takes the image's value away. */
function valueOf(item: string, lookup: (name: string) => string | undefined): string {
  const value = item.includes('=') ? undefined : lookup(item)
  return value === undefined ? item : `${item}=${value}`
}

function onlyOne(network: string, earlier?: string): string {
  if (earlier === undefined) return network
  throw new InvalidArgumentError(
    `Container cannot be connected to network endpoints: ${earlier}, ${network}`,
  )
}

function wholeNumber(text: string): number {
  if (/^[+-]?\d{1,9}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Expected a whole number.')
}

/** docker's `missing` is to take what is there, and one that is not there is an error all the same. */
function fetchesNone(when: string): string {
  if (when === 'missing' || when === 'never') return when
  throw new InvalidArgumentError(
    when === 'always'
      ? 'There is no registry to pull from: load the image first.'
      : 'Expected missing or never.',
  )
}
