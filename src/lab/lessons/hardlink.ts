// Hardlinks of a lower layer come apart when one of their names is changed.

import { DIRECTORIES, MOUNT, type Lesson } from '../lesson.ts'

export const hardlink: Lesson = {
  id: 'hardlink',
  title: { en: 'Hardlinks broken by copy-up', zh: '被 copy-up 拆散的硬链接' },
  intro: {
    en: 'Two hardlinks are two names of one file: what is written through one is read through the other. In a union that holds until the first change.',
    zh: '两个硬链接是同一个文件的两个名字：从一个写，从另一个就能读到。在联合目录里，这只在第一次修改之前成立。',
  },
  union: true,
  steps: [
    DIRECTORIES,
    {
      say: { en: 'One file with two names, in a lower layer.', zh: '下层有一个文件，两个名字。' },
      run: "echo before > L1/a; ln L1/a L1/b; stat -c '%n %h' L1/a L1/b",
      expect: { en: 'two links each', zh: '链接数都是 2' },
      output: 'L1/a 2\nL1/b 2',
    },
    MOUNT,
    {
      say: { en: 'In the merge they are still two names.', zh: '合并后，它们仍是两个名字。' },
      run: "stat -c '%n %h' M/a M/b",
      expect: { en: 'two links each', zh: '链接数都是 2' },
      output: 'M/a 2\nM/b 2',
    },
    {
      say: { en: 'Write through a.', zh: '通过 a 写入。' },
      run: 'echo after > M/a',
      expect: { en: 'no output', zh: '没有输出' },
      output: '',
      picture: { path: '/a', op: 'write' },
    },
    {
      say: { en: 'Read both.', zh: '两个都读一下。' },
      run: 'cat M/a M/b',
      expect: {
        en: '“after” and “before”: on a plain disk both would say “after”',
        zh: '一个 after，一个 before；在普通磁盘上两个都会是 after',
      },
      output: 'after\nbefore',
      kernel: {
        en: 'The same, unless it is mounted with index=on; docker mounts with index=off.',
        zh: '也是如此，除非挂载时加 index=on；docker 用的是 index=off。',
      },
    },
    {
      say: {
        en: 'U has a file of its own with one name; L1 has its two, untouched.',
        zh: 'U 里是一个独立的文件，只有一个名字；L1 里两个名字原样未动。',
      },
      run: "stat -c '%n %h' U/a L1/a L1/b",
      expect: { en: '1, 2, 2', zh: '1、2、2' },
      output: 'U/a 1\nL1/a 2\nL1/b 2',
    },
    {
      say: {
        en: 'A hardlink that is made in the merge holds: both names are in U.',
        zh: '在合并后的目录里新建的硬链接没有问题：两个名字都在 U 里。',
      },
      run: 'ln M/a M/c',
      expect: { en: 'no output', zh: '没有输出' },
      output: '',
    },
    {
      say: { en: 'Write through c, read a.', zh: '通过 c 写，再读 a。' },
      run: 'echo both > M/c',
      expect: { en: 'no output', zh: '没有输出' },
      output: '',
    },
    {
      say: { en: 'Both say the same.', zh: '两个内容一样。' },
      run: 'cat M/a M/c',
      expect: { en: 'both, twice', zh: '两次 both' },
      output: 'both\nboth',
    },
  ],
}
