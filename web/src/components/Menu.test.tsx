import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";
import { Menu } from "./Menu";

const menu = <Menu trigger={<button type="button">More</button>} items={[{ label: "Rename", onSelect: () => {} }, { label: "Delete", onSelect: () => {} }]} />;

test("a menu that was never opened does not listen to the keys of the page", () => {
  const listen = vi.spyOn(document, "addEventListener");
  render(menu);
  expect(listen.mock.calls.filter(([type]) => type === "keydown")).toEqual([]);
  listen.mockRestore();
});

test.each(["{Enter}", "{ }", "{ArrowDown}"])("%s opens it at its first item, and Escape gives the focus back", async (key) => {
  render(menu);
  const person = userEvent.setup();
  await person.tab();
  await person.keyboard(key);
  await vi.waitFor(() => expect(document.activeElement?.textContent).toBe("Rename"));
  await person.keyboard("{Escape}");
  await vi.waitFor(() => expect(document.activeElement).toBe(screen.getByRole("button", { name: "More" })));
  expect(screen.queryByRole("menu")).toBeNull();
});
