import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { renderPage } from "@/test/render";
import Palette from "./Palette";

test("an agent that is on no first page is found by its name", async () => {
  const all = Array.from({ length: 60 }, (_, n) => ({ id: `a-${n}`, name: `Agent ${n}` }));
  const { router } = await renderPage(<Palette onClose={() => {}} onKeys={() => {}} />, {
    answers: {
      "GET /api/v1/agents": (r: Request) => {
        const { searchParams } = new URL(r.url);
        const found = all.filter((a) => a.name.toLowerCase().includes((searchParams.get("q") ?? "").toLowerCase()));
        return { agents: found.slice(0, Number(searchParams.get("limit") ?? 50)) };
      },
      "GET /api/v1/conversations": { conversations: [] },
    },
  });
  await userEvent.type(await screen.findByRole("combobox"), "agent 57");
  await userEvent.click(await screen.findByText("Agent 57"));
  expect(router.state.location.pathname).toBe("/agents/a-57");
});
