// How the page of lessons looks, for eyes on a telephone and on a screen, by day and by night; and the few lines that
// change its language. No font, picture or script is fetched from anywhere.

export const PAGE_STYLE: string = `
:root{color-scheme:light dark;--back:#fdfcfa;--ink:#26251f;--dim:#69665c;--rule:#e3dfd5;--soft:#f3f0e9;--code:#f6f4ee;
--accent:#2b5d8c;--good:#2f7d5b;--bad:#b3402f;
--sans:system-ui,-apple-system,"Segoe UI","Noto Sans","Noto Sans CJK SC","PingFang SC","Microsoft YaHei","WenQuanYi Zen Hei",sans-serif;
--serif:"Iowan Old Style","Palatino Linotype",Palatino,"Noto Serif","Noto Serif CJK SC","Songti SC",Georgia,serif;
--mono:ui-monospace,"SF Mono","Cascadia Mono","DejaVu Sans Mono",Menlo,Consolas,monospace}
@media (prefers-color-scheme:dark){:root{--back:#17181b;--ink:#e4e2dc;--dim:#a09d94;--rule:#32343a;--soft:#202226;
--code:#1f2125;--accent:#8bb8e8;--good:#6fc79d;--bad:#ec8f81}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;-webkit-text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0;background:var(--back);color:var(--ink);font:17px/1.6 var(--sans);overflow-wrap:break-word}
[data-language=en] .only-zh,[data-language=zh] .only-en{display:none}
[data-language=zh] body{line-height:1.75}
header,main,nav{max-width:46rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:3.5rem}
.brand{font:600 .85rem/1 var(--mono);color:var(--dim);margin:0 0 1rem;letter-spacing:.02em}
h1,h2{font-family:var(--serif);font-weight:600;line-height:1.2;text-wrap:balance;margin:0}
[data-language=zh] h1,[data-language=zh] h2{font-family:var(--sans);line-height:1.35}
h1{font-size:clamp(2rem,6vw,2.8rem)}
.lead{font-size:1.1rem;color:var(--dim);margin:1rem 0 1.5rem}
.languages{display:flex;gap:.5rem;margin:0 0 2rem}
button{font:inherit;font-size:.9rem;color:var(--ink);background:none;border:1px solid var(--rule);border-radius:99px;
padding:.3rem 1rem;cursor:pointer}
button:focus-visible,a:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
[data-language=en] [data-set=en],[data-language=zh] [data-set=zh]{background:var(--ink);color:var(--back);border-color:var(--ink)}
nav ol{margin:0;padding:1.25rem 1.25rem 1.25rem 2.9rem;background:var(--soft);border-radius:10px}
nav li{margin:.25rem 0;padding-left:.25rem}nav li::marker{color:var(--dim);font-variant-numeric:tabular-nums}
a{color:var(--accent);text-decoration-thickness:1px;text-underline-offset:.18em}
section{margin:4.5rem 0 0;padding-top:2.25rem;border-top:1px solid var(--rule)}
h2{font-size:1.6rem;display:flex;gap:.75rem;align-items:baseline}
.number{color:var(--dim);font-variant-numeric:tabular-nums;font-weight:400}
.intro{font-size:1.05rem}
.ground{font-size:.9rem;color:var(--dim);margin-top:-.4rem}
.steps{list-style:none;counter-reset:step;margin:2rem 0 0;padding:0}
.steps>li{counter-increment:step;position:relative;margin:0 0 2.6rem;padding-left:2.6rem}
.steps>li::before{content:counter(step);position:absolute;left:0;top:.12rem;width:1.75rem;height:1.75rem;border-radius:50%;
background:var(--soft);color:var(--dim);font:600 .82rem/1.75rem var(--sans);text-align:center}
.say{margin:0 0 .7rem}
pre{font:13.5px/1.55 var(--mono);margin:0;padding:.75rem .95rem;background:var(--code);border-radius:8px;
white-space:pre-wrap;overflow-wrap:anywhere}
.command{border-left:3px solid var(--accent);border-radius:0 8px 8px 0}
.output{margin-top:.4rem;background:none;border:1px solid var(--rule);max-height:26rem;overflow:auto}
.silent{margin:.4rem 0 0;font-size:.9rem;color:var(--dim);font-style:italic}
[data-language=zh] .silent{font-style:normal}
.expect{font-size:.92rem;color:var(--dim);margin:.6rem 0 0}
.label{font-weight:600}.label::after{content:": "}[data-language=zh] .label::after{content:"："}
.verdict{color:var(--good);white-space:nowrap}.verdict::before{content:"✓ "}
.bad .verdict{color:var(--bad)}.bad .verdict::before{content:"✗ "}
.kernel{font-size:.92rem;margin:.6rem 0 0;padding-left:.9rem;border-left:3px solid var(--rule)}
figure{margin:1.1rem 0 0;overflow-x:auto}
figure svg{display:block;max-width:100%;height:auto}
@media (max-width:34rem){body{font-size:16px}.steps>li{padding-left:0}
.steps>li::before{position:static;display:block;margin-bottom:.5rem}
figure svg{max-width:none}section{margin-top:3rem}}
@media print{.languages,nav{display:none}.steps>li{break-inside:avoid}}
`.trim()

/** The choice is remembered in the address, so that a link can be in either language. */
export const PAGE_SCRIPT: string = `
(function(){var root=document.documentElement
function set(to){root.dataset.language=to;root.lang=to==='zh'?'zh-Hans':'en'
document.querySelectorAll('[data-set]').forEach(function(b){b.setAttribute('aria-pressed',String(b.dataset.set===to))})}
var asked=new URLSearchParams(location.search).get('lang');set(asked==='zh'||asked==='en'?asked:root.dataset.language)
document.querySelectorAll('[data-set]').forEach(function(b){b.addEventListener('click',function(){set(b.dataset.set)
try{history.replaceState(null,'','?lang='+b.dataset.set+location.hash)}catch(e){}})})})()
`.trim()
