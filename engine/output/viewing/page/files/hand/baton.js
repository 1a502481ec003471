// Conducting on the page: each press on the area, or of the space bar, is a beat; how high the press is says how loud.

const LOUDEST = 127;
const FLASH_MS = 120;

export class Baton {
  constructor(area, ask) {
    this.area = area;
    this.ask = ask;
    area.onpointerdown = (event) => {
      if (event.button) return;
      area.focus();
      event.preventDefault();
      this.tap(this.velocityAt(event.clientY));
    };
    area.onkeydown = (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      if (!event.repeat) this.tap();
    };
  }

  describe({ commands }) {
    this.area.parentElement.hidden = !commands.some(({ usage }) => usage.startsWith("tap "));
  }

  velocityAt(clientY) {
    const { top, height } = this.area.getBoundingClientRect();
    const share = Math.min(Math.max((clientY - top) / height, 0), 1);
    return Math.round(LOUDEST - (LOUDEST - 1) * share);
  }

  tap(velocity = "") {
    this.ask(`tap ${velocity}`.trim());
    this.area.classList.add("beaten");
    setTimeout(() => this.area.classList.remove("beaten"), FLASH_MS);
  }
}
