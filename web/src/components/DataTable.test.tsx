import { act, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { expect, test, vi } from "vitest";
import { renderPage } from "@/test/render";
import { DataTable } from "./DataTable";

interface Row {
  id: string;
  name: string;
}

const rows = (n: number): Row[] => Array.from({ length: n }, (_, i) => ({ id: `r${i}`, name: `row ${i}` }));

const columns = [
  { id: "name", header: "Name", cell: (r: Row) => r.name, sortable: true },
  { id: "id", header: "Id", cell: (r: Row) => r.id, hidden: true },
];

test("ten thousand rows are under sixty elements, and their number is announced", async () => {
  await renderPage(<DataTable name="t" label="Things" columns={columns} rows={rows(10_000)} rowId={(r) => r.id} />);
  const grid = await screen.findByRole("grid", { name: "Things" });
  await screen.findByText("row 0");
  expect(grid.getAttribute("aria-rowcount")).toBe("10001");
  expect(screen.getAllByRole("row").length).toBeLessThan(60);
});

test("rows are moved through, opened and selected by keys", async () => {
  const onOpen = vi.fn();
  const onSelect = vi.fn();
  await renderPage(<DataTable name="t" label="Things" columns={columns} rows={rows(5)} rowId={(r) => r.id} onOpen={onOpen} selected={new Set()} onSelect={onSelect} />);
  const first = (await screen.findByText("row 0")).closest<HTMLElement>("[role=row]");
  first?.focus();
  await userEvent.keyboard("j");
  await waitFor(() => expect(document.activeElement?.textContent).toContain("row 1"));
  await userEvent.keyboard("{ArrowDown}");
  await waitFor(() => expect(document.activeElement?.textContent).toContain("row 2"));
  await userEvent.keyboard("k");
  await waitFor(() => expect(document.activeElement?.textContent).toContain("row 1"));
  await userEvent.keyboard("{Enter}");
  expect(onOpen).toHaveBeenCalledWith({ id: "r1", name: "row 1" });
  await userEvent.keyboard("x");
  expect(onSelect).toHaveBeenCalledWith(new Set(["r1"]));
});

test("keys mean the row that has the focus, also when another came above it", async () => {
  const onOpen = vi.fn();
  const onSelect = vi.fn();
  let come = (_: Row[]) => {};
  function Growing() {
    const [all, setAll] = useState(rows(3));
    come = setAll;
    return <DataTable name="t" label="Things" columns={columns} rows={all} rowId={(r) => r.id} onOpen={onOpen} selected={new Set()} onSelect={onSelect} />;
  }
  await renderPage(<Growing />);
  (await screen.findByText("row 1")).closest<HTMLElement>("[role=row]")?.focus();
  act(() => come([{ id: "new", name: "newest" }, ...rows(3)]));
  await screen.findByText("newest");
  expect(document.activeElement?.textContent).toContain("row 1");
  await userEvent.keyboard("x{Enter}");
  expect(onSelect).toHaveBeenCalledWith(new Set(["r1"]));
  expect(onOpen).toHaveBeenCalledWith({ id: "r1", name: "row 1" });
  await userEvent.keyboard("j");
  await waitFor(() => expect(document.activeElement?.textContent).toContain("row 2"));
});

test("sorting is asked of whoever gives the rows, and announced", async () => {
  const onSort = vi.fn();
  await renderPage(<DataTable name="t" label="Things" columns={columns} rows={rows(2)} rowId={(r) => r.id} sort={{ by: "name", desc: false }} onSort={onSort} />);
  const sorter = await screen.findByRole("button", { name: "Sort by Name" });
  expect(sorter.closest("[role=columnheader]")?.getAttribute("aria-sort")).toBe("ascending");
  await userEvent.click(screen.getByRole("button", { name: "Sort by Name" }));
  expect(onSort).toHaveBeenCalledWith({ by: "name", desc: true });
});

test("near the end the next page is asked for, but not while it is on its way", async () => {
  const onMore = vi.fn();
  const table = (loadingMore: boolean) => <DataTable name="t" label="Things" columns={columns} rows={rows(10)} rowId={(r) => r.id} onMore={onMore} loadingMore={loadingMore} />;
  await renderPage(table(true));
  await screen.findByText("row 0");
  expect(onMore).not.toHaveBeenCalled();
  await renderPage(table(false));
  await waitFor(() => expect(onMore).toHaveBeenCalled());
});

test("a column that takes a share of the width keeps a least one", async () => {
  const wide = [{ id: "name", header: "Name", width: "2fr", cell: (r: Row) => r.name }, { id: "id", header: "Id", width: "80px", cell: (r: Row) => r.id }];
  await renderPage(<DataTable name="t" label="Things" columns={wide} rows={rows(1)} rowId={(r) => r.id} />);
  const header = (await screen.findByText("Name")).closest<HTMLElement>("[role=row]");
  expect(header?.style.gridTemplateColumns).toBe("minmax(120px, 2fr) 80px");
});

test("columns are chosen and remembered", async () => {
  const table = <DataTable name="t" label="Things" columns={columns} rows={rows(1)} rowId={(r) => r.id} />;
  const { unmount } = await renderPage(table);
  await screen.findByText("row 0");
  expect(screen.queryByText("r0")).toBeNull();
  await userEvent.click(screen.getByRole("button", { name: "Columns" }));
  await userEvent.click(await screen.findByRole("menuitemcheckbox", { name: "Id" }));
  await screen.findByText("r0");
  unmount();
  await renderPage(table);
  await screen.findByText("r0");
});
