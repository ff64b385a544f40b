import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { cleanDrawing, cleanSource } from "./drawing";
import * as guards from "./guard";
import { outside, payloads, wellFormed } from "./hostile";
import { Markdown } from "./markdown";
import { hasMath, withDollars } from "./mathtext";

const parsed = vi.hoisted(() => ({ blocks: 0 }));
vi.mock("./guard", async (original) => {
  const real = await original<typeof guards>();
  const guard = () => {
    const plugin = real.guard();
    return (tree: Parameters<typeof plugin>[0]) => {
      parsed.blocks++;
      plugin(tree);
    };
  };
  return { ...real, guard };
});

afterEach(cleanup);

/** The first formula fetches its drawer; later ones are drawn at once. */
beforeAll(async () => {
  render(<Markdown text="$$x$$" />);
  await waitFor(() => expect(document.querySelector(".katex")).not.toBeNull(), { timeout: 20_000 });
}, 60_000);

const forbidden =
  "script, style, iframe, frame, object, embed, form, img, picture, source, video, audio, svg:not(.katex *, button svg.lucide), link, meta, base, dialog, template, details:not(figure *), input:not([type=checkbox][disabled])";

/** problems lists what must never come of a text that nobody vouches for. */
function problems(place: ParentNode): string[] {
  const found = [...place.querySelectorAll(forbidden)].map((e) => `element ${e.outerHTML.slice(0, 80)}`);
  for (const element of place.querySelectorAll("*")) {
    for (const { name, value } of element.attributes) {
      if (/^on/i.test(name)) found.push(`attribute ${name}`);
      if (/javascript:|vbscript:|data:|url\(/i.test(value) && name !== "data-copy") found.push(`${name}=${value.slice(0, 80)}`);
      if (/^(src|srcset|action|formaction|poster|ping|background)$|xlink/i.test(name)) found.push(`attribute ${name}`);
      if (name === "href" && !/^(https?:\/\/|mailto:)/.test(value)) found.push(`href=${value}`);
      if (name === "id") found.push(`id=${value}`);
      if (name === "style" && !element.closest(".katex, .katex-error") && !/^(text-align: \w+;|display: contents;)$/.test(value)) found.push(`style=${value}`);
    }
  }
  return found;
}

/** workMax, in milliseconds of one processor, is a bound against endless work and no measure. */
const workMax = 6_000;

vi.setConfig({ testTimeout: 60_000 });

describe("hostile text", () => {
  it("has at least 60 payloads", () => expect(Object.keys(payloads).length).toBeGreaterThanOrEqual(60));

  it.each(Object.entries(payloads))("%s", (_, text) => {
    const start = process.cpuUsage();
    const { container } = render(<Markdown text={text} />);
    expect(problems(container)).toEqual([]);
    expect(container.textContent!.length).toBeGreaterThan(0);
    expect(process.cpuUsage(start).user / 1_000).toBeLessThan(workMax);
  });

  it.each([false, true])("broken at every point (streaming: %s)", (streaming) => {
    for (let at = 1; at <= wellFormed.length; at++) {
      const { container } = render(<Markdown text={wellFormed.slice(0, at)} streaming={streaming} />);
      expect(problems(container), `cut at ${at}`).toEqual([]);
      cleanup();
    }
  });

  it("shows raw HTML as text", () => {
    const { container } = render(<Markdown text={"before <b>bold</b>\n\n<script>alert(1)</script>"} />);
    expect(container.textContent).toContain("<b>bold</b>");
    expect(container.textContent).toContain("<script>alert(1)</script>");
  });

  it("shows an image as a chip that names where it is from", () => {
    render(<Markdown text={payloads["image"]!} />);
    expect(screen.getByText("Image not shown: x (outside.example)")).toBeTruthy();
  });

  it("makes overrides of direction harmless in text and visible in code", () => {
    const { container } = render(<Markdown text={`a\u202Eb\n\n${payloads["overrides in code"]}`} />);
    expect(container.querySelector("p")!.textContent).toBe("ab");
    expect(container.querySelector("code")!.textContent).toContain("⟦U+202E⟧");
  });

  it("draws a huge table in part, until the reader asks for all", () => {
    const { container } = render(<Markdown text={payloads["huge table"]!} />);
    expect(container.querySelectorAll("tr").length).toBeLessThan(250);
    fireEvent.click(screen.getByText("Show all 3,000 rows"));
    expect(container.querySelectorAll("tr").length).toBe(3_001);
  });
});

describe("links", () => {
  it("open after a dialog that shows the full address", () => {
    const opened = vi.spyOn(window, "open").mockReturnValue(null);
    render(<Markdown text="[https://bank.example](https://bank.example@outside.example/a?b=c)" />);
    const link = screen.getByRole("link");
    expect(link.getAttribute("rel")).toContain("noopener noreferrer");
    expect(fireEvent.click(link)).toBe(false); // the browser does not follow it
    expect(fireEvent(link, new MouseEvent("auxclick", { button: 1, bubbles: true, cancelable: true }))).toBe(false);
    expect(document.querySelector("[data-address]")!.textContent).toBe("https://bank.example@outside.example/a?b=c");
    expect(opened).not.toHaveBeenCalled();
    fireEvent.click(screen.getByText("Open in a new tab"));
    expect(opened).toHaveBeenCalledWith("https://bank.example@outside.example/a?b=c", "_blank", "noopener,noreferrer");
  });

  it.each([
    ["https://b\u0430nk.example/", "https://xn--bnk-6cd.example/"],
    ["HTTPS://Example.COM/a", "https://example.com/a"],
    ["mailto:a@b.example", "mailto:a@b.example"],
    ["javascript:alert(1)", undefined],
    [" javascript:alert(1)", undefined],
    ["java\nscript:alert(1)", undefined],
    ["https:/\u0000/x", undefined],
    ["//x.example", undefined],
    ["/admin", undefined],
    ["data:text/html,x", undefined],
    ["ftp://x.example", undefined],
    ["http://", undefined],
    [undefined, undefined],
  ])("%s leads to %s", (href, want) => expect(guards.safeLink(href)).toBe(want));
});

describe("drawing while text grows", () => {
  const paragraphs = Array.from({ length: 40 }, (_, i) => `Paragraph ${i} with **bold** and \`code\`.`).join("\n\n");

  it("parses only the last block again", () => {
    const view = render(<Markdown text={paragraphs} streaming />);
    parsed.blocks = 0;
    let text = paragraphs;
    for (let i = 0; i < 20; i++) view.rerender(<Markdown text={(text += ` word${i}`)} streaming />);
    expect(parsed.blocks).toBe(20);
  });

  it("parses nothing again when the end has come", () => {
    const view = render(<Markdown text={paragraphs} streaming />);
    parsed.blocks = 0;
    view.rerender(<Markdown text={paragraphs} />);
    expect(parsed.blocks).toBe(0);
  });

  it("closes what is open at the end of a growing text, and nothing in a finished one", () => {
    const { container, rerender } = render(<Markdown text="some **bold" streaming />);
    expect(container.querySelector("strong, [data-streamdown=strong]")?.textContent).toBe("bold");
    rerender(<Markdown text="a price of 2 ** 3" />);
    expect(container.textContent).toBe("a price of 2 ** 3");
  });
});

describe("formulas", () => {
  it.each([
    ["a \\(x^2\\) b", "a $$x^2$$ b"],
    ["\\[\nx\n\\]", "\n$$\nx\n$$\n"],
    ["`\\(x\\)` \\(y\\)", "`\\(x\\)` $$y$$"],
    ["```\n\\(x\\)\n```\n\\(y\\)", "```\n\\(x\\)\n```\n$$y$$"],
    ["```\n\\(x\\)", "```\n\\(x\\)"],
    ["open \\(x", "open \\(x"],
    ["$5 and $6", "$5 and $6"],
  ])("%j is spelled %j", (text, want) => expect(withDollars(text)).toBe(want));

  it("are drawn, and prices are not", () => {
    expect(hasMath("costs $5 or $6")).toBe(false);
    const { container } = render(<Markdown text={"\\(x^2\\) and $$\\frac{1}{2}$$ and $5"} />);
    expect(container.querySelectorAll(".katex")).toHaveLength(2);
  });
});

describe("diagrams", () => {
  it("lose their settings and their clicks", () => {
    expect(cleanSource('---\nconfig:\n  x: 1\n---\n%%{init: {"a": 1}}%%\ngraph TD\nA-->B\nclick A "x"')).toBe("\ngraph TD\nA-->B\n");
    expect(cleanSource("%%{init: {")).toBe("");
  });

  it("are not drawn when they want a picture", () => {
    expect(() => cleanSource('flowchart TD\nA@{ img: "https://x" }')).toThrow();
    expect(() => cleanSource("flowchart TD\nA@{icon: x}")).toThrow();
  });

  it("keep lines and words alone", () => {
    const svg = cleanDrawing(
      `<svg onload="a()"><style>.a{fill:red}</style><style>.b{fill:url(${outside})}</style><script>a()</script><a href="javascript:a()"><text onclick="a()">word</text></a>` +
        `<image href="${outside}"/><foreignObject><img src=x></foreignObject><path fill="url(#grad)" marker-end="url('#m')"/><path style="fill:url(${outside})" fill="u\\72l(${outside})"/><use href="#x"/></svg>`,
    );
    expect(svg.outerHTML).toBe('<svg><style>.a{fill:red}</style><text>word</text><path fill="url(#grad)" marker-end="url(\'#m\')"></path><path></path></svg>');
  });
});
