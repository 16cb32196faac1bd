"use strict";
// Draws the figures of the report and keeps one state for all of them: which variants are shown,
// logarithmic or linear axes, intervals and crossovers. Figures are drawn when they come into view.
(() => {
  const report = JSON.parse(document.getElementById("report-data").textContent);
  const figures = new Map(report.figures.map((figure) => [`figure-${figure.id}`, figure]));
  const options = { log_y: true, log_x: true, intervals: true, crossings: true, share: true };
  const hidden = new Set();
  const zooms = new Map();
  const drawn = new Set();
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 44rem)");
  const config = {
    responsive: true, displaylogo: false, doubleClick: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "resetScale2d"],
  };
  const patterns = ["", "/", "\\", ".", "x"];

  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const line_colour = (variant) => report.colours[dark.matches ? "dark" : "light"][variant];
  const text_colour = (variant) => report.colours[dark.matches ? "dark" : "ink"][variant];
  const faint = (colour, alpha) => {
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
    return `rgba(${r},${g},${b},${alpha})`;
  };

  function is_visible({ variant, other, role }) {
    if (role === "band" && !options.intervals) return false;
    if (role === "crossing" && !options.crossings) return false;
    if (role === "guide" && !(options.log_x && options.log_y)) return false;
    return !hidden.has(variant) && !hidden.has(other);
  }

  function coloured(trace) {
    const { variant, role, part } = trace.meta;
    const copy = structuredClone(trace);
    copy.visible = is_visible(trace.meta);
    if (role === "part") {
      copy.marker = { color: report.parts[part], line: { width: 0 },
        pattern: { shape: patterns[part], fgcolor: css("--page"), fillmode: "overlay", size: 7, solidity: 0.2 } };
    } else if (role === "guide" || role === "baseline") {
      copy.line.color = css("--quiet");
      copy.textfont = { color: css("--quiet"), size: 11 };
    } else if (role === "crossing") {
      copy.marker.color = copy.marker.line.color = css("--ink");
      copy.line.color = css("--ink");
    } else {
      const colour = line_colour(variant);
      if (role === "band") copy.fillcolor = faint(colour, 0.2);
      if (copy.line) copy.line.color = colour;
      if (copy.marker) copy.marker.color = role === "seed" ? faint(colour, 0.55) : colour;
      if (role === "line") {
        const hollow = copy.marker.symbol.endsWith("-open");
        copy.marker.line = { color: hollow ? colour : css("--page"), width: hollow ? 2 : 1 };
      }
      if (role === "failure") {
        copy.marker.line.color = colour;
        copy.textfont = { color: text_colour(variant), size: 11 };
      }
    }
    return copy;
  }

  const is_log = (figure, axis) =>
    axis === "x" ? (figure.x_unit ? true : options.log_x) : figure.scalable && options.log_y;

  // The range of an axis in its own coordinates, of all variants, so that hiding one moves nothing.
  function full_range(figure, axis) {
    const log = is_log(figure, axis);
    const roles = axis === "x" ? ["line"] : ["line", "band", "guide", "baseline", "ceiling", "seed"];
    const all = (of) => figure.traces.filter(({ meta }) => of.includes(meta.role)).flatMap((trace) => trace[axis]);
    const lines = all(["line"]), bounds = [Math.min(...lines) / 4, Math.max(...lines) * 4];
    const values = all(roles.filter((role) => log || role !== "guide")).concat(axis === "x" ? figure.lengths : [])
      .filter((v) => !log || v > 0)
      .map((v) => (log && axis === "y" ? Math.max(bounds[0], Math.min(bounds[1], v)) : v));  // a wide band flattens no line
    let low = Math.min(...values), high = Math.max(...values);
    if (log) [low, high] = [Math.log10(low), Math.log10(high)];
    else if (figure.scalable || axis === "x") low = Math.min(0, low);
    const margin = (high - low || 1) * 0.05;
    const room = axis === "y" ? 0.07 * figure.failure_rows * (high - low || 1) : 0;
    return [low - (low === 0 && !log ? 0 : margin), high + margin + room];
  }

  const scales = { byte: [["B", "KiB", "MiB", "GiB", "TiB"], 1024, 1], s: [["µs", "ms", "s"], 1000, 1e-6],
    FLOP: [["FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP"], 1000, 1] };

  function amount(value, unit) {
    const [names, step, least] = scales[unit];
    let power = 0;
    for (value /= least; Math.abs(value) >= step * (1 - 1e-9) && power + 1 < names.length; ++power) value /= step;
    return `${+value.toPrecision(3)} ${names[power]}`;
  }

  // At most eight round values in the unit; Plotly would write bytes in powers of ten and every
  // digit of a short logarithmic axis.
  function unit_ticks([low, high], log, unit) {
    const ticks = [], most = 8, base = unit === "byte" ? 2 : 10;
    if (log && base === 2) {
      const [first, last] = [low, high].map((v) => v / Math.log10(2));
      const step = Math.max(1, Math.ceil((last - first) / most));
      for (let p = Math.ceil(first / step) * step; p <= last; p += step) ticks.push(2 ** p);
    } else if (log) {
      const digits = [[1, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]].find((d) => d.length * (high - low) <= most) || [1];
      const step = Math.max(1, Math.ceil((high - low) / most));
      for (let p = Math.floor(low / step) * step; p <= high; p += step) {
        ticks.push(...digits.map((d) => d * 10 ** p).filter((v) => Math.log10(v) >= low && Math.log10(v) <= high));
      }
    } else {
      const rough = (high - low) / most, power = base ** Math.floor(Math.log(rough) / Math.log(base));
      const step = power * (base === 2 ? 2 : [1, 2, 5, 10].find((d) => d * power >= rough));
      for (let v = Math.ceil(low / step) * step; v <= high; v += step) ticks.push(v);
    }
    return { tickvals: ticks, ticktext: ticks.map((value) => amount(value, unit)) };
  }

  function axis_of(figure, axis, range) {
    const log = is_log(figure, axis);
    const unit = axis === "x" ? figure.x_unit : figure.unit;
    const result = { type: log ? "log" : "linear", range, gridcolor: css("--grid"), zeroline: false,
      linecolor: css("--quiet"), tickcolor: css("--quiet"), showline: true, ticks: "outside" };
    if (unit) Object.assign(result, unit_ticks(range, log, unit));
    if (axis === "x" && !figure.x_unit) {
      result.showgrid = false;
      const lengths = figure.lengths;
      const every = Math.ceil(lengths.length / (narrow.matches ? 5 : 9));
      const shown = lengths.filter((_, i) => (lengths.length - 1 - i) % every === 0);
      if (log) Object.assign(result, { tickvals: shown, ticktext: shown.map((n) => n.toLocaleString("en")) });
      else result.tickformat = ",d";
    }
    return result;
  }

  // Moves heights (0 at the bottom, 1 at the top) apart to at least `gap`, as little as needed.
  function spread(heights, gap) {
    const order = heights.map((_, i) => i).sort((a, b) => heights[a] - heights[b]);
    const placed = order.map((i) => Math.min(1, Math.max(0, heights[i])));
    for (let round = 0; round < 200; ++round) {
      for (let i = 1; i < placed.length; ++i) {
        const lack = gap - (placed[i] - placed[i - 1]);
        if (lack > 1e-6) { placed[i] += lack / 2; placed[i - 1] -= lack / 2; }
      }
    }
    const result = [];
    order.forEach((number, i) => { result[number] = placed[i]; });
    return result;
  }

  // The variant's name right of its line's last point in view; a thin line joins them.
  function end_labels(figure, ranges, size) {
    if (narrow.matches) return [];
    const at = (axis, value) => {
      const [low, high] = ranges[axis];
      return ((is_log(figure, axis) ? Math.log10(value) : value) - low) / (high - low);
    };
    const ends = [];
    for (const trace of figure.traces) {
      const { role, variant } = trace.meta;
      if (!["line", "baseline"].includes(role) || !trace.name || !is_visible(trace.meta)) continue;
      const inside = trace.x.map((x, i) => [at("x", x), at("y", trace.y[i])])
        .filter(([x, y]) => x >= -0.01 && x <= 1.01 && y >= -0.01 && y <= 1.01);
      if (!inside.length) continue;
      const [x, y] = inside.at(-1);
      ends.push({ x, y, text: trace.name, colour: role === "line" ? text_colour(variant) : css("--quiet") });
    }
    const places = spread(ends.map((end) => end.y), 17 / size.height);
    return ends.map((end, i) => ({
      xref: "paper", yref: "paper", x: Math.min(1, end.x), y: end.y, text: label_text(end.text),
      font: { color: end.colour, size: 12 }, xanchor: "left", yanchor: "middle", showarrow: true,
      arrowhead: 0, arrowwidth: 0.7, arrowcolor: end.colour, standoff: 4,
      ax: (1 - Math.min(1, end.x)) * size.width + 18, ay: (end.y - places[i]) * size.height,
    }));
  }

  const label_text = (text) => (text.length > 24 ? `${text.slice(0, 23)}…` : text)
    .replaceAll("&", "&amp;").replaceAll("<", "&lt;");

  function trained_marks(figure) {
    const lengths = figure.trained || [];
    const place = (n) => (is_log(figure, "x") ? Math.log10(n) : n);
    return {
      shapes: lengths.map((n) => ({ type: "line", x0: n, x1: n, yref: "paper", y0: 0, y1: 1, layer: "below",
        line: { color: css("--line"), width: 1.5 } })),
      notes: lengths.map((n) => ({ x: place(n), xref: "x", y: 1, yref: "paper", text: "trained", showarrow: false,
        xanchor: "left", yanchor: "top", font: { size: 11, color: css("--quiet") } })),
    };
  }

  function layout_of(figure, box) {
    const longest = Math.max(0, ...figure.traces.filter((t) => t.name).map((t) => Math.min(24, t.name.length)));
    const margin = { l: 76, r: narrow.matches ? 16 : 40 + 7 * longest, t: 44, b: 48 };
    const size = { width: box.clientWidth - margin.l - margin.r, height: box.clientHeight - margin.t - margin.b };
    const base = { margin, autosize: true, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, Segoe UI, DejaVu Sans, sans-serif", size: 12, color: css("--ink") },
      hoverlabel: { bgcolor: css("--panel"), bordercolor: css("--quiet"), font: { color: css("--ink") }, align: "left" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: css("--quiet"), activecolor: css("--ink") } };
    if (figure.quantity) {
      return Object.assign(base, { barmode: "stack", barnorm: options.share ? "percent" : "", showlegend: false, bargap: 0.15,
        margin: { l: 64, r: 8, t: 8, b: 44 }, xaxis: { type: "category", title: { text: "tokens" } },
        yaxis: Object.assign({ gridcolor: css("--grid"), zeroline: false },
          options.share ? { ticksuffix: " %" } : { tickformat: "~s", ticksuffix: figure.unit }) });
    }
    const zoom = zooms.get(figure.id);
    const ranges = { x: zoom?.x || full_range(figure, "x"), y: zoom?.y || full_range(figure, "y") };
    const { shapes, notes } = trained_marks(figure);
    const xaxis = axis_of(figure, "x", ranges.x);
    xaxis.title = { text: figure.x_title, standoff: 8 };
    const yaxis = axis_of(figure, "y", ranges.y);
    if (figure.y_title) yaxis.title = { text: figure.y_title };
    return Object.assign(base, { xaxis, yaxis, shapes, showlegend: true,
      yaxis2: { overlaying: "y", range: [0, 1], visible: false, fixedrange: true },
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom", itemwidth: 40 },
      annotations: end_labels(figure, ranges, size).concat(notes) });
  }

  function draw(box) {
    const figure = figures.get(box.id);
    const first = !drawn.has(box.id);
    drawn.add(box.id);
    Plotly.react(box, figure.traces.map(coloured), layout_of(figure, box), config);
    if (first && !figure.quantity) listen(box, figure);
  }

  function listen(box, figure) {
    const variant_of = (event) => event.fullData[event.curveNumber].meta.variant;
    box.on("plotly_legendclick", (event) => { toggle(variant_of(event)); return false; });
    box.on("plotly_legenddoubleclick", (event) => { show_only(variant_of(event)); return false; });
    box.on("plotly_doubleclick", () => { zooms.delete(figure.id); draw(box); });
    box.on("plotly_relayout", (change) => {
      if (!Object.keys(change).some((key) => /^[xy]axis\.range/.test(key))) return;
      zooms.set(figure.id, { x: [...box.layout.xaxis.range], y: [...box.layout.yaxis.range] });
      draw(box);
    });
  }

  const boxes = () => [...document.querySelectorAll(".canvas")];
  const redraw = () => boxes().filter((box) => drawn.has(box.id)).forEach(draw);

  function show_variants() {
    for (const box of document.querySelectorAll("input[name=variant]")) box.checked = !hidden.has(+box.value);
    show_parts();
    redraw();
  }

  function toggle(variant) {
    if (!hidden.delete(variant)) hidden.add(variant);
    show_variants();
  }

  function show_only(variant) {
    const alone = !hidden.has(variant) && hidden.size === report.colours.light.length - 1;
    hidden.clear();
    if (!alone) report.colours.light.forEach((_, i) => { if (i !== variant) hidden.add(i); });
    show_variants();
  }

  const part_quantity = document.getElementById("part-quantity");
  function show_parts() {
    for (const plot of document.querySelectorAll(".plot[data-quantity]")) {
      plot.hidden = plot.dataset.quantity !== part_quantity.value || hidden.has(+plot.dataset.variant);
    }
  }

  function paint_swatches() {
    for (const swatch of document.querySelectorAll(".swatch")) {
      const { variant, part } = swatch.dataset;
      swatch.style.background = part === undefined ? line_colour(+variant) : report.parts[+part];
    }
  }

  for (const box of document.querySelectorAll("input[name=variant]")) {
    box.checked = true;
    box.addEventListener("change", () => toggle(+box.value));
  }
  for (const button of document.querySelectorAll("button[data-option]")) {
    button.addEventListener("click", () => {
      const option = button.dataset.option;
      if (["reset", "log_x", "log_y"].includes(option)) zooms.clear();
      if (option !== "reset") {
        options[option] = !options[option];
        button.setAttribute("aria-pressed", String(options[option]));
      }
      redraw();
    });
  }
  part_quantity?.addEventListener("change", show_parts);
  const restyle = () => { paint_swatches(); redraw(); };
  dark.addEventListener("change", restyle);
  narrow.addEventListener("change", restyle);
  addEventListener("beforeprint", () => boxes().filter((box) => box.clientWidth).forEach(draw));

  paint_swatches();
  show_parts();
  const viewed = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting && !drawn.has(target.id)) draw(target);
    }
  }, { rootMargin: "300px 0px" });
  const first = boxes().find((box) => box.clientWidth);
  if (first) draw(first);
  boxes().forEach((box) => viewed.observe(box));
})();
