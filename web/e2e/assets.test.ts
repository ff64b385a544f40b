import { expect, test } from "vitest";
import { useHouse } from "./harness";

const house = useHouse();

test("the binary serves the page, deep links, packed assets, and 404 for what is gone", async () => {
  const { url } = house().server;
  const home = await fetch(url);
  const html = await home.text();
  expect(home.status).toBe(200);
  expect(home.headers.get("content-security-policy")).toContain("script-src 'self';");
  const script = /src="\.(\/assets\/shell-[^"]+\.js)"/.exec(html)?.[1];
  expect(script).toBeTruthy();
  const deep = await fetch(`${url}/chat/0198`);
  expect(await deep.text()).toContain(`src="..${script}"`);
  const asset = await fetch(url + script);
  expect(asset.headers.get("content-encoding")).toBe("gzip");
  expect(asset.headers.get("cache-control")).toContain("immutable");
  const gone = await fetch(`${url}/assets/gone-123.js`);
  expect(gone.status).toBe(404);
  expect(gone.headers.get("content-type")).toBe("application/json");
  expect((await fetch(`${url}/api/v1/nothing`)).status).toBe(404);
});

test("the page and the session are asked for while the scripts come and the frame is drawn, each once", async () => {
  const page = await house().page();
  const started: string[] = [];
  page.on("request", (r) => started.push(new URL(r.url()).pathname));
  let answer = () => {};
  const answered = new Promise<void>((resolve) => (answer = resolve));
  await page.route("**/api/v1/session", async (route) => {
    await answered;
    await route.continue();
  });
  await page.goto(`${house().server.url}/chat`, { waitUntil: "commit" });
  // Nobody knows yet who is signed in.
  await expect.poll(() => started.filter((path) => path.startsWith("/assets/chat-")).length).toBe(1);
  const first = (what: RegExp) => started.findIndex((path) => what.test(path));
  expect(first(/^\/api\/v1\/session$/)).toBeGreaterThan(-1);
  expect(first(/^\/api\/v1\/session$/)).toBeLessThan(first(/^\/assets\/chat-/));
  answer();
  await page.getByRole("textbox", { name: "Message", exact: true }).waitFor();
  expect(started.filter((path) => path === "/api/v1/session")).toHaveLength(1);
  expect(started.filter((path) => path.startsWith("/assets/chat-"))).toHaveLength(1);
});
