// Events come faster than anybody can read. Pace gathers them and lets the page be
// drawn once a frame at most, and less often when drawing takes long, so that keys
// typed meanwhile are never kept waiting behind the answer.

/** hiddenPause is how often a page in the background is brought up to date. */
const hiddenPause = 250;

export class Pace {
  private waiting = false;
  private stopped = false;
  private rest = 0;

  private readonly draw: () => void;

  constructor(draw: () => void) {
    this.draw = draw;
  }

  /** ask draws soon; however often it is asked, once. */
  ask(): void {
    if (this.waiting || this.stopped) return;
    this.waiting = true;
    if (document.hidden) setTimeout(() => this.run(), hiddenPause);
    else if (this.rest > 0) setTimeout(() => requestAnimationFrame(() => this.run()), this.rest);
    else requestAnimationFrame(() => this.run());
  }

  /** stop drops what was asked for. */
  stop(): void {
    this.stopped = true;
  }

  private run(): void {
    this.waiting = false;
    if (this.stopped) return;
    const start = performance.now();
    this.draw();
    requestAnimationFrame(() => {
      const took = performance.now() - start;
      this.rest = took > slowFrame ? Math.min(took / 2, restMax) : 0;
    });
  }
}

/**
 * A frame that took longer than slowFrame is followed by a rest of half of that,
 * restMax at most. Longer rests gather more text, which makes the next frame longer:
 * with rests as long as the frame the worst were twice as long. docs/terminal-speed.md
 */
const slowFrame = 40;
const restMax = 100;
