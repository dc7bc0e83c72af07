// Opaque directories: what a directory needs that takes the place of a removed one.

import { DIRECTORIES, MOUNT, type Lesson } from '../lesson.ts'

export const opaque: Lesson = {
  id: 'opaque',
  title: { en: 'Opaque directories', zh: 'Opaque 目录：遮住下面的一切' },
  intro: {
    en: 'Directories merge. That is what one wants, until a directory is removed and made anew: then the old content must not come back. The mark for that is the opaque attribute.',
    zh: '同名目录会合并，平时这正合适；但删掉一个目录再新建同名目录时，旧内容不能又冒出来。为此有一个标记：opaque 属性。',
  },
  union: true,
  steps: [
    DIRECTORIES,
    {
      say: { en: 'A directory below with two files.', zh: '下层有个目录，里面两个文件。' },
      run: 'mkdir L2/d; echo 1 > L2/d/old1; echo 2 > L2/d/old2; ls L2/d',
      expect: { en: 'old1 and old2', zh: 'old1 和 old2' },
      output: 'old1\nold2',
    },
    MOUNT,
    {
      say: {
        en: 'Add a file: the directory comes to U by copy-up, and both merge.',
        zh: '加一个文件：目录被复制到 U，两边合并。',
      },
      run: 'echo 3 > M/d/new',
      expect: { en: 'no output', zh: '没有输出' },
      output: '',
      picture: { path: '/d/new', op: 'write' },
    },
    {
      say: { en: 'Look at it from both sides.', zh: '从两边看看。' },
      run: 'ls M/d',
      expect: { en: 'new, old1, old2', zh: 'new、old1、old2' },
      output: 'new\nold1\nold2',
    },
    {
      say: { en: 'Now remove the whole directory.', zh: '现在把整个目录删掉。' },
      run: 'rm -r M/d',
      expect: { en: 'no output', zh: '没有输出' },
      output: '',
      picture: { path: '/d', op: 'rm' },
    },
    {
      say: {
        en: 'One whiteout stands for all of it.',
        zh: '整个目录只留下一个 whiteout。',
      },
      run: "find U -mindepth 1 -printf '%y %p\\n'",
      expect: { en: 'one entry, d', zh: '只有一项：d' },
      output: { device: 'c U/d', attribute: 'f U/d', name: 'f U/.wh.d' },
      kernel: { en: 'A character device 0:0.', zh: '一个 0:0 字符设备。' },
    },
    {
      say: { en: 'Make a directory of the same name.', zh: '再建一个同名目录。' },
      run: 'mkdir M/d',
      expect: { en: 'no output', zh: '没有输出' },
      output: '',
      picture: { path: '/d', op: 'mkdir' },
    },
    {
      say: {
        en: 'If it merged, old1 and old2 would be back. It does not.',
        zh: '如果它照常合并，old1 和 old2 就回来了。但没有。',
      },
      run: 'ls M/d',
      expect: { en: 'nothing', zh: '空的' },
      output: '',
    },
    {
      say: {
        en: 'What makes the difference is not to be seen with ls: an extended attribute, trusted.overlay.opaque=y (user.overlay.opaque for ordinary users). shale reads it for you; getfattr -d -m - U/d does, too.',
        zh: '区别用 ls 看不出来：那是一个扩展属性 trusted.overlay.opaque=y（普通用户是 user.overlay.opaque）。shale 会替你读；也可以用 getfattr -d -m - U/d。',
      },
      run: 'shale explain --lang en -o lowerdir=L1:L2,upperdir=U /d/old1',
      expect: {
        en: 'U holds an opaque directory, and L2 is not asked for what is in it',
        zh: 'U 里的目录是 opaque，不再查 L2 里的内容',
      },
      output: /U +opaque directory[^]*L2 +file +hidden: \/d is opaque in U/,
    },
    {
      say: {
        en: 'In a layer’s tar the same is said by an empty file .wh..wh..opq inside the directory. Two ways to hide: a whiteout hides one name, an opaque directory all that lies below it.',
        zh: '在层的 tar 里，同样的意思由目录中的空文件 .wh..wh..opq 表示。两种遮法：whiteout 遮一个名字，opaque 目录遮住它下面的一切。',
      },
      run: 'mkdir -p T/d; touch T/d/.wh..wh..opq T/d/new; tar -C T -cf layer.tar d; tar -tf layer.tar | sort',
      expect: { en: 'the directory, its mark, its file', zh: '目录、标记和文件' },
      output: 'd/\nd/.wh..wh..opq\nd/new',
    },
  ],
}
