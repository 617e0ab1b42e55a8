"use strict";
/* The demo's column. It reads what the page is told twice a second and presses three buttons. */

(() => {
  const { h, post } = TOCSIN;
  const SVG = "http://www.w3.org/2000/svg";
  const aside = document.getElementById("aside");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let now = null, gone = false, rung = 0, drawn = "", seen = 0;

  const BREAKS = [["errors", "errors"], ["slow", "slow answers"]];
  const STORY = [
    "Break the shop. Its customers are real requests, and so is the trouble.",
    "The rule needs a moment to see it. The incident will stand in the channel by itself.",
    "Nobody has answered. Kill Tocsin now, in the middle of its escalation; the phone must ring all the same.",
    "Take the incident: type /ack and its number in the channel, or press Acknowledge.",
    "Somebody has it. Mend the shop; the incident resolves itself.",
    "Waiting until the measurements are good again.",
    "It is over. The receipt below has every moment; ask the channel for /report alerts.",
  ];

  /* ---- the frame, drawn once ---- */

  const parts = {};
  const part = (name, node) => (parts[name] = node);
  const figure = (name, title) => part(name, h("div", { class: "figure" },
    h("div", { class: "name" }, title), h("div", { class: "value" }, "–"), spark()));
  const ways = BREAKS.map(([mood, label], i) => h("label", {}, h("input", { type: "radio", name: "way", value: mood, checked: i === 0 }), label));
  const chosen = () => ways.map((way) => way.querySelector("input")).find((input) => input.checked).value;

  aside.append(
    h("section", { class: "story", "aria-live": "polite" }, part("dots", h("div", { class: "dots", "aria-hidden": "true" })), part("story", h("p", { class: "now" }))),
    h("section", { "aria-label": "The shop" },
      h("h2", {}, "The shop", part("mood", h("span", { class: "tag" }))),
      h("div", { class: "figures" }, figure("visits", "Requests/s"), figure("errors", "Errors"), figure("slow", "p95")),
      h("fieldset", { class: "ways" }, h("legend", { class: "unseen" }, "How to break it"), h("span", {}, "Break it with"), ...ways),
      h("div", { class: "row" },
        part("break", h("button", { type: "button", class: "button", on: { click: () => act(`/demo/shop/${chosen()}`) } }, "Break the shop")),
        part("mend", h("button", { type: "button", class: "button", on: { click: () => act("/demo/shop/well") } }, "Mend the shop"))),
      part("fault", h("p", { class: "small", role: "alert", hidden: true }))),
    h("section", { "aria-label": "Clocks" }, h("div", { class: "clocks" },
      h("div", { class: "clock" }, part("broke", h("div", { class: "value idle" }, "–")), h("div", { class: "name" }, "since the break")),
      h("div", { class: "clock" }, part("crossed", h("div", { class: "value idle" }, "–")), part("crossed-name", h("div", { class: "name" }, "from crossing the limit to standing in the channel"))))),
    h("section", { "aria-label": "Engine" },
      h("h2", {}, "The engine", part("engine", h("span", { class: "tag" }))),
      h("div", { class: "row middle" },
        part("kill", h("button", { type: "button", class: "button kill", on: { click: () => act("/demo/kill") } }, "Kill Tocsin")),
        part("kills", h("p", { class: "small" })))),
    h("section", { "aria-label": "Simulated phone" },
      h("h2", {}, "Phone", h("span", { class: "tag" }, "simulated")),
      part("phone", h("div", { class: "phone" }, part("screen", h("div", { class: "screen", tabindex: "0" })))),
      part("copies", h("p", { class: "small copies" }))),
    part("receipt", h("section", { class: "receipt", hidden: true, "aria-label": "Receipt" },
      part("receipt-title", h("h2", {}, "Receipt")), part("chart", h("img", { alt: "The outage, with the receipt's moments marked", hidden: true })),
      part("lines", h("table", {})))),
  );

  function spark() {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 100 30");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    for (const name of ["limit", "curve"]) {
      const shape = document.createElementNS(SVG, name === "limit" ? "line" : "path");
      shape.setAttribute("class", name);
      svg.append(shape);
    }
    return svg;
  }

  async function act(path) {
    parts.fault.hidden = true;
    try {
      await post(path);
    } catch (error) {
      if (path === "/demo/kill") return; // it may well die before it has answered
      parts.fault.textContent = error instanceof TypeError ? "Tocsin cannot be reached now; it will be back in a moment." : error.message;
      parts.fault.hidden = false;
    }
  }

  /* ---- figures ---- */

  const WRITE = {
    visits: (v) => v.toFixed(0),
    errors: (v) => `${(v * 100).toFixed(v < 0.1 && v > 0 ? 1 : 0)}%`,
    slow: (v) => (v < 1 ? `${(v * 1000).toFixed(0)} ms` : `${v.toFixed(2)} s`),
  };

  function drawFigure(name, values, limit) {
    const node = parts[name];
    const last = [...values].reverse().find((value) => value !== null);
    node.querySelector(".value").textContent = last === undefined ? "–" : WRITE[name](last);
    node.classList.toggle("over", limit !== undefined && last > limit);
    const top = Math.max((limit || 0) * 1.6, ...values.filter((v) => v !== null), 1e-9) * 1.05;
    const x = (i) => (i / (values.length - 1)) * 100;
    let path = "", pen = "M";
    values.forEach((value, i) => {
      if (value === null) pen = "M";
      else { path += `${pen}${x(i).toFixed(2)},${(29 - (value / top) * 28).toFixed(2)}`; pen = "L"; }
    });
    node.querySelector(".curve").setAttribute("d", path);
    const line = node.querySelector(".limit");
    const y = limit === undefined ? -99 : 29 - (limit / top) * 28;
    for (const [key, value] of Object.entries({ x1: 0, x2: 100, y1: y, y2: y })) line.setAttribute(key, value);
  }

  /* ---- the story: where are we? ---- */

  function chapter() {
    const { shop, incident } = now;
    const broken = shop.mood && shop.mood !== "well";
    const here = incident && (!shop.broke_at || incident.opened_at >= shop.broke_at - 1) ? incident : null;
    if (here && here.status === "resolved" && !broken) return 6;
    if (!broken) return here && here.status !== "resolved" ? 5 : 0;
    if (!here || here.status === "resolved") return 1;
    if (here.status !== "triggered") return 4;
    return now.phone.some((sms) => sms.at > here.opened_at) || now.engine.last_gap !== null && now.receipt.some((line) => line.what === "engine killed") ? 3 : 2;
  }

  function drawStory() {
    const at = chapter();
    parts.story.textContent = gone ? "The engine is gone. Its supervisor starts it again; nothing that was decided is lost." : STORY[at];
    parts.dots.replaceChildren(...STORY.map((_, i) => h("i", { class: i < at || at === 6 ? "done" : i === at ? "current" : "" })));
    parts.break.classList.toggle("next", at === 0 || at === 6);
    parts.kill.classList.toggle("next", at === 2 && !gone);
    parts.mend.classList.toggle("next", at === 4);
  }

  function drawShop() {
    const mood = now.shop.mood;
    const words = { well: "works", errors: "answers with errors", slow: "answers slowly" };
    parts.mood.textContent = words[mood] || "does not answer";
    parts.mood.className = `tag ${mood === "well" ? "well" : "bad"}`;
    parts.break.disabled = gone || mood !== "well";
    parts.mend.disabled = gone || mood === "well";
    const { history, limits } = now.shop;
    if (history) for (const name of ["visits", "errors", "slow"]) drawFigure(name, history[name], limits[name]);
  }

  function drawEngine() {
    parts.kill.disabled = gone;
    parts.engine.textContent = gone ? "gone" : "runs";
    parts.engine.className = `tag ${gone ? "bad" : "well"}`;
    const { kills, last_gap } = now.engine;
    const gap = last_gap === null ? "" : ` Back after ${last_gap.toFixed(1)} s.`;
    parts.kills.textContent = kills ? `Killed ${kills === 1 ? "once" : `${kills} times`}.${gap}` : "By SIGKILL: no goodbye.";
  }

  function drawPhone() {
    const time = (at) => new Date(at * 1000).toLocaleTimeString([], { hour12: false });
    if (now.phone.length !== seen || !parts.screen.childElementCount) {
      parts.screen.replaceChildren(...(now.phone.length
        ? now.phone.map((sms) => h("div", { class: "sms" }, h("time", {}, time(sms.at), sms.copy ? h("span", { class: "extra" }, ` extra copy ${sms.copy}`) : null), sms.text))
        : [h("p", { class: "quiet" }, "No SMS yet. Warnings never ring here.")]));
      parts.screen.scrollTop = parts.screen.scrollHeight;
      seen = now.phone.length;
    }
    if (now.phone.length > rung) {
      parts.phone.classList.remove("rings");
      void parts.phone.offsetWidth;
      parts.phone.classList.add("rings");
    }
    rung = now.phone.length;
    parts.copies.textContent = `SMS: ${now.phone.length}. Extra copies: ${now.copies}.`;
  }

  /* ---- the receipt ---- */

  const span = (seconds) => (seconds === null ? "" : seconds < 10 ? `${Math.round(seconds * 1000).toLocaleString("en")} ms` : `${seconds.toFixed(1)} s`);

  function drawReceipt() {
    const { receipt, incident } = now;
    parts.receipt.hidden = !receipt.length;
    if (!receipt.length) return;
    parts["receipt-title"].textContent = `Receipt of #${incident.number}`;
    parts.lines.replaceChildren(
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Moment"), h("th", { scope: "col" }, "took"), h("th", { scope: "col" }, "since break"))),
      h("tbody", {}, ...receipt.map((line, i) => h("tr", {},
        h("td", {}, h("span", { class: "no" }, String(i + 1)), line.what), h("td", {}, span(line.since_before)), h("td", {}, span(line.since_break))))));
    const over = receipt.some((line) => line.what === "resolved");
    const key = `${incident.number} ${receipt.length} ${over} ${dark.matches}`;
    if (over && key !== drawn) {
      drawn = key;
      const load = () => { parts.chart.src = `/demo/outage.svg?theme=${dark.matches ? "dark" : "light"}&of=${encodeURIComponent(key)}&at=${Date.now()}`; };
      parts.chart.hidden = false;
      load();
      setTimeout(load, 7000); // by then the curve has come down again
    }
    if (!over) { parts.chart.hidden = true; drawn = ""; }
  }

  /* ---- clocks ---- */

  const seconds = (value) => `${value.toFixed(1)} s`;

  function drawClocks() {
    if (!now) return;
    const { shop } = now;
    const broken = shop.mood && shop.mood !== "well";
    const started = shop.broke_at || 0;
    const ended = broken ? Date.now() / 1000 : shop.mended_at || 0;
    parts.broke.textContent = started ? seconds(Math.max(0, ended - started)) : "–";
    parts.broke.classList.toggle("idle", !started);
    const ours = now.incident && now.incident.opened_at >= started - 1;
    const took = ours ? now.crossing_to_shown : null;
    parts.crossed.textContent = took === null ? "–" : took < 1 ? `${Math.round(took * 1000)} ms` : `${took.toFixed(2)} s`;
    parts.crossed.className = `value ${took === null ? "idle" : took < 1 ? "good" : ""}`;
  }

  function draw() {
    if (!now) return;
    drawStory(); drawShop(); drawEngine(); drawPhone(); drawReceipt(); drawClocks();
  }

  document.addEventListener("tocsin:demo", (event) => { now = event.detail; gone = false; draw(); });
  document.addEventListener("tocsin:gone", () => { gone = true; draw(); });
  dark.addEventListener("change", draw);
  setInterval(drawClocks, 100);
})();
