// Events come faster than anybody can read. Pace gathers them and lets the page be
// drawn once a frame at most, and less often when drawing takes long, so that keys
// typed meanwhile are never kept waiting behind the answer.

/** hiddenPause is how often a page in the background is brought up to date. */
const hiddenPause = 250;

export class Pace {
  private waiting = false;
  private stopped = false;
  private cost = 0;

  private readonly draw: () => void;

  constructor(draw: () => void) {
    this.draw = draw;
  }

  /** ask draws soon; however often it is asked, once. */
  ask(): void {
    if (this.waiting || this.stopped) return;
    this.waiting = true;
    if (document.hidden) setTimeout(() => this.run(), hiddenPause);
    else if (this.cost > 0) setTimeout(() => requestAnimationFrame(() => this.run()), this.cost);
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
      this.cost = took > slowFrame ? Math.min(took, costMax) : 0;
    });
  }
}

/** A frame that took longer than slowFrame is followed by as long a rest, costMax at most. */
const slowFrame = 40;
const costMax = 500;
