// rename(2) in a union: files by copy-up and whiteout, directories not at all.

import { DIRECTORIES, MOUNT, type Lesson } from '../lesson.ts'

export const rename: Lesson = {
  id: 'rename',
  title: { en: 'Renaming, and the error EXDEV', zh: '重命名与 EXDEV 错误' },
  intro: {
    en: 'On one disk a rename moves a name and no data. In a union the old name may lie in a layer that cannot change.',
    zh: '在普通磁盘上，重命名只改名字，不动数据。在联合目录里，旧名字可能在只读的下层。',
  },
  union: true,
  steps: [
    DIRECTORIES,
    {
      say: { en: 'A file and a directory below.', zh: '下层有一个文件和一个目录。' },
      run: 'echo text > L1/file; mkdir L1/dir; echo in > L1/dir/inner; find L1 -type f | sort',
      expect: { en: 'two files', zh: '两个文件' },
      output: 'L1/dir/inner\nL1/file',
    },
    MOUNT,
    {
      say: { en: 'Rename the file.', zh: '给文件改名。' },
      run: 'mv M/file M/renamed',
      expect: { en: 'no output', zh: '没有输出' },
      output: '',
      picture: { path: '/file', op: 'mv', to: '/renamed' },
    },
    {
      say: {
        en: 'It cost a copy of all its bytes and a whiteout for the old name.',
        zh: '代价是复制全部内容，再给旧名字留一个 whiteout。',
      },
      run: "find U -mindepth 1 -printf '%y %f\\n' | sort",
      expect: { en: 'a file and a whiteout', zh: '一个文件和一个 whiteout' },
      output: {
        device: 'c file\nf renamed',
        attribute: 'f file\nf renamed',
        name: 'f .wh.file\nf renamed',
      },
      kernel: {
        en: 'A character device 0:0 stands for the old name.',
        zh: '旧名字处是 0:0 字符设备。',
      },
    },
    {
      say: {
        en: 'Rename the directory by the bare system call, as many programs do.',
        zh: '直接用系统调用给目录改名，许多程序就是这么做的。',
      },
      run: `perl -e 'rename "M/dir", "M/moved" or print "$!\\n"'`,
      expect: {
        en: 'EXDEV: “Invalid cross-device link”, as between two disks',
        zh: 'EXDEV：“Invalid cross-device link”，和跨磁盘一样',
      },
      output: 'Invalid cross-device link',
      picture: { path: '/dir', op: 'mv', to: '/moved' },
      kernel: {
        en: 'It can be allowed: with redirect_dir=on the directory keeps in an attribute where it came from. docker mounts without, since such a layer could not be exported.',
        zh: '可以放开这一限制：redirect_dir=on 时，目录的来处记在属性里。docker 不用它，因为这样的层没法导出。',
      },
    },
    {
      say: {
        en: 'mv(1) knows that error: it copies and removes. Slow, but it works; dpkg, npm and others needed the same care to run in containers.',
        zh: 'mv(1) 认识这个错误：它改为复制再删除。慢，但能成。dpkg、npm 等程序也是为此做了处理，才能在容器里运行。',
      },
      run: 'mv M/dir M/moved',
      expect: { en: 'no output', zh: '没有输出' },
      output: '',
    },
    {
      say: { en: 'See what it made of it.', zh: '看看结果。' },
      run: 'ls M M/moved',
      expect: { en: 'moved with inner in it, and renamed', zh: 'moved（里面有 inner）和 renamed' },
      output: /^(M:\n)?moved\nrenamed\n(\nM\/moved:\n)?inner$/,
    },
    {
      say: {
        en: 'A directory that is in U alone is renamed as on any disk.',
        zh: '只在 U 里的目录，改名和普通磁盘一样。',
      },
      run: `perl -e 'rename "M/moved", "M/again" or print "$!\\n"'`,
      expect: { en: 'no output: it worked', zh: '没有输出：成功' },
      output: '',
      picture: { path: '/moved', op: 'mv', to: '/again' },
    },
  ],
}
