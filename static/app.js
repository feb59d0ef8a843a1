// Comfort for every page: keyboard, suggestions, copying, light and dark. Nothing here is needed to read a page.
(() => {
  "use strict";
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const body = document.body;
  // The path that the catalog stands below, "" at the root.
  const root = $("a.brand").getAttribute("href").replace(/\/$/, "");

  // Copying
  let toastTimer = 0;
  const toast = (text) => {
    const box = $("#toast");
    box.textContent = text;
    box.hidden = false;
    clearTimeout(toastTimer);
    toastTimer = setTimeout(() => { box.hidden = true; }, 1800);
  };
  const copy = async (text, said) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      area.className = "sr";
      body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    toast(said);
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy], [data-copy-from], [data-copy-url]");
    if (!button) return;
    if (button.dataset.copy !== undefined) return copy(button.dataset.copy, "Copied");
    if (button.dataset.copyFrom) {
      const cells = $$("tr:not(.note) > td:nth-child(2)", document.getElementById(button.dataset.copyFrom));
      return copy(cells.map((cell) => cell.textContent).join("\n"), "SQL copied");
    }
    event.preventDefault();
    const answer = await fetch(button.dataset.copyUrl);
    if (answer.ok) copy(await answer.text(), "Copied as Markdown");
  });

  // Light and dark
  for (const form of $$("[data-theme-switch]")) {
    form.addEventListener("submit", (event) => {
      const theme = event.submitter && event.submitter.value;
      if (!theme) return;
      event.preventDefault();
      document.documentElement.dataset.theme = theme;
      document.cookie = `theme=${theme}; Path=${root}/; Max-Age=31536000; SameSite=Lax`;
    });
  }

  // An address is for keeping: where the reader came from is no part of it
  const here = new URL(location.href);
  if (here.searchParams.has("from") || here.searchParams.has("typed")) {
    here.searchParams.delete("from");
    here.searchParams.delete("typed");
    history.replaceState(history.state, "", here);
  }

  // Forms that send themselves
  for (const form of $$("form[data-auto]")) {
    $$("[data-needless]", form).forEach((button) => { button.hidden = true; });
  }
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-auto]");
    if (form) form.requestSubmit();
  });
  document.addEventListener("htmx:load", (event) => {
    $$("form[data-auto] [data-needless]", event.target).forEach((button) => { button.hidden = true; });
  });

  // Facets are folded on small screens
  if (matchMedia("(max-width: 760px)").matches) {
    $$(".facets-toggle").forEach((fold) => { fold.open = false; });
  }

  // Suggestions
  const startsLikeSql = /^(\s|\(|--.*\n|\/\*[^]*?\*\/)*(select|with|insert|merge|update|delete|create|declare)\s/i;
  for (const input of $$("[data-find]")) {
    const list = input.closest("form").querySelector('[role="listbox"]');
    const options = () => $$('[role="option"]', list);
    const chosen = () => $('[aria-selected="true"]', list);
    const choose = (option) => {
      options().forEach((one) => one.removeAttribute("aria-selected"));
      if (!option) return input.removeAttribute("aria-activedescendant");
      option.setAttribute("aria-selected", "true");
      input.setAttribute("aria-activedescendant", option.id);
    };
    const close = () => {
      list.replaceChildren();
      input.setAttribute("aria-expanded", "false");
      choose(null);
    };
    list.addEventListener("htmx:afterSwap", () => {
      if (document.activeElement !== input) return close();
      input.setAttribute("aria-expanded", String(options().length > 0));
    });
    input.addEventListener("keydown", (event) => {
      const all = options();
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        if (!all.length) return;
        event.preventDefault();
        const step = event.key === "ArrowDown" ? 1 : -1;
        const at = all.indexOf(chosen());
        choose(all[(at + step + all.length + (at < 0 && step < 0 ? 1 : 0)) % all.length]);
      } else if (event.key === "Enter" && chosen()) {
        event.preventDefault();
        location.assign(chosen().href);
      } else if (event.key === "Escape") {
        if (all.length) { event.stopPropagation(); close(); } else input.blur();
      }
    });
    // A line break would be lost in here, and with it the end of a comment.
    input.addEventListener("paste", (event) => {
      const text = event.clipboardData.getData("text");
      if (!text.trim().includes("\n") || !startsLikeSql.test(text)) return;
      event.preventDefault();
      const url = `${root}/query?sql=${encodeURIComponent(text)}`;
      if (url.length > 60000) toast("Too long for an address: wellspring lineage FILE"); else location.assign(url);
    });
    input.addEventListener("blur", () => setTimeout(() => { if (!list.contains(document.activeElement)) close(); }, 150));
    input.closest("form").addEventListener("submit", close);
  }

  // Keyboard
  const items = () => $$("[data-item]").filter((item) => item.offsetParent !== null);
  const move = (step) => {
    const all = items();
    if (!all.length) return;
    const at = all.findIndex((item) => item.hasAttribute("data-current"));
    all.forEach((item) => item.removeAttribute("data-current"));
    const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step))];
    next.setAttribute("data-current", "");
    const link = $("a[href]", next);
    if (link) link.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  };
  const asset = body.dataset.asset;
  const column = body.dataset.column;
  const leaps = { h: "/", o: "/owners", d: "/deprecations", r: "/runs", s: "/search" };
  const views = { o: "", c: "/columns", l: "/lineage", i: "/impact", s: "/sql", h: "/history" };
  let awaitsLeap = false;
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (typing) return;
    if ($("dialog[open]")) return;
    const key = event.key;
    const go = (url) => { event.preventDefault(); location.assign(url); };
    if (awaitsLeap) {
      awaitsLeap = false;
      if (leaps[key]) return go(root + leaps[key]);
    }
    if (key === "g") { awaitsLeap = true; setTimeout(() => { awaitsLeap = false; }, 1200); return; }
    if (key === "/") {
      event.preventDefault();
      const input = $("main [data-find]") || $("[data-find]");
      input.focus();
      input.select();
    } else if (key === "?") { event.preventDefault(); $("#keys").showModal(); }
    else if (key === "j") move(1);
    else if (key === "k") move(-1);
    else if (key === "y") copy(location.href, "Link copied");
    else if (key === "e" && column) go(`${column}/explain`);
    else if (key === "e" && asset) go(`${asset}/columns`);
    else if (asset && key in views) {
      const keeps = column && (key === "l" || key === "i") ? `?column=${column.slice(column.lastIndexOf("/") + 1)}` : "";
      go(asset + views[key] + keeps);
    }
  });

  // The first page's search box has the focus, unless the reader is going somewhere else.
  const hero = $("main [data-find]");
  if (hero && !location.hash && matchMedia("(pointer: fine)").matches) hero.focus({ preventScroll: true });
})();
