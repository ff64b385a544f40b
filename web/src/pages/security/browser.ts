// A browser tells its name among those of others, so that pages made for those work in
// it too: the first that is found here is the one that it is.

const browsers: [RegExp, string][] = [
  [/\bEdg(?:e|A|iOS)?\//, "Edge"],
  [/\b(?:OPR|OPT)\//, "Opera"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\b(?:Firefox|FxiOS)\//, "Firefox"],
  [/(?:Chrome|Chromium|CriOS)\//, "Chrome"],
  [/\bVersion\/\S+.*\bSafari\//, "Safari"],
];

const systems: [RegExp, string][] = [
  [/\biPhone\b/, "iPhone"],
  [/\biPad\b/, "iPad"],
  [/\bAndroid\b/, "Android"],
  [/\bWindows\b/, "Windows"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bMac OS X\b|\bMacintosh\b/, "macOS"],
  [/\bLinux\b/, "Linux"],
];

/** The browser and the system that a User-Agent names, where both are known. */
export function browserOf(agent: string): { browser: string; system: string } | undefined {
  const browser = first(browsers, agent);
  const system = first(systems, agent);
  return browser && system ? { browser, system } : undefined;
}

function first(names: [RegExp, string][], agent: string): string | undefined {
  return names.find(([known]) => known.test(agent))?.[1];
}
