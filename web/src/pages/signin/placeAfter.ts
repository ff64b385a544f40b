/** Where to go after signing in: a page of the Terminal and nothing else, whatever the address says. */
export function placeAfter(to: string | undefined): string {
  return to && /^\/(?![/\\])/.test(to) && !to.startsWith("/sign-in") ? to : "/chat";
}
