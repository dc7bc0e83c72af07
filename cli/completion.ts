// Completion scripts, made from the tree of verbs itself, so that they cannot fall behind it. Verbs, options and choices
// are written into the script; image names are asked of `shale images` when the user presses the key.
// Knows three shells' syntax; knows verbs only as the tree has them.

import type { Argument, Command, Option } from 'commander'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/** One place in the tree: what may follow the words that lead to it. */
interface Place {
  /** `image ls`; '' for the program. */
  readonly words: string
  readonly subcommands: readonly { readonly name: string; readonly summary: string }[]
  readonly options: readonly CompletedOption[]
  /** What its arguments name. */
  readonly values: readonly ('images' | 'files')[]
  readonly choices: readonly string[]
}

interface CompletedOption {
  readonly flags: readonly string[]
  readonly summary: string
  readonly takesValue: boolean
  readonly choices: readonly string[]
}

export function completionScript(program: Command, shell: Shell): string {
  const places = [...placesOf(program, [])]
  if (shell === 'bash') return bashScript(places)
  return shell === 'zsh' ? zshScript(places) : fishScript(places)
}

function* placesOf(command: Command, path: readonly string[]): Generator<Place> {
  const names = command.commands.flatMap((sub) =>
    [sub.name(), ...sub.aliases()].map((name) => ({ name, summary: plain(sub.summary()) })),
  )
  yield {
    words: path.join(' '),
    subcommands: path.length === 0 ? [...names, { name: 'help', summary: 'print help' }] : names,
    options: [...command.options.map(optionOf), HELP],
    values: valuesOf(command.registeredArguments),
    choices: command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
  }
  for (const sub of command.commands) {
    for (const name of [sub.name(), ...sub.aliases()]) yield* placesOf(sub, [...path, name])
  }
}

const HELP: CompletedOption = {
  flags: ['-h', '--help'],
  summary: 'print help',
  takesValue: false,
  choices: [],
}

function optionOf(option: Option): CompletedOption {
  return {
    flags: [option.short, option.long].filter((flag) => flag !== undefined),
    summary: plain(option.description),
    takesValue: option.required || option.optional,
    choices: option.argChoices ?? [],
  }
}

/** By what the declarations call their arguments. */
function valuesOf(arguments_: readonly Argument[]): Place['values'] {
  const names = arguments_.map((argument) => argument.name())
  const values: ('images' | 'files')[] = []
  if (names.some((name) => /image|repository|source/i.test(name))) values.push('images')
  if (names.some((name) => /file|dir|path$|url/i.test(name))) values.push('files')
  return values
}

