import { expect, test } from "vitest";
import { expectAccessible, shot, signIn, useHouse } from "./harness";

const house = useHouse();

test("a stranger signs in and gets the page that was asked for", async () => {
  const page = await house().page({ signedIn: false, at: "/runs?state=failed" });
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await expectAccessible(page);
  await shot(page, "sign-in");
  await signIn(page, house().server);
  await page.getByRole("heading", { name: "Runs", level: 1 }).waitFor();
  expect(page.url()).toBe(`${house().server.url}/runs?state=failed`);
});

test("a wrong password and an unknown person get the same answer", async () => {
  const answers: (string | null)[] = [];
  for (const email of [house().server.email, "nobody@example.test"]) {
    const page = await house().page({ signedIn: false });
    await page.getByLabel("E-mail").fill(email);
    await page.getByLabel("Password").fill("not the password");
    await page.getByRole("button", { name: "Sign in" }).click();
    answers.push(await page.getByRole("alert").locator("p").first().textContent());
  }
  expect(answers[0]).toBeTruthy();
  expect(answers[1]).toBe(answers[0]);
});

test("when the session ends, a dialog asks over the page, which stays", async () => {
  const page = await house().page({ at: "/settings/api?new=key" });
  await page.getByLabel("Name").fill("half a name");
  await page.context().clearCookies();
  await page.getByRole("button", { name: "Create key" }).last().click();
  const dialog = page.getByRole("dialog", { name: "Your session has ended" });
  await dialog.waitFor();
  await expectAccessible(page);
  await dialog.getByLabel("Password").fill(house().server.password);
  await dialog.getByRole("button", { name: "Sign in", exact: true }).click();
  await dialog.waitFor({ state: "detached" });
  expect(await page.getByLabel("Name").inputValue()).toBe("half a name");
  await page.getByRole("button", { name: "Create key" }).last().click();
  await page.getByText("Your new key").waitFor();
});

test("signing out forgets drafts and leads to sign-in", async () => {
  const page = await house().page();
  await page.evaluate(() => localStorage.setItem("sallyport.draft.x", "secret thoughts"));
  await page.getByRole("button", { name: "Your account" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  expect(await page.evaluate(() => Object.keys(localStorage).filter((name) => name.startsWith("sallyport.draft.")))).toEqual([]);
});
