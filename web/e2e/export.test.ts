import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { useHouse } from "./harness";

const house = useHouse();

/** What a page does not hold; components/save.ts. */
const tooLarge = 33 * 1024 * 1024;

test("an export is a file under the server's name; one that is too large for the page is asked for by the browser", async () => {
  const page = await house().page({ at: "/admin/audit" });
  const download = async () => {
    await page.getByRole("button", { name: "Export" }).click();
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: "JSON Lines of this search" }).click()]);
    return { url: file.url(), name: file.suggestedFilename(), text: await readFile(await file.path(), "utf8") };
  };
  const held = await download();
  expect(held.url).toMatch(/^blob:/);
  expect(held.text.split("\n").length).toBeGreaterThan(2);

  await page.route("**/export**", (route) => route.fulfill({ status: 200, headers: { "X-Request-Id": "r" }, body: Buffer.alloc(tooLarge, "x") }), { times: 1 });
  const streamed = await download();
  expect(streamed.url).toBe(`${house().server.url}/api/v1/audit/records/export?format=jsonl`);
  expect(streamed.name).toBe(held.name);
  const lines = (text: string) => text.trim().split("\n");
  expect(lines(streamed.text).length).toBeGreaterThan(lines(held.text).length); // the exports themselves left records
  expect(() => lines(streamed.text).map((line) => JSON.parse(line) as unknown)).not.toThrow();
});
