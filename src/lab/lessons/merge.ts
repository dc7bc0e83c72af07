// The union itself: who is read, where changes go, what W is for.

import { DIRECTORIES, MOUNT, type Lesson } from '../lesson.ts'

export const merge: Lesson = {
  id: 'merge',
  title: { en: 'One tree out of three directories', zh: '三个目录合成一棵树' },
  intro: {
    en: 'A union mount stacks directories: U on top of L1 on top of L2, seen as one at M. For each name the topmost directory that has it answers. Only U is ever written.',
    zh: '联合挂载把几个目录叠成一摞：U 在最上，下面是 L1，再下面是 L2，合起来在 M 里看到。同一个名字，谁在最上面就读谁的；写，只会写进 U。',
  },
  union: true,
  steps: [
    DIRECTORIES,
    {
      say: {
        en: 'Put some files in place. c1 is in all three, c2 only at the bottom, u only on top.',
        zh: '先放几个文件：c1 三个目录都有，c2 只在最底层，u 只在最上层。',
      },
      run: 'for d in U L1 L2; do echo "c1 of $d" > $d/c1; done; echo "c2 of L2" > L2/c2; echo "u of U" > U/u; find U L1 L2 -type f | sort',
      expect: { en: 'five files', zh: '五个文件' },
      output: 'L1/c1\nL2/c1\nL2/c2\nU/c1\nU/u',
    },
    MOUNT,
    {
      say: { en: 'List the merge: each name once.', zh: '列出合并结果：同名只出现一次。' },
      run: 'ls M',
      expect: { en: 'c1, c2, u', zh: 'c1、c2、u' },
      output: 'c1\nc2\nu',
    },
    {
      say: {
        en: 'Read c1. The search starts at the top and ends where it finds something.',
        zh: '读 c1。查找从最上层开始，找到就停。',
      },
      run: 'cat M/c1',
      expect: { en: 'the c1 of U', zh: '读到 U 里的 c1' },
      output: 'c1 of U',
      picture: { path: '/c1' },
    },
    {
      say: {
        en: 'Read c2. Neither U nor L1 has it, so the search goes down to L2.',
        zh: '读 c2。U 和 L1 都没有，一直找到 L2。',
      },
      run: 'cat M/c2',
      expect: { en: 'the c2 of L2', zh: '读到 L2 里的 c2' },
      output: 'c2 of L2',
      picture: { path: '/c2' },
    },
    {
      say: { en: 'Add a file x to the merge.', zh: '在合并后的目录里新建 x。' },
      run: 'echo new > M/x',
      expect: { en: 'no output', zh: '没有输出' },
      output: '',
      picture: { path: '/x', op: 'write' },
    },
    {
      say: { en: 'Which directory has it?', zh: '它落在哪个目录？' },
      run: 'find U L1 L2 -name x',
      expect: { en: 'U alone', zh: '只在 U' },
      output: 'U/x',
    },
    {
      say: {
        en: 'Remove u and c1 from the merge. u lies in U alone; c1 lies below as well.',
        zh: '在 M 里删除 u 和 c1。u 只有 U 里有；c1 在下层也有。',
      },
      run: 'rm M/u M/c1',
      expect: { en: 'no output', zh: '没有输出' },
      output: '',
      picture: { path: '/c1', op: 'rm' },
    },
    {
      say: {
        en: 'u is simply gone. In the place of c1 U keeps a mark, a whiteout: or else the c1 of L1 would come back. (%y is the type: c is a character device, f a file.)',
        zh: 'u 直接没了。c1 则在 U 里留下一个标记，叫 whiteout：否则 L1 的 c1 又会露出来。（%y 是类型：c 为字符设备，f 为普通文件。）',
      },
      run: "find U -name '*u' -o -name '*c1' | sort; find U -name '*c1' -printf '%y\\n'",
      expect: {
        en: 'no u, and a c1 that is no ordinary file: a character device, in the kernel’s own form',
        zh: '没有 u；c1 不再是普通文件：按内核的做法，是一个字符设备',
      },
      output: { device: 'U/c1\nc', attribute: 'U/c1\nf', name: 'U/.wh.c1\nf' },
      kernel: {
        en: 'An upper directory always gets a character device 0:0.',
        zh: '在上层总是创建 0:0 的字符设备。',
      },
    },
    {
      say: {
        en: 'The lower directories know nothing of all this.',
        zh: '下层目录对这一切毫不知情。',
      },
      run: 'cat L1/c1 L2/c1',
      expect: { en: 'both as they were', zh: '两个都原样未动' },
      output: 'c1 of L1\nc1 of L2',
    },
    {
      say: {
        en: 'Change c2, which only L2 has. First it is copied up into U, then the copy is changed.',
        zh: '修改只有 L2 才有的 c2。先把它整个复制到 U（copy-up），再改这份副本。',
      },
      run: 'echo more >> M/c2',
      expect: { en: 'no output', zh: '没有输出' },
      output: '',
      picture: { path: '/c2', op: 'write' },
    },
    {
      say: { en: 'Compare the copy and the original.', zh: '对比副本和原件。' },
      run: 'cat U/c2; echo --; cat L2/c2',
      expect: { en: 'two lines in U, one still in L2', zh: 'U 里两行，L2 里仍是一行' },
      output: 'c2 of L2\nmore\n--\nc2 of L2',
    },
    {
      say: {
        en: 'W holds unfinished work: a copy is made there and renamed into U when it is whole, so that nobody ever sees half of it. Between two changes there is nothing in it but a folder, and perhaps a whiteout that the kernel keeps at hand.',
        zh: 'W 放的是半成品：副本先在这里写好，再用一次 rename 放进 U，所以谁也不会看到写了一半的文件。平时里面只有一个目录，内核有时会在其中留一个备用的 whiteout。',
      },
      run: 'find W -type d | sort',
      expect: { en: 'W and W/work', zh: 'W 和 W/work' },
      output: 'W\nW/work',
    },
  ],
}
