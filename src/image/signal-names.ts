// The signals that STOPSIGNAL takes: Linux's names with or without SIG, real-time ones, or any number but 0.
// Source: moby sys/signal. The image names the signal; nothing is sent from here.

const NAMES = new Set(
  (
    'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM ' +
    'TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX'
  ).split(' '),
)
for (let n = 1; n <= 15; n++) NAMES.add(`RTMIN+${n}`)
for (let n = 1; n <= 14; n++) NAMES.add(`RTMAX-${n}`)

export function isSignal(text: string): boolean {
  if (/^[+-]?\d+$/.test(text)) return Number(text) !== 0
  return NAMES.has(text.toUpperCase().replace(/^SIG/, ''))
}
