// How "removed" is said in a directory, and how in a layer's tar.

import { DIRECTORIES, MOUNT, type Lesson } from '../lesson.ts'

export const whiteout: Lesson = {
  id: 'whiteout',
  title: {
    en: 'Whiteouts: how to remove what cannot be written',
    zh: 'Whiteout：只读层里的文件怎么删',
  },
  intro: {
    en: 'A lower layer is never changed. To remove a name of a lower layer, the upper one has to say so. That mark is the whiteout.',
    zh: '下层从不改动。要删掉下层的名字，只能由上层声明“它没有了”。这个标记就是 whiteout。',
  },
  union: true,
  steps: [
    DIRECTORIES,
    {
      say: { en: 'Two files below, nothing on top.', zh: '下层有两个文件，上层是空的。' },
      run: 'echo one > L1/one; mkdir L2/dir; echo two > L2/dir/two; find L1 L2 -type f | sort',
      expect: { en: 'one in L1, two in L2', zh: 'one 在 L1，two 在 L2' },
      output: 'L1/one\nL2/dir/two',
    },
    MOUNT,
    {
      say: { en: 'Remove both.', zh: '两个都删掉。' },
      run: 'rm M/one M/dir/two',
      expect: { en: 'no output', zh: '没有输出' },
      output: '',
      picture: { path: '/dir/two', op: 'rm' },
    },
    {
      say: {
        en: 'U now holds a mark for each; and dir, since the mark for dir/two needs a place: the directory was copied up without its content.',
        zh: '现在 U 里各有一个标记；dir 也在，因为 dir/two 的标记要有地方放：目录被复制上来，但不带内容。',
      },
      run: "find U -mindepth 1 -printf '%y %p\\n' | sort",
      expect: { en: 'a directory and two whiteouts', zh: '一个目录，两个 whiteout' },
      output: {
        device: 'c U/dir/two\nc U/one\nd U/dir',
        attribute: 'd U/dir\nf U/dir/two\nf U/one',
        name: 'd U/dir\nf U/.wh.one\nf U/dir/.wh.two',
      },
      kernel: {
        en: 'A whiteout here is a character device with the numbers 0:0. Where nobody may make one, an empty file with the attribute overlay.whiteout (Linux 6.7, lower layers) or a file .wh.NAME (fuse-overlayfs) says the same.',
        zh: '这里的 whiteout 是设备号为 0:0 的字符设备。没有权限创建时，也可以用带 overlay.whiteout 属性的空文件（Linux 6.7 起，仅限下层），或名为 .wh.NAME 的文件（fuse-overlayfs）表示。',
      },
    },
    {
      say: { en: 'A whiteout is not seen in the merge.', zh: '合并视图里看不到 whiteout。' },
      run: 'ls M M/dir',
      expect: { en: 'dir, and nothing in it', zh: '只有 dir，里面是空的' },
      output: /^(M:\ndir\n\nM\/dir:|dir)$/,
    },
    {
      say: {
        en: 'Make the file again. The whiteout gives way to the new file.',
        zh: '再建一个同名文件，whiteout 就被新文件取代。',
      },
      run: 'echo again > M/one',
      expect: { en: 'no output', zh: '没有输出' },
      output: '',
      picture: { path: '/one', op: 'write' },
    },
    {
      say: { en: 'What is at U/one now?', zh: 'U/one 现在是什么？' },
      run: "cat U/one; find U -name '*one' -printf '%y %f\\n'",
      expect: { en: 'an ordinary file', zh: '一个普通文件' },
      output: 'again\nf one',
    },
    {
      say: {
        en: 'Ask shale how it finds dir/two, and why it does not.',
        zh: '让 shale 说明它怎么查 dir/two，又为什么查不到。',
      },
      run: 'shale explain --lang en -o lowerdir=L1:L2,upperdir=U /dir/two',
      expect: { en: 'U removes it; L2 is not asked any more', zh: 'U 把它删了，不再问 L2' },
      output: /U +whiteout +removed here[^]*L2 +file +hidden[^]*ENOENT/,
    },
    {
      say: {
        en: 'In the tar of an image layer there are no devices for this: a whiteout is an empty file with .wh. before the name. An engine that unpacks the layer turns it into the form above.',
        zh: '镜像层的 tar 里不用设备：whiteout 就是名字前加 .wh. 的空文件。引擎解包时再转成上面的形式。',
      },
      run: 'mkdir -p T/dir; touch T/.wh.one T/dir/.wh.two; tar -C T -cf layer.tar . ; tar -tf layer.tar | sort',
      expect: { en: './.wh.one and ./dir/.wh.two', zh: './.wh.one 和 ./dir/.wh.two' },
      output: './\n./.wh.one\n./dir/\n./dir/.wh.two',
    },
  ],
}
