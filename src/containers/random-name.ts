// Names for containers that nobody named: an adjective and somebody whom science or computing owes something, as
// docker's namesgenerator draws them. Knows words; which names are taken, it is told.

import { randomInt } from 'node:crypto'

const ADJECTIVES: readonly string[] = `
  admiring adoring affectionate agitated amazing angry awesome beautiful blissful bold boring
  brave busy charming clever cool compassionate competent condescending confident cranky crazy
  dazzling determined distracted dreamy eager ecstatic elastic elated elegant eloquent epic
  exciting fervent festive flamboyant focused friendly frosty funny gallant gifted goofy
  gracious great happy hardcore heuristic hopeful hungry infallible inspiring interesting
  intelligent jolly jovial keen kind laughing loving lucid magical mystifying modest musing
  naughty nervous nice nifty nostalgic objective optimistic peaceful pedantic pensive practical
  priceless quirky quizzical recursing relaxed reverent romantic sad serene sharp silly sleepy
  stoic strange stupefied suspicious sweet tender thirsty trusting unruffled upbeat vibrant
  vigilant vigorous wizardly wonderful xenodochial youthful zealous zen
`
  .trim()
  .split(/\s+/)

const SURNAMES: readonly string[] = `
  agnesi albattani allen almeida antonelli archimedes ardinghelli aryabhata austin babbage
  banach banzai bardeen bartik bassi beaver bell benz bhabha bhaskara black blackburn blackwell
  bohr booth borg bose bouman boyd brahmagupta brattain brown buck burnell cannon carson
  cartwright carver cerf chandrasekhar chaplygin chatelet chatterjee chaum chebyshev clarke
  cohen colden cori cray curie curran darwin davinci dewdney dhawan diffie dijkstra dirac
  driscoll dubinsky easley edison einstein elbakyan elgamal elion ellis engelbart euclid euler
  faraday feistel fermat fermi feynman franklin gagarin galileo galois ganguly gates gauss
  germain goldberg goldstine goldwasser golick goodall gould greider grothendieck haibt hamilton
  haslett hawking heisenberg hellman hermann herschel hertz heyrovsky hodgkin hofstadter hoover
  hopper hugle hypatia ishizaka jackson jang jemison jennings jepsen johnson joliot jones kalam
  kapitsa kare keldysh keller kepler khayyam khorana kilby kirch knuth kowalevski lalande lamarr
  lamport leakey leavitt lederberg lehmann lewin lichterman liskov lovelace lumiere mahavira
  margulis matsumoto maxwell mayer mccarthy mcclintock mclaren mclean mcnulty meitner mendel
  mendeleev meninsky merkle mestorf mirzakhani montalcini moore morse moser murdock napier nash
  neumann newton nightingale nobel noether northcutt noyce panini pare pascal pasteur payne
  perlman pike poincare poitras proskuriakova ptolemy raman ramanujan rhodes ride riemann
  ritchie robinson roentgen rosalind rubin saha sammet sanderson satoshi shamir shannon shaw
  shirley shockley shtern sinoussi snyder solomon spence stonebraker sutherland swanson swartz
  swirles taussig tesla tharp thompson torvalds tu turing varahamihira vaughan villani
  visvesvaraya volhard wescoff wilbur wiles williams williamson wilson wing wozniak wright wu
  yalow yonath zhukovsky
`
  .trim()
  .split(/\s+/)

const TRIES = 6

/** @param isTaken asked of each draw; from the second on a digit follows, at last as many as it takes */
export function randomName(isTaken: (name: string) => boolean): string {
  for (let tries = 0; ; tries++) {
    const name = draw()
    const digits = tries === 0 ? '' : String(randomInt(10 ** Math.max(1, tries - TRIES)))
    if (!isTaken(name + digits)) return name + digits
  }
}

function draw(): string {
  for (;;) {
    const name = `${pick(ADJECTIVES)}_${pick(SURNAMES)}`
    // Steve Wozniak is not boring.
    if (name !== 'boring_wozniak') return name
  }
}

function pick(words: readonly string[]): string {
  return words[randomInt(words.length)]!
}
