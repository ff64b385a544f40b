/** "?a=b&…" for the server; what is undefined, empty or false is left out. "" for nothing. */
export function queryText(parts: Record<string, string | number | boolean | undefined>): string {
  const given = Object.entries(parts).flatMap(([name, value]) => (value === undefined || value === "" || value === false ? [] : [[name, String(value)]]));
  const text = new URLSearchParams(given).toString();
  return text && `?${text}`;
}
