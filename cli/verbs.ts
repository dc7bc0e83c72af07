// Every verb, in the order in which help lists them.

import { declareBundle } from './commands/bundle.ts'
import { declareCat } from './commands/cat.ts'
import { declareChainid } from './commands/chainid.ts'
import { declareCommit } from './commands/commit.ts'
import { declareCompletion } from './commands/completion.ts'
import { declareConform } from './commands/conform.ts'
import { declareContainerPrune } from './commands/container-prune.ts'
import { declareCp } from './commands/cp.ts'
import { declareCreate } from './commands/create.ts'
import { declareDf } from './commands/df.ts'
import { declareDiff } from './commands/diff.ts'
import { declareDiffid } from './commands/diffid.ts'
import { declareExplain } from './commands/explain.ts'
import { declareExport } from './commands/export.ts'
import { declareHistory } from './commands/history.ts'
import { declareImagePrune } from './commands/image-prune.ts'
import { declareImages } from './commands/images.ts'
import { declareImport } from './commands/import.ts'
import { declareInfo } from './commands/info.ts'
import { declareInspect } from './commands/inspect.ts'
import { declareLab } from './commands/lab.ts'
import { declareLayers } from './commands/layers.ts'
import { declareLint } from './commands/lint.ts'
import { declareLoad } from './commands/load.ts'
import { declareLs } from './commands/ls.ts'
import { declareMount } from './commands/mount.ts'
import { declareOverlay } from './commands/overlay.ts'
import { declarePrune } from './commands/prune.ts'
import { declarePs } from './commands/ps.ts'
import { declareRename } from './commands/rename.ts'
import { declareRm } from './commands/rm.ts'
import { declareRmi } from './commands/rmi.ts'
import { declareRunIn } from './commands/run-in.ts'
import { declareSave } from './commands/save.ts'
import { declareSquash } from './commands/squash.ts'
import { declareTag } from './commands/tag.ts'
import { declareTree } from './commands/tree.ts'
import { declareUmount } from './commands/umount.ts'
import { declareVolumeCreate } from './commands/volume-create.ts'
import { declareVolumeInspect } from './commands/volume-inspect.ts'
import { declareVolumeLs } from './commands/volume-ls.ts'
import { declareVolumePrune } from './commands/volume-prune.ts'
import { declareVolumeRm } from './commands/volume-rm.ts'
import { declareWhy } from './commands/why.ts'
import type { DeclareVerb } from './verb.ts'

export const VERBS: readonly DeclareVerb[] = [
  declareLoad,
  declareSave,
  declareImport,
  declareImages,
  declareInspect,
  declareHistory,
  declareLayers,
  declareTree,
  declareLs,
  declareCat,
  declareTag,
  declareSquash,
  declareRmi,
  declareCreate,
  declarePs,
  declareRename,
  declareDiff,
  declareCommit,
  declareExport,
  declareRm,
  declareContainerPrune,
  declareCp,
  declareMount,
  declareUmount,
  declareOverlay,
  declareRunIn,
  declareBundle,
  declareLint,
  declareConform,
  declareInfo,
  declareDf,
  declareWhy,
  declareExplain,
  declarePrune,
  declareImagePrune,
  declareVolumeCreate,
  declareVolumeLs,
  declareVolumeInspect,
  declareVolumeRm,
  declareVolumePrune,
  declareChainid,
  declareDiffid,
  declareLab,
  declareCompletion,
]
