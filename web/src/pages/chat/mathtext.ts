// Models write formulas as \( … \) and \[ … \] as often as with dollars. One
// spelling is drawn: dollars, two of them, which no price can be taken for.

/** hasMath says whether a text needs the formula drawer at all. */
export function hasMath(text: string): boolean {
  return /\$\$|\\\(|\\\[|```math/.test(text);
}

/** code is a fence, closed or not, or a span: nothing in it is a formula. */
const code = /(^ {0,3}(`{3,}|~{3,})[^\n]*\n[\s\S]*?(?:^ {0,3}\2[`~]*[ \t]*$|(?![\s\S]))|(`+)(?!`)[^\n]*?[^`\n]\3(?!`))/m;

/** withDollars spells all formulas with dollars. An opening without its end stays as it is. */
export function withDollars(text: string): string {
  if (!/\\[([]/.test(text)) return text;
  let out = "";
  let rest = text;
  for (let m = code.exec(rest); m && m[0] !== ""; m = code.exec(rest)) {
    out += convert(rest.slice(0, m.index)) + m[0];
    rest = rest.slice(m.index + m[0].length);
  }
  return out + convert(rest);
}

function convert(text: string): string {
  return text
    .replace(/(^|[^\\])\\\[([\s\S]+?)\\\]/g, (_, before: string, tex: string) => before + "\n$$\n" + tex.trim() + "\n$$\n")
    .replace(/(^|[^\\])\\\(([^\n]+?)\\\)/g, (_, before: string, tex: string) => before + "$$" + tex.trim() + "$$");
}
