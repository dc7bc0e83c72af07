// `--cap-add` and `--cap-drop`: capabilities(7) by name, in whatever case, with or without CAP_. Recorded as docker's
// client of today sends them: in full, each once, in order.
// Whether the host has each of them is for whoever runs the container.

import { wrongOption } from './wrong-option.ts'

const NAMES = new Set(
  (
    'AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH ' +
    'FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN ' +
    'NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT ' +
    'SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM'
  )
    .split(' ')
    .map((name) => `CAP_${name}`),
)

/** Every capability at once. */
export const ALL_CAPABILITIES = 'ALL'

/** Those of Linux, by their full names. */
export const CAPABILITY_NAMES: ReadonlySet<string> = NAMES

/** @throws InvalidArgumentError ERR_OPTION for one that Linux has not */
export function settleCapabilities(
  option: 'cap-add' | 'cap-drop',
  texts: readonly string[],
): readonly string[] {
  const full = texts.map((text) => {
    const name = fullName(text)
    if (name === ALL_CAPABILITIES || NAMES.has(name)) return name
    const field = option === 'cap-add' ? 'CapAdd' : 'CapDrop'
    throw wrongOption(option, text, `invalid ${field}: unknown capability: ${JSON.stringify(name)}`)
  })
  return [...new Set(full)].sort()
}

function fullName(text: string): string {
  const name = text.toUpperCase()
  return name === ALL_CAPABILITIES || name.startsWith('CAP_') ? name : `CAP_${name}`
}
