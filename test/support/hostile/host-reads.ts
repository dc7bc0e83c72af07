// Images whose files lead whoever reads them on the host: the load is harmless, and so must every look be.

import { device, dir, fifo, file, layerTar, symlink } from '../layer.ts'
import { casesOf, type HostileCase } from './case.ts'
import { oneLayer } from './payloads.ts'

const passwd = 'root:x:0:0:root:/root:/bin/sh\n'
const etc = (): ReturnType<typeof oneLayer> => oneLayer(dir('etc'), file('etc/passwd', passwd))

export const HOST_READS: readonly HostileCase[] = casesOf('host-read', {
  'passwd-symlink-absolute': {
    advisory: 'CVE-2024-9676',
    attack: '/etc/passwd is a symlink to a file of the host',
    build: (at) => oneLayer(dir('etc'), symlink('etc/passwd', `${at.dir}/passwd`)),
    twin: etc,
    expect: 'harmless',
  },
  'passwd-symlink-relative': {
    advisory: 'CVE-2024-9676',
    attack: 'the same by a relative symlink',
    build: (at) => oneLayer(dir('etc'), symlink('etc/passwd', `${at.up}/passwd`)),
    twin: () =>
      oneLayer(
        dir('etc'),
        symlink('etc/passwd', '../usr/passwd'),
        dir('usr'),
        file('usr/passwd', passwd),
      ),
    expect: 'harmless',
  },
  'etc-symlink': {
    attack: '/etc is a symlink to a directory of the host',
    build: (at) => oneLayer(symlink('etc', at.dir)),
    twin: () =>
      oneLayer(
        symlink('etc', '/usr/etc'),
        dir('usr'),
        dir('usr/etc'),
        file('usr/etc/passwd', passwd),
      ),
    expect: 'harmless',
  },
  'passwd-fifo': {
    advisory: 'CVE-2024-9676',
    attack: '/etc/passwd is a FIFO: its reader waits for ever',
    build: () => oneLayer(dir('etc'), fifo('etc/passwd'), fifo('etc/group')),
    twin: etc,
    expect: 'harmless',
  },
  'passwd-device': {
    attack: '/etc/passwd is a device of the host: zeros without end',
    build: () =>
      oneLayer(dir('etc'), device('etc/passwd', 'char', 1, 5), device('etc/shadow', 'block', 8, 0)),
    twin: etc,
    expect: 'harmless',
  },
  'passwd-directory': {
    attack: '/etc/passwd is a directory',
    build: () => oneLayer(dir('etc'), dir('etc/passwd'), file('etc/passwd/x', 'x')),
    twin: etc,
    expect: 'harmless',
  },
  'passwd-loop': {
    attack: '/etc/passwd is a circle of symlinks',
    build: () =>
      oneLayer(dir('etc'), symlink('etc/passwd', 'group'), symlink('etc/group', 'passwd')),
    twin: etc,
    expect: 'harmless',
  },
  'working-directory-symlink': {
    advisory: 'CVE-2022-23648',
    attack: 'the working directory and a volume are symlinks to a directory of the host',
    build: (at) => ({
      layers: [layerTar(symlink('work', at.dir), symlink('data', at.up))],
      config: { config: { WorkingDir: '/work', Volumes: { '/data': {} }, Cmd: ['/bin/sh'] } },
    }),
    twin: () => ({
      layers: [layerTar(dir('work'), file('work/f', 'mine'))],
      config: { config: { WorkingDir: '/work', Volumes: { '/work': {} }, Cmd: ['/bin/sh'] } },
    }),
    expect: 'harmless',
  },
  'volume-climbs': {
    advisory: 'CVE-2022-23648',
    attack: 'volume and working directory climb out by ..',
    build: (at) => ({
      layers: [layerTar(dir('work'), file('work/f', 'mine'))],
      config: {
        config: { WorkingDir: `/${at.up}`, Volumes: { [`/${at.up}`]: {} }, Cmd: ['/bin/sh'] },
      },
    }),
    twin: () => ({
      layers: [layerTar(dir('work'), file('work/f', 'mine'))],
      config: { config: { WorkingDir: '/work/../work', Cmd: ['/bin/sh'] } },
    }),
    expect: 'harmless',
  },
  'nss-library': {
    advisory: 'CVE-2019-14271',
    attack: 'a library that a chrooted helper of the host would load',
    build: (at) =>
      oneLayer(
        dir('lib'),
        file('lib/libnss_files.so.2', '\x7fELF'),
        symlink('lib/libc.so.6', `${at.dir}/secret`),
      ),
    twin: () => oneLayer(dir('lib'), file('lib/libc.so.6', 'mine')),
    expect: 'harmless',
  },
  'symlink-to-device-of-host': {
    attack: 'a symlink to /dev/zero and /proc/kcore',
    build: () =>
      oneLayer(
        symlink('zero', '/dev/zero'),
        symlink('kcore', '/proc/kcore'),
        symlink('environ', '/proc/self/environ'),
      ),
    twin: () => oneLayer(dir('dev'), file('dev/zero', ''), symlink('zero', '/dev/zero')),
    expect: 'harmless',
  },
  'symlink-chain-of-fifty': {
    attack: 'more symlinks than the kernel follows, the last leads out',
    build: (at) =>
      oneLayer(
        symlink('s0', `${at.dir}/secret`),
        ...Array.from({ length: 50 }, (_, i) => symlink(`s${i + 1}`, `s${i}`)),
      ),
    twin: () =>
      oneLayer(
        file('s0', 'mine'),
        ...Array.from({ length: 30 }, (_, i) => symlink(`s${i + 1}`, `s${i}`)),
      ),
    expect: 'harmless',
  },
  'symlink-that-doubles': {
    attack: 'each symlink names the one before it twice: 2^30 steps',
    build: () =>
      oneLayer(
        dir('s0'),
        ...Array.from({ length: 30 }, (_, i) => symlink(`s${i + 1}`, `s${i}/../s${i}`)),
        file('f', 'mine'),
      ),
    twin: () => oneLayer(dir('s0'), symlink('s1', 's0/../s0'), file('s0/f', 'mine')),
    expect: 'harmless',
  },
  'setuid-root': {
    attack: 'a setuid program of root in a place that users of the host can reach',
    build: () => oneLayer(file('su', 'x', { mode: 0o6755 }), dir('open', { mode: 0o777 })),
    twin: () => oneLayer(file('su', 'mine', { mode: 0o755 })),
    expect: 'harmless',
    holds: { '/su': 'x' },
  },
})
