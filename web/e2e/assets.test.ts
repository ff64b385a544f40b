import { expect, test } from "vitest";
import { useHouse } from "./harness";

const house = useHouse();

test("the binary serves the page, deep links, packed assets, and 404 for what is gone", async () => {
  const { url } = house().server;
  const home = await fetch(url);
  const html = await home.text();
  expect(home.status).toBe(200);
  expect(home.headers.get("content-security-policy")).toContain("script-src 'self';");
  const script = /src="\.(\/assets\/[^"]+\.js)"/.exec(html)?.[1];
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
