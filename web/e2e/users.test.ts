import { expect, test } from "vitest";
import { expectAccessible, shot, signIn, useHouse } from "./harness";

const house = useHouse();
const email = "bob@acme.test";
const password = "a phrase that Bob chose";

test("a person is invited, accepts in another browser, is put into a group, is deactivated and is out", async () => {
  await house().server.command("group", "create", "Red team");
  const admin = await house().page({ at: "/admin/users" });
  await admin.getByRole("heading", { name: "Users" }).waitFor();
  await admin.getByText(house().server.email).first().waitFor();
  await expectAccessible(admin);

  await admin.getByRole("button", { name: "Invite" }).press("Enter");
  await admin.getByLabel("E-mail addresses").fill(email);
  await expectAccessible(admin);
  await admin.getByLabel("E-mail addresses").press("Control+Enter");
  const link = await admin.getByRole("textbox", { name: `Link for ${email}` }).inputValue();
  await admin.getByRole("button", { name: "Done" }).click();
  await admin.getByText("Open invitations").waitFor();

  const bob = await house().page({ signedIn: false, at: link.slice(new URL(link).origin.length) });
  await bob.getByRole("heading", { name: "Join My organisation" }).waitFor();
  await expectAccessible(bob);
  await shot(bob, "invite");
  await bob.getByLabel("Your name").fill("Bob");
  await bob.getByLabel("Choose a password").fill(password);
  await bob.getByLabel("Choose a password").press("Enter");
  await bob.waitForURL("**/chat");

  const again = await house().page({ signedIn: false, at: link.slice(new URL(link).origin.length) });
  await again.getByText("This link opens nothing").waitFor();
  await again.goto(`${house().server.url}/sign-in`);
  await signIn(again, { email, password });

  await bob.goto(`${house().server.url}/settings/security`);
  await bob.getByText("This one").waitFor();
  await expectAccessible(bob);
  await shot(bob, "security");
  await bob.getByRole("button", { name: /^End the session/ }).first().click();
  await bob.getByText("The session has ended").waitFor();

  await admin.reload();
  await act(admin, "Change groups…");
  await admin.getByLabel("Red team").check();
  await admin.getByRole("button", { name: "Save" }).click();
  await admin.getByRole("row", { name: new RegExp(email) }).getByText("Red team").waitFor();
  await shot(admin, "users");

  await act(admin, "Deactivate…");
  await expectAccessible(admin);
  await admin.getByRole("button", { name: "Deactivate" }).click();
  await admin.getByRole("row", { name: new RegExp(email) }).getByText("Deactivated").waitFor();
  await bob.goto(`${house().server.url}/chat`);
  await bob.getByRole("heading", { name: "Sign in" }).waitFor();
  await bob.getByLabel("E-mail").fill(email);
  await bob.getByLabel("Password").fill(password);
  await bob.getByRole("button", { name: "Sign in" }).click();
  await bob.getByText("E-mail or password is wrong.").waitFor();
  expect(await house().server.command("audit", "verify")).toContain("ok");
});

/** Chooses an act from the menu of Bob's row. */
async function act(page: Awaited<ReturnType<ReturnType<typeof house>["page"]>>, name: string): Promise<void> {
  await page.getByRole("row", { name: new RegExp(email) }).getByRole("button").last().click();
  await page.getByRole("menuitem", { name }).click();
}
