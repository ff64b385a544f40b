export type Values = Record<string, string | number>;

/**
 * Puts values into a message. Of ICU's syntax it knows {name} and
 * {name, plural, one {# key} other {# keys}}, with =0 for exact numbers.
 */
export function format(message: string, values: Values, locale: string): string {
  let out = "";
  for (let at = 0; at < message.length; ) {
    const open = message.indexOf("{", at);
    if (open < 0) return out + message.slice(at);
    const close = closing(message, open);
    out += message.slice(at, open) + fill(message.slice(open + 1, close), values, locale);
    at = close + 1;
  }
  return out;
}

function closing(message: string, open: number): number {
  let depth = 0;
  for (let i = open; i < message.length; i++) {
    if (message[i] === "{") depth++;
    if (message[i] === "}" && --depth === 0) return i;
  }
  throw new Error(`a brace is not closed: ${message}`);
}

function fill(place: string, values: Values, locale: string): string {
  const [name = "", kind] = place.split(",", 2).map((part) => part.trim());
  const value = values[name];
  if (value === undefined) throw new Error(`the message needs a value for ${name}`);
  if (kind !== "plural") return typeof value === "number" ? value.toLocaleString(locale) : value;
  const forms = new Map([...place.matchAll(/(=\d+|\w+)\s*\{/g)].map((m) => {
    const open = m.index + m[0].length - 1;
    return [m[1], place.slice(open + 1, closing(place, open))];
  }));
  const chosen = forms.get(`=${value}`) ?? forms.get(new Intl.PluralRules(locale).select(Number(value))) ?? forms.get("other") ?? "";
  return format(chosen.replaceAll("#", Number(value).toLocaleString(locale)), values, locale);
}
