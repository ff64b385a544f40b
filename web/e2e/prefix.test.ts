import { createServer, request, type Server as Proxy } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { useHouse } from "./harness";

const house = useHouse();

const prefix = "/terminal";
let proxy: Proxy;

beforeAll(async () => {
  proxy = createServer((from, to) => {
    if (!from.url?.startsWith(`${prefix}/`)) {
      to.writeHead(404).end();
      return;
    }
    const target = new URL(from.url.slice(prefix.length), house().server.url);
    from.pipe(
      request(target, { method: from.method, headers: from.headers }, (answer) => {
        to.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(to);
      }),
    );
  });
  await new Promise<void>((ready) => proxy.listen(0, "127.0.0.1", ready));
});
afterAll(() => new Promise<void>((closed) => (proxy.closeAllConnections(), proxy.close(() => closed()))));

test("behind a proxy that takes a prefix away everything works under the prefix", async () => {
  const base = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}${prefix}`;
  const page = await (await house().browser.newContext()).newPage();
  const outside: string[] = [];
  page.on("request", (r) => void (r.url().startsWith(base) || outside.push(r.url())));
  await page.goto(`${base}/settings/api`);
  await page.getByLabel("E-mail").fill(house().server.email);
  await page.getByLabel("Password").fill(house().server.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Available models" }).waitFor();
  expect(page.url()).toBe(`${base}/settings/api`);
  await page.getByText(`${base}/v1`, { exact: true }).waitFor();
  await page.getByRole("link", { name: "Runs" }).click();
  await page.getByRole("heading", { name: "Runs", level: 1 }).waitFor();
  expect(page.url()).toBe(`${base}/runs`);
  expect(outside).toEqual([]);
});
