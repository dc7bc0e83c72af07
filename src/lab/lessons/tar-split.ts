// How a directory gives a tar's exact bytes back.

import type { Lesson } from '../lesson.ts'
import { IMAGE_BY_HAND } from './image-steps.ts'

export const tarSplit: Lesson = {
  id: 'tar-split',
  title: {
    en: 'tar-split: the same bytes back out of a directory',
    zh: 'tar-split：从目录还原一字不差的 tar',
  },
  intro: {
    en: 'A store keeps a layer as a directory and throws the tar away. Yet docker save has to give the tar back byte for byte, or the diffID would not match. What a directory cannot hold is kept beside it: headers, their order, padding.',
    zh: 'store 把层存成目录，tar 本身就扔了。但 docker save 时必须一字不差地还原 tar，否则 diffID 对不上。目录存不下的东西另外记着：tar 头、先后顺序和填充。',
  },
  union: false,
  steps: [
    ...IMAGE_BY_HAND,
    {
      say: {
        en: 'Pack the layer’s directory anew, as one would naively do.',
        zh: '直接把层目录重新打包，看看行不行。',
      },
      run: 'LAYER=$SHALE_ROOT/image/overlay2/layerdb/sha256/${A#sha256:}; [ sha256:$(tar -C $SHALE_ROOT/overlay2/$(cat $LAYER/cache-id)/diff -cf - . | sha256sum | cut -c1-64) = $A ] || echo different',
      expect: {
        en: 'different: other names, order, padding',
        zh: 'different（不同）：名字写法、顺序、填充都变了',
      },
      output: 'different',
    },
    {
      say: {
        en: 'Look at what the store noted. A record of type 1 is a file: its name, its size, a checksum of its content. The content itself is in the directory.',
        zh: '看看 store 记了什么。type 为 1 的记录是文件：名字、大小、内容的校验和；内容本身在目录里。',
      },
      run: `gzip -dc < $LAYER/tar-split.json.gz | grep '"type":1'`,
      expect: {
        en: 'etc/, etc/motd with 6 bytes, etc/old with 4',
        zh: 'etc/，6 字节的 etc/motd，4 字节的 etc/old',
      },
      output:
        /^\{"type":1,"name":"etc\/",.*\n.*"name":"etc\/motd","size":6,"payload":"[A-Za-z0-9+/=]+".*\n.*"name":"etc\/old","size":4,.*$/,
    },
    {
      say: {
        en: 'A record of type 2 is bytes as they stood in the tar: headers and padding, in base64. Here is the name in the first header.',
        zh: 'type 为 2 的记录是 tar 里的原始字节：头和填充，base64 编码。这是第一个头里的名字。',
      },
      run: `gzip -dc < $LAYER/tar-split.json.gz | head -n 1 | sed 's/.*"payload":"\\([^"]*\\)".*/\\1/' | base64 -d | tr -d '\\0' | cut -c1-4`,
      expect: { en: 'etc/', zh: 'etc/' },
      output: 'etc/',
    },
    {
      say: {
        en: 'Put together, in order: raw bytes as noted, contents from the directory. That is what save does.',
        zh: '按顺序拼起来：原始字节照抄，内容从目录读。save 就是这么做的。',
      },
      run: 'shale save -o out.tar app:1; mkdir out; tar -xf out.tar -C out; sha256sum out/blobs/sha256/${A#sha256:} | cut -c1-64 | sed s/^/sha256:/ | grep -c $A',
      expect: { en: 'the diffID of the first layer: 1 match', zh: '与第一层的 diffID 相符：1' },
      output: '1',
    },
    {
      say: { en: 'Compare it with the tar that went in.', zh: '再和当初的 tar 直接比较。' },
      run: 'cmp out/blobs/sha256/${A#sha256:} a.tar && echo identical',
      expect: { en: 'identical', zh: 'identical（完全相同）' },
      output: 'identical',
    },
    {
      say: {
        en: 'The checksum guards it: change a file in diff/, and shale refuses to hand out a layer that would be another one.',
        zh: '校验和保证了这一点：改动 diff/ 里的文件，shale 就拒绝交出已经变样的层。',
      },
      run: 'D=$SHALE_ROOT/overlay2/$(cat $LAYER/cache-id)/diff/etc/motd; echo HELLO > $D; shale --quiet save -o bad.tar app:1 2> err; echo $?; ls bad.tar 2> /dev/null | wc -l | tr -d " "',
      expect: { en: 'a failure, and no bad.tar', zh: '失败，也没有生成 bad.tar' },
      output: /^[1-9]\d*\n0$/,
    },
  ],
}
