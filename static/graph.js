// Comfort for the drawing: light a column's path, expand in place, drag, zoom. The address holds every state.
(() => {
  "use strict";
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const svg = () => $("svg.lineage");
  const scroll = () => $(".graph-scroll");
  let zoom = 1;
  let selected = null;

  // Every column that data reaches the chosen one from, or reaches from it.
  const pathOf = (start) => {
    const ups = new Map();
    const downs = new Map();
    const add = (map, key, edge) => (map.get(key) || map.set(key, []).get(key)).push(edge);
    for (const edge of $$(".edge", svg())) {
      add(ups, edge.dataset.b, edge);
      add(downs, edge.dataset.a, edge);
    }
    const ports = new Set([start]);
    const edges = new Set();
    for (const [map, end] of [[ups, "a"], [downs, "b"]]) {
      const seen = new Set([start]);
      const queue = [start];
      while (queue.length) {
        for (const edge of map.get(queue.shift()) || []) {
          edges.add(edge);
          const next = edge.dataset[end];
          ports.add(next);
          if (!seen.has(next)) { seen.add(next); queue.push(next); }
        }
      }
    }
    return { ports, edges };
  };
  const light = (start) => {
    const { ports, edges } = pathOf(start);
    const drawing = svg();
    drawing.classList.add("tracing");
    $$(".edge", drawing).forEach((edge) => edge.classList.toggle("lit", edges.has(edge)));
    $$(".col", drawing).forEach((column) => {
      column.classList.toggle("lit", ports.has(column.id));
      column.classList.toggle("chosen", column.id === start);
    });
    $$(".node", drawing).forEach((node) => node.classList.toggle("lit", ports.has(node.id) || !!$(".col.lit", node)));
    selected = start;
  };
  const leave = () => {
    const drawing = svg();
    if (!drawing) return;
    drawing.classList.remove("tracing");
    $$(".lit, .chosen", drawing).forEach((one) => one.classList.remove("lit", "chosen"));
    selected = null;
    const url = new URL(location.href);
    if (url.searchParams.has("column")) {
      url.searchParams.delete("column");
      if (url.searchParams.get("columns") === "path") url.searchParams.delete("columns");
      history.replaceState(history.state, "", url);
      const pick = $("#lineage select[name=column]");
      if (pick) pick.value = "";
      $$("#lineage [data-leave]").forEach((link) => link.parentElement.remove());
    }
  };
  const focusColumn = (column) => {
    light(column.id);
    if (!column.closest(".node").classList.contains("focus")) return;
    const url = new URL(location.href);
    url.searchParams.set("column", column.dataset.column);
    if (!url.searchParams.has("columns")) url.searchParams.set("columns", "all");
    history.replaceState(history.state, "", url);
    const pick = $("#lineage select[name=column]");
    if (pick) pick.value = column.dataset.column;
  };

  // Zoom: the drawing's own size, so that the scrollbars stay true.
  const setZoom = (next) => {
    const drawing = svg();
    const box = scroll();
    if (!drawing || !box) return;
    const [, , width, height] = drawing.getAttribute("viewBox").split(" ").map(Number);
    const middle = { x: (box.scrollLeft + box.clientWidth / 2) / zoom, y: (box.scrollTop + box.clientHeight / 2) / zoom };
    zoom = Math.max(0.15, Math.min(3, next));
    drawing.setAttribute("width", String(Math.round(width * zoom)));
    drawing.setAttribute("height", String(Math.round(height * zoom)));
    box.scrollLeft = middle.x * zoom - box.clientWidth / 2;
    box.scrollTop = middle.y * zoom - box.clientHeight / 2;
  };
  const fit = () => {
    const [, , width, height] = svg().getAttribute("viewBox").split(" ").map(Number);
    const box = scroll();
    setZoom(Math.min(1, (box.clientWidth - 4) / width, (box.clientHeight - 4) / height));
  };
  const zooms = { in: () => setZoom(zoom * 1.25), out: () => setZoom(zoom / 1.25), fit };

  // Swapping in place, with the node that was asked about staying where it is.
  const swap = (url, anchor) => {
    const name = anchor && anchor.dataset.name;
    const before = anchor && anchor.getBoundingClientRect();
    const pageTop = scrollY;
    htmx.ajax("GET", url, { target: "#lineage", swap: "outerHTML show:none" }).then(() => {
      history.pushState({}, "", url);
      if (!name || !svg()) return;
      const after = $$(".node", svg()).find((node) => node.dataset.name === name);
      if (!after) return;
      const now = after.getBoundingClientRect();
      scroll().scrollLeft += now.left - before.left;
      scroll().scrollTop += now.top - before.top;
      scrollTo(scrollX, pageTop);
    });
  };

  const centre = () => {
    const box = scroll();
    const node = svg() && $(".node.focus", svg());
    if (!box || !node) return;
    const frame = $(".box", node);
    box.scrollLeft = (Number(frame.getAttribute("x")) + Number(frame.getAttribute("width")) / 2) * zoom - box.clientWidth / 2;
    box.scrollTop = Number(frame.getAttribute("y")) * zoom - Math.min(60, box.clientHeight / 3);
  };
  // A drawing that is a little too wide is shown whole; one whose names could not be read then is not.
  const LEAST_READABLE = 0.7;
  const settle = () => {
    const box = scroll();
    if (!box || !svg()) return;
    const width = Number(svg().getAttribute("viewBox").split(" ")[2]);
    const whole = (box.clientWidth - 4) / width;
    if (whole < 1 && whole >= LEAST_READABLE) setZoom(whole);
    centre();
  };
  let folded = false;
  const prepare = () => {
    zoom = 1;
    const drop = $("#lineage .drop");
    if (drop && folded) drop.open = true;
    folded = false;
    $$(".graph-zoom").forEach((box) => { box.hidden = false; });
    const chosen = svg() && $(".col.chosen", svg());
    if (chosen) light(chosen.id);
  };

  let drag = null;
  document.addEventListener("click", (event) => {
    if (drag && drag.moved) { event.preventDefault(); drag = null; return; }
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    const button = event.target.closest("[data-zoom]");
    if (button) return zooms[button.dataset.zoom]();
    const leaving = event.target.closest("[data-leave]");
    if (leaving && svg()) { event.preventDefault(); return leave(); }
    const expand = event.target.closest(".lineage .expand");
    if (expand) { event.preventDefault(); return swap(expand.getAttribute("href"), expand.closest(".node")); }
    const choices = event.target.closest(".lineage .choices");
    if (choices) { event.preventDefault(); return swap(choices.getAttribute("href"), choices.closest(".node")); }
    const staying = event.target.closest(".node-panel [data-stay]");
    if (staying && svg()) { event.preventDefault(); event.stopPropagation(); return swap(staying.getAttribute("href"), $(".node.at", svg())); }
    const column = event.target.closest(".lineage .col");
    if (column) { event.preventDefault(); return focusColumn(column); }
  });
  document.addEventListener("pointerdown", (event) => {
    const box = event.target.closest(".graph-scroll");
    drag = null;
    if (!box || event.button || event.pointerType === "touch" || event.target.closest("a")) return;
    drag = { box, x: event.clientX, y: event.clientY, left: box.scrollLeft, top: box.scrollTop, moved: false };
  });
  document.addEventListener("pointermove", (event) => {
    if (!drag || !event.buttons) return;
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    if (!drag.moved && Math.hypot(dx, dy) < 4) return;
    drag.moved = true;
    drag.box.classList.add("dragging");
    drag.box.scrollLeft = drag.left - dx;
    drag.box.scrollTop = drag.top - dy;
  });
  document.addEventListener("pointerup", () => { if (drag) drag.box.classList.remove("dragging"); });

  const deeper = (step) => {
    const part = $("#lineage");
    const url = new URL(location.href);
    for (const way of ["up", "down"]) {
      url.searchParams.set(way, String(Math.max(0, Math.min(50, Number(part.dataset[way]) + step))));
    }
    swap(url.pathname + url.search, svg() && $(".node.focus", svg()));
  };
  const pan = { ArrowLeft: [-60, 0], ArrowRight: [60, 0], ArrowUp: [0, -60], ArrowDown: [0, 60] };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]")) return;
    if (event.target.closest("input, textarea, select")) return;
    const key = event.key;
    const done = () => event.preventDefault();
    const drop = $("#lineage .drop[open]");
    if (key === "Escape" && drop) { done(); drop.open = false; return $("summary", drop).focus(); }
    if (key === "[") { done(); return deeper(-1); }
    if (key === "]") { done(); return deeper(1); }
    if (!svg()) return;
    const focused = document.activeElement && document.activeElement.closest(".lineage .col");
    if (key === "Escape") { if (selected) { done(); leave(); } }
    else if (key === "+" || key === "=") { done(); zooms.in(); }
    else if (key === "-") { done(); zooms.out(); }
    else if (key === "0") { done(); fit(); }
    else if (key === "p") {
      const column = focused || $(".node.focus .col", svg());
      if (column) { done(); focusColumn(column); }
    } else if (key === "x") {
      const node = (document.activeElement && document.activeElement.closest(".lineage .node")) || $(".node.focus", svg());
      const button = node && $(".expand", node);
      if (button) { done(); swap(button.getAttribute("href"), node); }
    } else if (key in pan && !event.target.closest(".tools")) {
      done();
      scroll().scrollBy(pan[key][0], pan[key][1]);
    }
  });
  addEventListener("popstate", () => location.reload());
  // What is folded out stays so, until somebody looks elsewhere.
  document.addEventListener("click", (event) => {
    const drop = $("#lineage .drop[open]");
    if (drop && !drop.contains(event.target)) drop.open = false;
  });
  document.addEventListener("htmx:beforeSwap", (event) => { if (event.target.id === "lineage") folded = !!$("#lineage .drop[open]"); });
  document.addEventListener("htmx:afterSwap", (event) => { if (event.target.id === "lineage") prepare(); });
  document.addEventListener("htmx:afterSettle", (event) => { if (event.target.id === "lineage") prepare(); });
  prepare();
  settle();
})();
