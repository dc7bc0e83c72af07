// From a tag to the files, through each folder that stands between.

import type { Lesson } from '../lesson.ts'
import { IMAGE_BY_HAND } from './image-steps.ts'

export const anatomy: Lesson = {
  id: 'anatomy',
  title: {
    en: 'The anatomy of /var/lib/docker: from tag to diff/',
    zh: '解剖 /var/lib/docker：从标签走到 diff/',
  },
  intro: {
    en: 'docker keeps images in two places: image/ says what there is, overlay2/ holds the files. shale writes the same folders, so that the walk below is the same in /var/lib/docker (as root, with the daemon left alone).',
    zh: 'docker 把镜像分放两处：image/ 记录有什么，overlay2/ 存放文件。shale 写出的目录完全一样，下面的步骤在 /var/lib/docker 里也能照做（用 root，只读不改）。',
  },
  union: false,
  steps: [
    ...IMAGE_BY_HAND,
    {
      say: { en: 'Go there. The two halves:', zh: '进到目录里，看这两部分：' },
      run: 'cd $SHALE_ROOT; ls -d image/overlay2 overlay2',
      expect: { en: 'the facts and the files', zh: '元数据和文件' },
      output: 'image/overlay2\noverlay2',
    },
    {
      say: {
        en: 'First the name. repositories.json says which image app:1 is: an imageID.',
        zh: '先从名字开始。repositories.json 记着 app:1 对应哪个镜像：一个 imageID。',
      },
      run: `ID=$(sed 's/.*"app:1":"sha256:\\([0-9a-f]*\\)".*/\\1/' image/overlay2/repositories.json); echo $ID`,
      expect: { en: '64 hexadecimal digits', zh: '64 个十六进制数字' },
      output: /^[0-9a-f]{64}$/,
    },
    {
      say: {
        en: 'The imageID is the sha256 of the config, which lies under that name.',
        zh: 'imageID 是 config 的 sha256，config 就以它为文件名。',
      },
      run: '[ $(sha256sum < image/overlay2/imagedb/content/sha256/$ID | cut -c1-64) = $ID ] && echo same',
      expect: { en: 'same', zh: 'same（相同）' },
      output: 'same',
    },
    {
      say: {
        en: 'The config lists the layers, base first, by their diffIDs.',
        zh: 'config 按从底到顶的顺序，用 diffID 列出各层。',
      },
      run: `grep -o 'sha256:[0-9a-f]*' image/overlay2/imagedb/content/sha256/$ID | tr '\\n' ' ' | sed 's/ $//' > ids; [ "$(cat ids)" = "$A $B" ] && echo 'the two from above'; rm ids`,
      expect: { en: 'the two diffIDs from above', zh: '就是前面那两个 diffID' },
      output: 'the two from above',
    },
    {
      say: {
        en: 'From diffIDs to the folder of the top layer: by its chainID.',
        zh: '由 diffID 算出 chainID，找到最上层的目录。',
      },
      run: 'TOP=image/overlay2/layerdb/sha256/$(shale chainid $A $B | cut -c8-); ls $TOP',
      expect: {
        en: 'cache-id, diff, parent, size, tar-split.json.gz',
        zh: 'cache-id、diff、parent、size、tar-split.json.gz',
      },
      output: 'cache-id\ndiff\nparent\nsize\ntar-split.json.gz',
    },
    {
      say: {
        en: 'cache-id leads to the other half. It is random: two hosts with one image have other directories.',
        zh: 'cache-id 指向另一半。它是随机的：同一个镜像在两台机器上，目录名不同。',
      },
      run: 'CACHE=$(cat $TOP/cache-id); ls overlay2/$CACHE',
      expect: { en: 'diff, link, lower, work', zh: 'diff、link、lower、work' },
      output: 'diff\nlink\nlower\nwork',
    },
    {
      say: { en: 'And diff/ is the layer itself.', zh: 'diff/ 就是这一层本身。' },
      run: 'cat overlay2/$CACHE/diff/etc/motd',
      expect: { en: 'bye, as the second layer has it', zh: '第二层写的 bye' },
      output: 'bye',
    },
    {
      say: {
        en: 'link holds a short name for that directory; l/ has a symlink of that name; lower lists the short names of the layers below.',
        zh: 'link 里是这个目录的短名；l/ 下有同名的符号链接；lower 列出下面各层的短名。',
      },
      run: '[ $(readlink overlay2/l/$(cat overlay2/$CACHE/link)) = ../$CACHE/diff ] && cat overlay2/$(cat overlay2/$CACHE/lower)/etc/motd',
      expect: { en: 'hello: the layer below', zh: 'hello：下面那一层' },
      output: 'hello',
    },
    {
      say: {
        en: 'The way back, from any file to its image, shale knows as well.',
        zh: '反过来，从任意一个文件找到它属于哪个镜像，shale 也知道。',
      },
      run: 'shale why overlay2/$CACHE/diff/etc/motd | head -n 1 | grep -c app:1',
      expect: { en: 'app:1 is named', zh: '指出是 app:1' },
      output: '1',
    },
    {
      say: {
        en: 'And which file of which directory a name means, as a container would see it:',
        zh: '容器里看到的某个名字，到底是哪个目录里的哪个文件：',
      },
      run: 'shale explain --lang en /etc/motd app:1 | tail -n 1 | grep -c /$CACHE/diff/etc/motd',
      expect: { en: 'the file that was just read', zh: '正是刚才读的那个文件' },
      output: '1',
    },
  ],
}
