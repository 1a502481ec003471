// Between the seconds of the sound and places in the music: straight from one known point to the next.

export class Course {
  /** `points` are `[second, place]`, in order of time. */
  constructor(points) {
    this.points = points;
  }

  placeAt(second) {
    return between(this.points, 0, second);
  }

  secondAt(place) {
    return between(this.points, 1, place);
  }

  get end() {
    return this.points.at(-1)[0];
  }
}

/** The other coordinate of the point where coordinate `known` has a value; the ends stand for what is beyond them. */
function between(points, known, value) {
  const after = points.findIndex((point) => point[known] > value);
  if (after === 0) return points[0][1 - known];
  if (after < 0) return points.at(-1)[1 - known];
  const [from, to] = [points[after - 1], points[after]];
  const share = (value - from[known]) / (to[known] - from[known]);
  return from[1 - known] + share * (to[1 - known] - from[1 - known]);
}
