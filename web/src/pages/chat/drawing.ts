// A diagram is text of a model that becomes a drawing. What it could carry besides
// lines and words is taken off twice: from its source, before the drawer sees it,
// and from the drawing, before the page does.

/** cleanSource cuts off settings, and refuses what would fetch something while it is drawn. */
export function cleanSource(source: string): string {
  const clean = source
    .replace(/^\s*---[ \t]*\n[\s\S]*?\n---[ \t]*(?:\n|$)/, "")
    .replace(/%%\{[\s\S]*?(?:\}%%|$)/g, "");
  if (/@\s*\{[^}]*\b(?:img|icon)\b/i.test(clean) || /%%\{/.test(clean)) throw new Error("the diagram wants a picture");
  return clean.replace(/^\s*(?:click|links?|callback)\b.*$/gim, "");
}

const dropped =
  "script, foreignObject, image, img, iframe, object, embed, use, animate, set, animateTransform, animateMotion, " +
  "form, input, button, link, meta, base, video, audio, source, canvas";

/** cleanDrawing reads a drawing without running it and takes off all that could fetch, run or lead away. */
export function cleanDrawing(svg: string): SVGSVGElement {
  const parsed = new DOMParser().parseFromString(svg, "text/html");
  const drawing = parsed.querySelector("svg");
  if (!drawing) throw new Error("nothing was drawn");
  for (const element of drawing.querySelectorAll(dropped)) element.remove();
  for (const link of drawing.querySelectorAll("a")) link.replaceWith(...link.childNodes);
  for (const element of [drawing, ...drawing.querySelectorAll("*")]) {
    for (const { name, value } of [...element.attributes]) {
      if (/^on/i.test(name) || /href$|^src/i.test(name) || fetches(value)) element.removeAttribute(name);
    }
    if (element.localName === "style" && fetches(element.textContent ?? "")) element.remove();
  }
  return document.importNode(drawing as unknown as SVGSVGElement, true);
}

/** fetches finds addresses in styles other than those of parts of the same drawing. */
function fetches(value: string): boolean {
  return /@import|image-set\s*\(|url\s*\((?!\s*["']?#)|javascript:|expression\s*\(|\\[0-9a-f]/i.test(value);
}
