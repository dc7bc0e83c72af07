// An image made by hand with tar and printf, as the lessons on stores begin: two layers, the upper of which changes one
// file and removes another. Fixed times and owners, so that every reader gets the same digests.

import type { Step } from '../lesson.ts'

export const LAYER_FILES: Step = {
  say: {
    en: 'Write what two layers hold. The second changes etc/motd, and removes etc/old by an empty file .wh.old.',
    zh: '先写出两层的内容。第二层修改 etc/motd，并用空文件 .wh.old 删除 etc/old。',
  },
  run: 'umask 022; mkdir -p a/etc b/etc; echo hello > a/etc/motd; echo old > a/etc/old; echo bye > b/etc/motd; touch b/etc/.wh.old; find a b -type f | sort',
  expect: { en: 'two files a layer', zh: '每层两个文件' },
  output: 'a/etc/motd\na/etc/old\nb/etc/.wh.old\nb/etc/motd',
}

export const LAYER_TARS: Step = {
  say: {
    en: 'Pack each as a tar. Order, times and owners are fixed, so that the bytes are the same everywhere.',
    zh: '各打成一个 tar。顺序、时间和属主都固定，这样在哪里打出来字节都一样。',
  },
  run: 'for l in a b; do tar --format=gnu --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C $l -cf $l.tar etc; done; ls *.tar',
  expect: { en: 'a.tar and b.tar', zh: 'a.tar 和 b.tar' },
  output: 'a.tar\nb.tar',
}

export const DIFF_IDS: Step = {
  say: {
    en: 'The sha256 of a layer’s uncompressed tar is its diffID.',
    zh: '未压缩的层 tar 的 sha256，就是这一层的 diffID。',
  },
  run: 'A=sha256:$(sha256sum < a.tar | cut -c1-64); B=sha256:$(sha256sum < b.tar | cut -c1-64); echo $A; echo $B',
  expect: { en: 'two digests', zh: '两个摘要' },
  output: /^sha256:[0-9a-f]{64}\nsha256:[0-9a-f]{64}$/,
}

/** Where the reader's own store is left alone. */
export const STORE: Step = {
  say: {
    en: 'shale keeps its store where SHALE_ROOT says. This one is for the lesson alone.',
    zh: 'SHALE_ROOT 指定 store 放在哪里。这里用一个练习专用的，不碰别的 store。',
  },
  run: 'export SHALE_ROOT=$PWD/store',
  expect: { en: 'no output', zh: '没有输出' },
  output: '',
}

export const LOAD_IMAGE: Step = {
  say: {
    en: 'An image is a config that lists the diffIDs; a manifest says which file is what. That is all that docker save writes, and all that is needed to load it.',
    zh: '镜像就是一份列出各层 diffID 的 config，再加一份说明哪个文件是什么的 manifest。docker save 写的就是这些，load 需要的也只有这些。',
  },
  run: `printf '{"architecture":"amd64","os":"linux","config":{"Cmd":["sh"]},"rootfs":{"type":"layers","diff_ids":["%s","%s"]}}' $A $B > config.json; printf '[{"Config":"config.json","RepoTags":["app:1"],"Layers":["a.tar","b.tar"]}]' > manifest.json; tar -cf app.tar manifest.json config.json a.tar b.tar; shale --quiet load -i app.tar`,
  expect: { en: 'the image has a name in the store now', zh: '镜像已在 store 里，并有了名字' },
  output: 'Loaded image: app:1',
}

export const IMAGE_BY_HAND: readonly Step[] = [LAYER_FILES, LAYER_TARS, DIFF_IDS, STORE, LOAD_IMAGE]
