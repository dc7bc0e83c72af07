// The arithmetic of names: diffID, chainID, and where a store uses which.

import type { Lesson } from '../lesson.ts'
import { DIFF_IDS, LAYER_FILES, LAYER_TARS, LOAD_IMAGE, STORE } from './image-steps.ts'

export const chainid: Lesson = {
  id: 'chainid',
  title: { en: 'chainID by hand, with sha256sum', zh: '用 sha256sum 手算 chainID' },
  intro: {
    en: 'A layer has two names. The diffID names its own bytes. The chainID names it together with all layers below: the same tar on another base is another chain.',
    zh: '一层有两个名字。diffID 只看它自己的字节；chainID 连同下面所有层一起算：同一个 tar 放在不同的基础上，就是不同的链。',
  },
  union: false,
  steps: [
    LAYER_FILES,
    LAYER_TARS,
    DIFF_IDS,
    {
      say: {
        en: 'Compression changes what travels, not what the layer is: the diffID is of the tar inside.',
        zh: '压缩只改变传输的字节，不改变层本身：diffID 算的是里面的 tar。',
      },
      run: '[ sha256:$(gzip -c a.tar | sha256sum | cut -c1-64) = $A ] || echo different; [ sha256:$(gzip -c a.tar | gzip -dc | sha256sum | cut -c1-64) = $A ] && echo same',
      expect: {
        en: 'different while compressed, the same inside',
        zh: '压缩后的摘要不同，解压后相同',
      },
      output: 'different\nsame',
    },
    {
      say: {
        en: 'The chain: the base layer’s chainID is its diffID. Each layer above: sha256 over the chainID below, one space, and its own diffID, as text, without a newline.',
        zh: '链这样算：最底层的 chainID 就是它的 diffID；往上每一层，对“下层 chainID、一个空格、本层 diffID”这段文本（没有换行）做 sha256。',
      },
      run: "C=sha256:$(printf '%s %s' $A $B | sha256sum | cut -c1-64); echo $C",
      expect: { en: 'the chainID of the second layer', zh: '第二层的 chainID' },
      output: /^sha256:[0-9a-f]{64}$/,
    },
    {
      say: { en: 'shale gets the same.', zh: 'shale 算出来的一样。' },
      run: '[ "$(shale chainid $A $B)" = $C ] && echo same',
      expect: { en: 'same', zh: 'same（相同）' },
      output: 'same',
    },
    {
      say: {
        en: 'The order counts: the same two layers the other way round are another chain.',
        zh: '顺序有关系：同样两层上下颠倒，就是另一条链。',
      },
      run: '[ "$(shale chainid $B $A)" = $C ] || echo different',
      expect: { en: 'different', zh: 'different（不同）' },
      output: 'different',
    },
    STORE,
    LOAD_IMAGE,
    {
      say: {
        en: 'In the store each layer’s folder is called by its chainID.',
        zh: '在 store 里，每层的目录以 chainID 命名。',
      },
      run: 'cd $SHALE_ROOT/image/overlay2/layerdb/sha256; ls -d ${A#sha256:} ${C#sha256:} | wc -l',
      expect: { en: 'both are there: 2', zh: '两个都在：2' },
      output: /^\s*2$/,
    },
    {
      say: {
        en: 'And the folder says what the sum was made of: diff is its own diffID, parent the chainID below.',
        zh: '目录里记着算式的两项：diff 是本层的 diffID，parent 是下层的 chainID。',
      },
      run: '[ $(cat ${C#sha256:}/diff) = $B ] && [ $(cat ${C#sha256:}/parent) = $A ] && echo agree',
      expect: { en: 'agree', zh: 'agree（一致）' },
      output: 'agree',
    },
  ],
}
