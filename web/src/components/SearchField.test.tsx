import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { expect, test, vi } from "vitest";
import { SearchField } from "./SearchField";

const field = () => screen.getByRole<HTMLInputElement>("searchbox", { name: "Search" });

test("no letter is lost when the address answers while one types on", async () => {
  const told = vi.fn<(text: string) => void>();
  const { rerender } = render(<SearchField label="Search" value="" onChange={told} />);
  await userEvent.type(field(), "an");
  await waitFor(() => expect(told).toHaveBeenLastCalledWith("an"));
  await userEvent.type(field(), "n");
  rerender(<SearchField label="Search" value="an" onChange={told} />);
  expect(field().value).toBe("ann");
  await waitFor(() => expect(told).toHaveBeenLastCalledWith("ann"));
});

test("a field whose page is drawn again and again asks all the same", async () => {
  const told = vi.fn();
  const view = render(<SearchField label="Search" value="" onChange={() => told("before")} />);
  await userEvent.type(field(), "a");
  const drawing = setInterval(() => view.rerender(<SearchField label="Search" value="" onChange={told} />), 20);
  await waitFor(() => expect(told).toHaveBeenCalledWith("a"));
  clearInterval(drawing);
});

test("what clears the filters clears the field", async () => {
  function Page() {
    const [text, setText] = useState("ann");
    return <><SearchField label="Search" value={text} onChange={setText} /><button onClick={() => setText("")}>Clear</button></>;
  }
  render(<Page />);
  await userEvent.type(field(), "e");
  await userEvent.click(screen.getByText("Clear"));
  await waitFor(() => expect(field().value).toBe(""));
});
