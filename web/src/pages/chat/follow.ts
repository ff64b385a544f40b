// Who reads at the bottom sees the answer grow; who has scrolled up is left alone.
// Any upward scroll stops following, and only the reader takes it up again: by
// scrolling to the bottom or by the "Latest" button.

export type Box = { top: number; height: number; view: number };

/** bottomSlack is how near to the bottom counts as there: less than a line. */
export const bottomSlack = 16;

export class Follow {
  following = true;
  private last: Box = { top: 0, height: 0, view: 0 };

  /** scrolled takes note of where the reader is now, whoever moved the page. */
  scrolled(box: Box): void {
    const up = box.top < this.last.top;
    const shrunk = box.height < this.last.height || box.view > this.last.view;
    const below = distance(box);
    this.last = box;
    // What shrinks pulls the page up by itself and leaves it at the bottom.
    if (up && !(shrunk && below <= 1)) this.following = this.following && below <= 1 && shrunk;
    else if (below <= bottomSlack) this.following = true;
  }

  /** pulledUp is a wheel, a key or a finger that asks to go up, before the page has moved. */
  pulledUp(box: Box): void {
    if (box.height > box.view) this.following = false;
  }

  /** latest is the button. */
  latest(): void {
    this.following = true;
  }
}

export function distance(box: Box): number {
  return Math.max(0, box.height - box.view - box.top);
}

/** scrollsUp says whether a key moves the page up. */
export function scrollsUp(key: string): boolean {
  return key === "ArrowUp" || key === "PageUp" || key === "Home";
}
