// Removing in a later layer hides and does not free; what does.

import type { Lesson } from '../lesson.ts'
import { STORE } from './image-steps.ts'

export const rmFreesNothing: Lesson = {
  id: 'rm-frees-nothing',
  title: { en: 'Why rm in a later layer frees nothing', zh: '为什么在后面的层里 rm 不省空间' },
  intro: {
    en: '“RUN apt-get install …” and then “RUN rm -rf /var/lib/apt/lists” makes an image larger, not smaller. Layers are never changed; the second step can only hide.',
    zh: '先 “RUN apt-get install …”，再 “RUN rm -rf /var/lib/apt/lists”，镜像只会变大，不会变小。层一旦写成就不再改，后面的步骤只能遮住它。',
  },
  union: false,
  steps: [
    {
      say: {
        en: 'Two layers: one brings a file of 2 MB, the next removes it.',
        zh: '两层：一层带来 2 MB 的文件，下一层删掉它。',
      },
      run: 'umask 022; mkdir -p a/cache b/cache; head -c 2000000 /dev/zero > a/cache/big; echo kept > a/cache/small; touch b/cache/.wh.big; for l in a b; do tar -C $l -cf $l.tar cache; done; A=sha256:$(sha256sum < a.tar | cut -c1-64); B=sha256:$(sha256sum < b.tar | cut -c1-64); ls *.tar',
      expect: { en: 'two layers as tars', zh: '两个层的 tar' },
      output: 'a.tar\nb.tar',
    },
    STORE,
    {
      say: { en: 'Make an image of them and load it.', zh: '做成镜像并导入。' },
      run: `printf '{"architecture":"amd64","os":"linux","config":{"Cmd":["sh"]},"rootfs":{"type":"layers","diff_ids":["%s","%s"]}}' $A $B > config.json; printf '[{"Config":"config.json","RepoTags":["fat:1"],"Layers":["a.tar","b.tar"]}]' > manifest.json; tar -cf fat.tar manifest.json config.json a.tar b.tar; shale --quiet load -i fat.tar`,
      expect: { en: 'Loaded image: fat:1', zh: 'Loaded image: fat:1' },
      output: 'Loaded image: fat:1',
    },
    {
      say: { en: 'In the image the file is gone.', zh: '镜像里看不到这个文件了。' },
      run: 'shale ls fat:1:/cache',
      expect: { en: 'small alone', zh: '只有 small' },
      output: 'small',
    },
    {
      say: { en: 'On the disk it is not.', zh: '磁盘上却还在。' },
      run: "find $SHALE_ROOT/overlay2/*/diff -name big -size +100k -printf '%s\\n'",
      expect: { en: '2000000 bytes', zh: '2000000 字节' },
      output: '2000000',
    },
    {
      say: {
        en: 'It also travels with every push and pull: the first layer is the same as ever.',
        zh: '每次推送和拉取也都带着它：第一层和以前一模一样。',
      },
      run: '[ $(shale save fat:1 | wc -c) -gt 2000000 ] && echo "more than 2 MB"',
      expect: { en: 'more than 2 MB', zh: 'more than 2 MB（超过 2 MB）' },
      output: 'more than 2 MB',
    },
    {
      say: {
        en: 'Ask why the name is not there: the top layer hides what the base still holds.',
        zh: '问问这个名字为什么没有：上层遮住了底层仍然存着的文件。',
      },
      run: 'shale explain --lang en /cache/big fat:1',
      expect: { en: 'layer 2 removes, layer 1 has it', zh: '第 2 层删除，第 1 层里还有' },
      output: /2 +whiteout +removed here[^]*1 +file +hidden/,
    },
    {
      say: {
        en: 'What helps: remove it in the step that made it, so that it never comes into a layer; or squash.',
        zh: '有效的办法：在生成它的同一步里删掉，让它根本不进入层；或者把层压成一层（squash）。',
      },
      run: 'shale --quiet squash -t thin:1 fat:1 > /dev/null; [ $(shale save thin:1 | wc -c) -lt 100000 ] && echo "less than 100 kB"',
      expect: { en: 'less than 100 kB', zh: 'less than 100 kB（不到 100 kB）' },
      output: 'less than 100 kB',
    },
    {
      say: { en: 'And it shows the same files.', zh: '而内容完全一样。' },
      run: 'shale diff fat:1 thin:1 | wc -l | tr -d " "',
      expect: { en: 'no difference: 0', zh: '没有差别：0' },
      output: '0',
    },
  ],
}