/** Descriptions go into quoted strings of three shells: what has a meaning there is left out. */
function plain(text: string): string {
  return text.replaceAll(/['"`$\\[\]:]/g, '').replaceAll('’', '')
}

const LIST_IMAGES =
  'shale ${root:+--root "$root"} images --format \'{{.Repository}}:{{.Tag}}\' 2>/dev/null'

/**
 * Patterns of a shell's `case` on "PLACE FLAG". An option that means the same at every place is written once; `-f` is
 * not: it takes a value for `images` and none for `rmi`.
 */
function casePatterns(
  places: readonly Place[],
  isMeant: (option: CompletedOption) => boolean,
): string[] {
  const patterns = new Set<string>()
  for (const place of places) {
    for (const option of place.options.filter(isMeant)) {
      for (const flag of option.flags) {
        const everywhere = places.every((other) =>
          other.options.every((known) => !known.flags.includes(flag) || isMeant(known)),
        )
        patterns.add(everywhere ? `*' ${flag}'` : `'${place.words} ${flag}'`)
      }
    }
  }
  return [...patterns].sort()
}

/** Lines of a `case`: which choices follow which option. */
function choiceCases(places: readonly Place[], answer: (choices: string) => string): string {
  const lists = new Set(
    places.flatMap((place) => place.options.map((option) => option.choices.join(' '))),
  )
  lists.delete('')
  return [...lists]
    .map((list) => {
      const patterns = casePatterns(places, (option) => option.choices.join(' ') === list)
      return `    ${patterns.join(' | ')}) ${answer(list)} ;;`
    })
    .join('\n')
}

/** The loop that bash and zsh share: which place the words before the cursor lead to. */
function placeLoop(places: readonly Place[], first: string): string {
  const known = places.map((place) => place.words).filter((words) => words !== '')
  return `  for ((${first}; i++)); do
    word="\${words[i]}"
    if [[ -n $skip ]]; then
      [[ $skip == --root ]] && root="$word"
      skip=''
      continue
    fi
    case "$place $word" in
      ${casePatterns(places, (option) => option.takesValue).join(' | ')}) skip="$word" ;;
      *' -'*) ;;
      *)
        case "\${place:+$place }$word" in
          ${known.map((words) => `'${words}'`).join(' | ')}) place="\${place:+$place }$word" ;;
        esac ;;
    esac
  done`
}

function bashScript(places: readonly Place[]): string {
  const cases = places.map((place) => {
    const options = place.options.flatMap((option) => option.flags).join(' ')
    const words = [...place.subcommands.map((sub) => sub.name), ...place.choices].join(' ')
    return `    '${place.words}') subs='${words}' opts='${options}' values='${place.values.join(' ')}' ;;`
  })
  return `# bash completion for shale. Made by: shale completion bash
_shale() {
  local cur prev word place='' skip='' root='' subs='' opts='' values='' i
  COMPREPLY=()
  # A colon splits words for readline, but not in an image name.
  local words=() cword=0
  if declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref -n : -w words -i cword
  else
    words=("\${COMP_WORDS[@]}"); cword=$COMP_CWORD
  fi
  cur="\${words[cword]}"; prev="\${words[cword-1]}"
${placeLoop(places, 'i = 1; i < cword')}
  case "$place $prev" in
${choiceCases(places, (choices) => `COMPREPLY=($(compgen -W '${choices}' -- "$cur")); return`)}
  esac
  if [[ -n $skip ]]; then COMPREPLY=($(compgen -f -- "$cur")); return; fi
  case "$place" in
${cases.join('\n')}
  esac
  if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W "$opts" -- "$cur")); return; fi
  [[ $values == *images* ]] && subs="$subs $(${LIST_IMAGES})"
  COMPREPLY=($(compgen -W "$subs" -- "$cur"))
  [[ $values == *files* ]] && COMPREPLY+=($(compgen -f -- "$cur"))
  if declare -F __ltrim_colon_completions >/dev/null; then __ltrim_colon_completions "$cur"; fi
}
complete -F _shale shale
`
}

function zshScript(places: readonly Place[]): string {
  const cases = places.map((place) => {
    const options = place.options.flatMap((option) =>
      option.flags.map((flag) => `'${flag}:${option.summary}'`),
    )
    const subs = [
      ...place.subcommands.map((sub) => `'${sub.name}:${sub.summary}'`),
      ...place.choices.map((choice) => `'${choice}'`),
    ]
    return `    '${place.words}')
      subs=(${subs.join(' ')})
      opts=(${options.join(' ')})
      values='${place.values.join(' ')}' ;;`
  })
  return `#compdef shale
# zsh completion for shale. Made by: shale completion zsh
_shale() {
  local word place='' skip='' root='' values='' i
  local -a subs opts images
${placeLoop(places, 'i = 2; i < CURRENT')}
  case "$place \${words[CURRENT-1]}" in
${choiceCases(places, (choices) => `compadd -- ${choices}; return`)}
  esac
  if [[ -n $skip ]]; then _files; return; fi
  case "$place" in
${cases.join('\n')}
  esac
  if [[ "$PREFIX" == -* ]]; then _describe option opts; return; fi
  (( \${#subs} )) && _describe verb subs
  if [[ $values == *images* ]]; then images=(\${(f)"$(${LIST_IMAGES})"}); compadd -- $images; fi
  if [[ $values == *files* ]]; then _files; fi
}
if [[ "\${funcstack[1]}" == _shale ]]; then _shale "$@"; else compdef _shale shale; fi
`
}

function fishScript(places: readonly Place[]): string {
  const lines = places.flatMap(fishLines)
  const known = places.map((place) => place.words).filter((words) => words !== '')
  const valued = casePatterns(places, (option) => option.takesValue)
  return `# fish completion for shale. Made by: shale completion fish
function __shale_place
  set -l place
  set -l skip
  for word in (commandline -opc)[2..-1]
    if test -n "$skip"
      test "$skip" = --root; and set -g __shale_root --root $word
      set skip
      continue
    end
    switch "$place $word"
      case ${valued.map((pattern) => (pattern.startsWith('*') ? `'*${pattern.slice(2)}` : pattern)).join(' ')}
        set skip $word
      case '* -*'
      case '*'
        set -l longer (string trim -- "$place $word")
        contains -- $longer ${known.map((words) => `'${words}'`).join(' ')}
        and set place $longer
    end
  end
  echo $place
end
function __shale_at
  set -g __shale_root
  test (__shale_place) = "$argv[1]"
end
function __shale_images
  set -g __shale_root
  __shale_place >/dev/null
  shale $__shale_root images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null
end
complete -c shale -f
${lines.join('\n')}
`
}

function fishLines(place: Place): string[] {
  const lines: string[] = []
  const here = `complete -c shale -n '__shale_at "${place.words}"'`
  for (const sub of place.subcommands) lines.push(`${here} -f -a '${sub.name}' -d '${sub.summary}'`)
  for (const choice of place.choices) lines.push(`${here} -f -a '${choice}'`)
  if (place.values.includes('images')) lines.push(`${here} -f -a '(__shale_images)'`)
  if (place.values.includes('files')) lines.push(`${here} -F`)
  for (const option of place.options) {
    const flags = option.flags.map((flag) =>
      flag.startsWith('--') ? `-l '${flag.slice(2)}'` : `-s '${flag.slice(1)}'`,
    )
    const choices = option.choices.length > 0 ? ` -x -a '${option.choices.join(' ')}'` : ' -r'
    const value = option.takesValue ? choices : ''
    lines.push(`${here} ${flags.join(' ')}${value} -d '${option.summary}'`)
  }
  return lines
}
