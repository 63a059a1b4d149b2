"use strict";
/* The explorer's plot: accuracy against cost, single members as rings, the ensemble as a dot.

   Drawn in the pixels of its place, so that its letters keep their size on a narrow screen. */
globalThis.plot = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const [LEFT, RIGHT, TOP, BOTTOM] = [46, 16, 12, 40];

  function element(name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function short(value) {
    for (const [size, unit] of [[1e9, " G"], [1e6, " M"], [1e3, " k"]]) {
      if (value >= size) return `${+(value / size).toPrecision(3)}${unit}`;
    }
    return `${+value.toPrecision(3)}`;
  }

  /* 1, 2 and 5 times powers of ten within the range; only powers where those would crowd. */
  function logTicks(low, high) {
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
      for (const digit of high / low > 2000 ? [1] : [1, 2, 5]) {
        const tick = digit * 10 ** power;
        if (tick >= low && tick <= high) ticks.push(tick);
      }
    }
    return ticks;
  }

  function scales(width, height, points) {
    const costs = points.map((point) => point.cost);
    const [least, most] = [Math.min(...costs) / 1.25, Math.max(...costs) * 1.25];
    const heights = points.flatMap((point) => [point.low ?? point.accuracy, point.high ?? point.accuracy]);
    const span = Math.max(...heights) - Math.min(...heights) || 0.02;
    const [bottom, top] = [Math.min(...heights) - 0.08 * span, Math.max(...heights) + 0.08 * span];
    const step = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2].find((s) => (top - bottom) / s <= 7) ?? 0.2;
    const levels = [];
    for (let k = Math.ceil(bottom / step); k * step <= top; k += 1) levels.push(k * step);
    const across = (cost) =>
      LEFT + (Math.log(cost / least) / Math.log(most / least)) * (width - LEFT - RIGHT);
    const down = (accuracy) =>
      height - BOTTOM - ((accuracy - bottom) / (top - bottom)) * (height - TOP - BOTTOM);
    return { across, down, levels, ticks: logTicks(least, most), digits: step < 0.01 ? 1 : 0 };
  }

  function axes(svg, scale, width, height, label) {
    for (const level of scale.levels) {
      const y = scale.down(level);
      svg.append(element("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y, y2: y }));
      const text = `${(100 * level).toFixed(scale.digits)} %`;
      svg.append(element("text", { x: LEFT - 8, y: y + 4, "text-anchor": "end" }, text));
    }
    const y = height - BOTTOM;
    svg.append(element("line", { class: "axis", x1: LEFT, x2: width - RIGHT, y1: y, y2: y }));
    let last = -Infinity;
    for (const tick of scale.ticks) {
      const x = scale.across(tick);
      if (x - last < 44) continue;
      last = x;
      svg.append(element("line", { class: "axis", x1: x, x2: x, y1: y, y2: y + 4 }));
      svg.append(element("text", { x, y: y + 18, "text-anchor": "middle" }, short(tick)));
    }
    const middle = { x: (LEFT + width - RIGHT) / 2, y: height - 4, "text-anchor": "middle" };
    svg.append(element("text", middle, label));
  }

  /* singles: [{name, cost, accuracy, used}]; now: {cost, accuracy, low, high} or null. */
  function draw(place, singles, now, label) {
    const width = Math.max(260, place.clientWidth);
    const height = Math.round(Math.min(320, Math.max(220, width * 0.5)));
    const points = now ? [...singles, now] : singles;
    const scale = scales(width, height, points);
    const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img" });
    const told = now
      ? `This ensemble: ${(100 * now.accuracy).toFixed(2)} % at ${short(now.cost)}.`
      : "No member is ticked.";
    svg.setAttribute("aria-label", `Test accuracy against cost (${label}). ${told}`);
    axes(svg, scale, width, height, `${label}, logarithmic`);
    for (const point of singles) {
      const ring = element("circle", {
        class: point.used ? "single used" : "single",
        cx: scale.across(point.cost),
        cy: scale.down(point.accuracy),
        r: 4.5,
      });
      const text = `${point.name}: ${(100 * point.accuracy).toFixed(2)} % at ${short(point.cost)}`;
      ring.append(element("title", {}, text));
      svg.append(ring);
    }
    if (now) {
      const [x, y] = [scale.across(now.cost), scale.down(now.accuracy)];
      const ends = { x1: x, x2: x, y1: scale.down(now.low), y2: scale.down(now.high) };
      svg.append(element("line", { class: "whisker", ...ends }));
      svg.append(element("circle", { class: "now", cx: x, cy: y, r: 6.5 }));
      const before = x > width / 2;
      const at = { x: before ? x - 12 : x + 12, y: y + 4, "text-anchor": before ? "end" : "start" };
      const text = `${(100 * now.accuracy).toFixed(2)} %`;
      svg.append(element("text", { class: "now-label", ...at }, text));
    }
    place.replaceChildren(svg);
  }

  return { draw, short };
})();
