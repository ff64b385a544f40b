/** Where the Terminal is mounted, with a slash at its end: read from the page, because a proxy may put it under any prefix. */
export const root = new URL(
  document.querySelector('meta[name="root"]')?.getAttribute("content") ?? "/",
  location.href,
).pathname;

/** The address of this server for programs, without a slash at its end. */
export const serverAddress = location.origin + root.replace(/\/$/, "");

// A browser reads the icon's address again after each navigation, from another depth.
const icon = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
if (icon) icon.href = `${root}icon.svg`;
