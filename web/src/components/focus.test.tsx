import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { expect, test } from "vitest";
import { Drawer } from "./Drawer";
import { Menu } from "./Menu";
import { Modal } from "./Modal";

function Layers() {
  const [open, setOpen] = useState("");
  const close = () => setOpen("");
  return (
    <>
      <button type="button" onClick={() => setOpen("drawer")}>Details</button>
      <Menu trigger={<button type="button">More</button>} items={[{ label: "Rename", onSelect: () => setOpen("modal") }]} />
      {open === "drawer" && <Drawer title="Details of it" open onClose={close}>text</Drawer>}
      <Modal title="Another name" open={open === "modal"} onClose={close}>
        <input aria-label="Name" autoFocus />
      </Modal>
    </>
  );
}

test("a layer gives the focus back to the button that opened it, or its menu", async () => {
  render(<Layers />);
  const details = screen.getByRole("button", { name: "Details" });
  await userEvent.click(details);
  await screen.findByRole("dialog");
  await userEvent.keyboard("{Escape}");
  await waitFor(() => expect(document.activeElement).toBe(details));

  const more = () => screen.getByRole("button", { name: "More" }); // another element once it has been opened
  await userEvent.click(more());
  await userEvent.click(await screen.findByRole("menuitem", { name: "Rename" }));
  await screen.findByRole("textbox", { name: "Name" });
  await userEvent.keyboard("{Escape}");
  await waitFor(() => expect(document.activeElement).toBe(more()));
});
