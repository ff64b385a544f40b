import { expect, test } from "vitest";
import { expectAccessible, shot, useHouse } from "./harness";

const house = useHouse({ empty: true });

test("the first person sets an empty server up by the link that it printed, and is in", async () => {
  const { url, setupLink } = house().server;
  const page = await house().page({ signedIn: false, at: "/" });
  await page.getByRole("heading", { name: "Set up Sallyport" }).waitFor(); // wherever one goes first
  await page.goto(setupLink);
  await page.getByLabel("Organisation").fill("Acme");
  await page.getByLabel("Your name").fill("Ann Archer");
  await page.getByLabel("E-mail").fill("ann@acme.test");
  expect(await page.getByLabel("Set-up token").inputValue()).toBe(new URL(setupLink).hash.slice(1));
  await expectAccessible(page);
  await shot(page, "setup");
  await page.getByLabel("Password").fill("correct horse battery");
  await page.getByRole("button", { name: "Set up and sign in" }).click();
  await page.getByRole("navigation", { name: "Pages" }).waitFor();
  expect(page.url()).toBe(`${url}/chat`);

  const stranger = await house().page({ signedIn: false, at: "/setup" });
  await stranger.getByRole("link", { name: "Go to sign-in" }).click();
  await stranger.getByRole("heading", { name: "Sign in" }).waitFor();
});
