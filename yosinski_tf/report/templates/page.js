"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const colour = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const percent = (share) => (100 * share).toFixed(1) + "%";
  const points = (value) => {
    // Adding 0 makes 0 of -0.
    const rounded = Number(value.toFixed(1)) + 0;
    return (rounded < 0 ? "" : "+") + rounded.toFixed(1);
  };

  // Choices outlive the reloads of a study that is still running.
  const KEY = "yosinski-page " + location.pathname;
  const state = { kind: data.kinds[0].key, measure: data.measure, view: "relative", hidden: [], run: null };
  try {
    Object.assign(state, JSON.parse(sessionStorage.getItem(KEY) || "{}"));
  } catch (error) { /* Without storage the choices are those of the first visit. */ }
  if (!data.kinds.some((kind) => kind.key === state.kind)) state.kind = data.kinds[0].key;
  const remember = () => {
    try { sessionStorage.setItem(KEY, JSON.stringify(state)); } catch (error) { /* See above. */ }
  };

  const fill = (id, options) => {
    const select = byId(id);
    for (const [value, text] of options) select.add(new Option(text, value));
    select.value = state[id];
    select.addEventListener("change", () => {
      state[id] = select.value;
      remember();
      drawAll();
    });
  };

  const layout = (title, left, extra) => ({
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: colour("--ink"), family: "system-ui, sans-serif", size: 13 },
    margin: { l: 55, r: 10, t: 10, b: 50 },
    hovermode: "closest",
    legend: { orientation: "h", y: -0.22, groupclick: "togglegroup", itemdoubleclick: false },
    xaxis: { title: { text: title }, gridcolor: colour("--line"), zeroline: false, ...extra },
    yaxis: { title: { text: left }, gridcolor: colour("--line"), zerolinecolor: colour("--soft") },
  });
  const config = { responsive: true, displayModeBar: false };
  const layers = {
    tickvals: data.layers.map((layer) => layer.n),
    ticktext: data.layers.map((layer) => layer.text),
    range: [-0.45, data.layers[data.layers.length - 1].n + 0.45],
  };
  const overLayers = (left) => {
    const made = layout("number of " + data.unit + " copied, n", left, layers);
    if (data.unit === "stages") {
      // Their names may be long and many: they are set steep, with the legend above.
      Object.assign(made.xaxis, { tickangle: -60, automargin: true, tickfont: { size: 11 } });
      Object.assign(made.legend, { y: 1.02, yanchor: "bottom" });
      made.margin.t = 60;
    }
    return made;
  };

  const hover = (network, measure) => {
    const lines = [network.id, "top-1 " + percent(network.value[measure])];
    if (network.difference[measure] !== null)
      lines.push(points(network.difference[measure]) + " points to its base");
    lines.push("split " + network.split + ", seed " + network.seed);
    // Names come from outside: no markup of theirs may be obeyed.
    return lines.map((line) => line.replace(/&/g, "&amp;").replace(/</g, "&lt;")).join("<br>");
  };

  const traces = (curves, relative) => {
    const found = [];
    for (const curve of curves) {
      const look = data.looks[curve.look];
      const paint = look.colour === "base" ? colour("--base") : look.colour;
      const value = (network) =>
        relative ? network.difference[state.measure] : 100 * network.value[state.measure];
      const networks = curve.networks.filter((network) => value(network) !== null);
      if (!networks.length) continue;
      const shared = { legendgroup: curve.name, visible: state.hidden.includes(curve.name) ? "legendonly" : true };
      found.push({
        ...shared,
        x: networks.map((network) => network.n + look.offset),
        y: networks.map(value),
        text: networks.map((network) => hover(network, state.measure)),
        customdata: networks.map((network) => network.id),
        hovertemplate: "%{text}<extra></extra>",
        mode: "markers",
        showlegend: false,
        name: curve.name,
        marker: {
          color: paint, size: 7, opacity: 0.55,
          symbol: look.symbol + (look.filled ? "" : "-open"), line: { color: paint, width: 1.5 },
        },
      });
      const means = relative ? curve.relative[state.measure] : curve.absolute[state.measure];
      const isGap = (place) => place > 0 && means[place].n > means[place - 1].n + 1;
      // Without a mean, a line is broken.
      const broken = means.flatMap((mean, place) => (isGap(place) ? [null, mean] : [mean]));
      const gaps = means.flatMap((mean, place) => (isGap(place) ? [means[place - 1], mean, null] : []));
      const places = (chosen) => ({
        x: chosen.map((mean) => mean && mean.n + look.offset),
        y: chosen.map((mean) => mean && mean.mean),
      });
      if (gaps.length)
        found.push({
          ...shared, ...places(gaps), mode: "lines", hoverinfo: "skip", showlegend: false, name: curve.name,
          line: { color: paint, width: 1.5, dash: "dot" },
        });
      found.push({
        ...shared,
        ...places(broken),
        error_y: {
          type: "data", symmetric: false, thickness: 1.5, width: 3, color: paint,
          array: broken.map((mean) => (mean && mean.high !== null ? mean.high - mean.mean : 0)),
          arrayminus: broken.map((mean) => (mean && mean.low !== null ? mean.mean - mean.low : 0)),
        },
        hovertemplate: broken.map((mean) => !mean ? "" :
          (relative ? points(mean.mean) + " points" : mean.mean.toFixed(1) + "%") + ", mean of " + mean.count +
          (mean.low === null ? "" : "<br>95% " + points(mean.low) + " to " + points(mean.high)) + "<extra></extra>"),
        mode: "lines+markers",
        name: curve.legend,
        line: { color: paint, width: 2 },
        marker: { color: paint, size: 4 },
      });
    }
    return found;
  };

  const draw = (id, curves, relative) => {
    const place = byId(id);
    if (data.unit === "stages") place.style.height = "600px";
    const left = relative ? "percentage points to the base" : "top-1, per cent";
    Plotly.react(place, traces(curves, relative), overLayers(left), config);
    if (place.dataset.ready) return;
    place.dataset.ready = "yes";
    place.on("plotly_legendclick", (event) => {
      const group = event.data[event.curveNumber].legendgroup;
      state.hidden = state.hidden.includes(group)
        ? state.hidden.filter((name) => name !== group)
        : [...state.hidden, group];
      remember();
    });
    place.on("plotly_click", (event) => {
      const id = event.points[0].customdata;
      if (!id) return;
      state.run = id;
      remember();
      showRuns(id);
      byId("runs").scrollIntoView({ behavior: "smooth", block: "nearest" });
    });
  };

  const showRuns = (id) => {
    const all = data.kinds.flatMap((kind) => kind.curves).concat(data.distant);
    const curve = all.find((each) => each.networks.some((network) => network.id === id));
    if (!curve) return;
    const n = curve.networks.find((network) => network.id === id).n;
    const networks = curve.networks.filter((network) => network.n === n);
    byId("runs").hidden = false;
    byId("runs-title").textContent = curve.name + (n ? ", n = " + n : "") + ": training of " + networks.length + " network(s)";
    const lines = networks.map((network) => ({
      x: network.history.map((entry) => entry[0]),
      y: network.history.map((entry) => 100 * entry[1]),
      name: network.id,
      mode: "lines+markers",
      hovertemplate: "step %{x}: %{y:.1f}%<extra>" + network.id.replace(/</g, "&lt;") + "</extra>",
    }));
    Plotly.react(byId("curve"), lines, layout("step", "top-1 on validation images, per cent", {}), config);
    byId("runs-list").replaceChildren(...networks.map((network) => {
      const item = document.createElement("li");
      item.textContent = network.id + ": " + percent(network.value[state.measure]) + ", training loss at the end " +
        (network.loss === null ? "not known" : network.loss.toFixed(3)) + " ";
      if (network.exported) {
        const link = document.createElement("a");
        link.href = network.exported;
        link.textContent = "SavedModel";
        item.append(link);
      }
      return item;
    }));
  };

  const drawAll = () => {
    const kind = data.kinds.find((each) => each.key === state.kind);
    draw("figure2", kind.curves, state.view === "relative");
    if (byId("figure3")) draw("figure3", data.distant, true);
  };

  fill("kind", data.kinds.map((kind) => [kind.key, kind.name]));
  fill("measure", Object.entries(data.measures));
  const view = byId("view");
  view.value = state.view;
  view.addEventListener("change", () => { state.view = view.value; remember(); drawAll(); });
  const started = performance.now();
  drawAll();
  if (state.run) showRuns(state.run);
  document.documentElement.dataset.drawn = Math.round(performance.now() - started);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
})();
