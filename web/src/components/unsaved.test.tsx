import { Link } from "@tanstack/react-router";
import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";
import { renderPage } from "@/test/render";
import { useAddress } from "./address";
import { Drawer } from "./Drawer";
import { Checkbox, Field, Form, Input } from "./Form";

let save: () => Promise<unknown>;

/** A drawer that the address opens, with a form. */
function Things() {
  const [address, set] = useAddress();
  const close = () => set({ open: undefined });
  return (
    <>
      <button type="button" onClick={() => set({ open: "1" }, "push")}>Open</button>
      <Drawer title="Thing" open={!!address.open} onClose={close}>
        <Form submit="Save" onCancel={close} onSubmit={() => save()}>
          <Field label="Name"><Input name="name" defaultValue="old" /></Field>
          <Checkbox label="Shared" />
          <Link to={"/elsewhere" as never}>Elsewhere</Link>
        </Form>
      </Drawer>
    </>
  );
}

async function open() {
  save = async () => {};
  const view = await renderPage(<Things />, { at: "/things" });
  await userEvent.click(await screen.findByRole("button", { name: "Open" }));
  return { ...view, name: await screen.findByLabelText<HTMLInputElement>("Name") };
}

const asks = () => screen.findByRole("dialog", { name: "Leave without saving?" });
const gone = () => waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());


// Back and closing the tab: e2e/walk.test.ts, for the history of tests asks nobody.
test.each<[string, () => unknown]>([
  ["Escape", () => userEvent.keyboard("{Escape}")],
  ["Close", () => userEvent.click(screen.getByRole("button", { name: "Close" }))],
  ["Cancel", () => userEvent.click(screen.getByRole("button", { name: "Cancel" }))],
  ["a link", () => userEvent.click(screen.getByRole("link", { name: "Elsewhere" }))],
])("%s asks when something was changed, keeps it, and goes when told so", async (_, go) => {
  const { name } = await open();
  await userEvent.type(name, " and new");
  await go();
  await asks();
  expect(document.activeElement).toBe(screen.getByRole("button", { name: "Stay here" }));
  await userEvent.keyboard("{Escape}"); // stays, as the button does
  await waitFor(() => expect(screen.queryByRole("dialog", { name: "Leave without saving?" })).toBeNull());
  expect(screen.getByLabelText<HTMLInputElement>("Name").value).toBe("old and new");
  await go();
  await asks();
  await userEvent.tab();
  await userEvent.keyboard("{Enter}");
  await gone();
});

test("a ticked box is a change; one that was changed back is none", async () => {
  await open();
  const box = screen.getByRole("checkbox", { name: "Shared" });
  await userEvent.click(box);
  await userEvent.keyboard("{Escape}");
  await asks();
  await userEvent.keyboard("{Escape}");
  await userEvent.click(box);
  await userEvent.keyboard("{Escape}");
  await gone();
});

test("nothing is asked when nothing was changed, nor after saving", async () => {
  const { name } = await open();
  await userEvent.click(name);
  await userEvent.keyboard("{Escape}");
  await gone();
  await userEvent.click(screen.getByRole("button", { name: "Open" }));
  await userEvent.type(await screen.findByLabelText("Name"), "er");
  await userEvent.click(screen.getByRole("button", { name: "Save" }));
  await userEvent.keyboard("{Escape}");
  await gone();
});

test("what was refused, or is only looked at, is still unsaved", async () => {
  for (const answer of [() => Promise.reject(new Error("refused")), () => Promise.resolve(false)]) {
    const { name, unmount } = await open();
    save = answer;
    await userEvent.type(name, "er");
    await userEvent.click(screen.getByRole("button", { name: "Save" }));
    await userEvent.keyboard("{Escape}");
    await asks();
    unmount();
  }
});

test("a form that goes away while it asks lets nobody leave, and nobody wait", async () => {
  const { name, router, unmount } = await open();
  const block = vi.spyOn(router.history, "block");
  await userEvent.type(name, "er");
  const [{ blockerFn }] = block.mock.lastCall!;
  const here = router.history.location;
  const blocked = blockerFn({ action: "PUSH", currentLocation: here, nextLocation: { ...here, pathname: "/elsewhere" } });
  await asks();
  unmount();
  expect(await blocked).toBe(true);
});
