// A container's mount line, element by element, from the files that it is made of.

import type { Lesson } from '../lesson.ts'
import { IMAGE_BY_HAND } from './image-steps.ts'

export const mountLine: Lesson = {
  id: 'mount-line',
  title: { en: 'One container’s mount line, read element by element', zh: '逐项读懂容器的挂载行' },
  intro: {
    en: 'On a host with running containers, mount shows lines such as “overlay on …/merged type overlay (rw,lowerdir=…/l/A:…/l/B,upperdir=…,workdir=…)”. Each part of such a line is a file under overlay2/.',
    zh: '在跑着容器的机器上，mount 会列出这样的行：“overlay on …/merged type overlay (rw,lowerdir=…/l/A:…/l/B,upperdir=…,workdir=…)”。其中每一项都对应 overlay2/ 下的一个文件。',
  },
  union: false,
  steps: [
    ...IMAGE_BY_HAND,
    {
      say: { en: 'Make a container of it.', zh: '用它创建一个容器。' },
      run: 'shale --quiet create --name web app:1',
      expect: { en: 'the container’s ID', zh: '容器的 ID' },
      output: /^[0-9a-f]{64}$/,
    },
    {
      say: {
        en: 'The container’s own layer has a name of its own, the mount-id.',
        zh: '容器自己的那一层另有名字：mount-id。',
      },
      run: 'cd $SHALE_ROOT/overlay2; N=$(cat ../image/overlay2/layerdb/mounts/*/mount-id); ls $N',
      expect: { en: 'diff, link, lower, work', zh: 'diff、link、lower、work' },
      output: 'diff\nlink\nlower\nwork',
    },
    {
      say: {
        en: 'lowerdir= is its file lower: the layers below, nearest first.',
        zh: 'lowerdir= 就是 lower 文件的内容：下面各层，离得最近的在前。',
      },
      run: 'cat $N/lower',
      expect: {
        en: 'three short names: init, layer 2, layer 1',
        zh: '三个短名：init 层、第 2 层、第 1 层',
      },
      output: /^l\/[A-Z0-9]{26}:l\/[A-Z0-9]{26}:l\/[A-Z0-9]{26}$/,
    },
    {
      say: {
        en: 'Why short names? The options of mount(2) must fit one page of 4096 bytes. With 64 digits a layer it would be full at some 50 layers; so there are 26 letters in l/, each a symlink.',
        zh: '为什么用短名？mount(2) 的选项不能超过一页，即 4096 字节。每层写 64 位的名字，五十来层就满了；所以 l/ 下用 26 个字符的符号链接代替。',
      },
      run: `for l in $(tr : ' ' < $N/lower); do readlink $l | sed "s/$N/MOUNT-ID/; s/[0-9a-f]\\{64\\}/CACHE-ID/"; done`,
      expect: {
        en: 'the init layer of this container, then two layers of the image',
        zh: '先是这个容器的 init 层，再是镜像的两层',
      },
      output: '../MOUNT-ID-init/diff\n../CACHE-ID/diff\n../CACHE-ID/diff',
    },
    {
      say: {
        en: 'The init layer holds empty files that a runtime mounts its own over: resolv.conf, hosts, hostname. They are in it so that they do not end up in a commit.',
        zh: 'init 层里是一些空文件，运行时会把自己的文件绑定挂载上去：resolv.conf、hosts、hostname。放在这一层，commit 时就不会带上。',
      },
      run: '(cd $N-init/diff; find etc -type f | sort)',
      expect: {
        en: 'etc/hostname, etc/hosts, etc/resolv.conf',
        zh: 'etc/hostname、etc/hosts、etc/resolv.conf',
      },
      output: 'etc/hostname\netc/hosts\netc/resolv.conf',
    },
    {
      say: {
        en: 'upperdir= is its diff: all that the container changes. So far, nothing.',
        zh: 'upperdir= 就是它的 diff：容器的所有改动都在这里。现在还是空的。',
      },
      run: 'ls -A $N/diff | wc -l | tr -d " "',
      expect: { en: '0', zh: '0' },
      output: '0',
    },
    {
      say: {
        en: 'workdir= is its work, on the same disk as diff: what is made there moves into diff by one rename.',
        zh: 'workdir= 就是它的 work，必须和 diff 在同一个文件系统：在这里写好，再用一次 rename 移进 diff。',
      },
      run: '[ $(stat -c %d $N/work) = $(stat -c %d $N/diff) ] && echo same',
      expect: { en: 'same device', zh: 'same（同一设备）' },
      output: 'same',
    },
    {
      say: {
        en: 'All together, the line that an engine mounts:',
        zh: '合起来，就是引擎挂载时用的那一行：',
      },
      run: 'echo "mount -t overlay overlay -o lowerdir=$(cat $N/lower),upperdir=$N/diff,workdir=$N/work $N/merged" | wc -c | tr -d " "; echo "lowerdir=$(cat $N/lower)" | tr : "\\n" | wc -l | tr -d " "',
      expect: {
        en: 'some 370 bytes, of 4096; 3 lower layers',
        zh: '约 370 字节，远小于 4096；3 个下层',
      },
      output: /^\d{3}\n3$/,
    },
    {
      say: {
        en: 'What a change in the container would do to these directories:',
        zh: '容器里的一次改动，会对这些目录做什么：',
      },
      run: 'shale explain --lang en --op rm /etc/motd web | tail -n 2 | sed "s/$N/MOUNT-ID/; s|/.*/overlay2|overlay2|"',
      expect: { en: 'a whiteout in the container’s diff', zh: '在容器的 diff 里留一个 whiteout' },
      output: /leave a whiteout at \/?[^]*overlay2\/MOUNT-ID\/diff\/etc\/(\.wh\.)?motd/,
    },
  ],
}
