// Lets a partner that improvises go on at once.

const CONTROL = "take_turn";

export class Turn {
  constructor(button, ask) {
    this.button = button;
    button.onclick = () => ["on", "off"].forEach((word) => ask(`set ${CONTROL} ${word}`));
  }

  describe({ controls }) {
    this.button.hidden = !controls.some(({ name }) => name === CONTROL);
  }
}
