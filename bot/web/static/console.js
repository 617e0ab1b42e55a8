"use strict";
/* The console page. Everything that comes from the server is put in as text, never as markup. */

const TOCSIN = (() => {
  const RETRY_MS = 250, GLIDE_MS = 800; // as long as it may take to glide to the end of the feed
  const CLOSED = new Set(["resolved"]);
  const SEVERITIES = ["critical", "warning", "informational", "predictive"];
  const QUIET = "All quiet. Incidents arrive here by themselves, the moment a rule fires.";
  const csrf = document.querySelector('meta[name="csrf"]').content;
  const at = (id) => document.getElementById(id);
  const cards = new Map(); // "room\nnumber" -> {card, node}
  const typed = []; // what was typed, newest last
  const you = document.querySelector('meta[name="you"]').content;
  const rooms = JSON.parse(document.querySelector('meta[name="rooms"]').content);
  let room = rooms[0] || null, back = 0, gone = null, source = null, recall = 0, gliding = 0;

  /* Build an element: h("p", {class: "x"}, "text", child) */
  function h(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "on") for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
      else if (value === true) node.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return node;
  }

  const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });
  const isOpen = (card) => !CLOSED.has(card.status);
  const webLink = (text) => /^https?:\/\/[^\s"'<>]+$/.test(text);

  async function post(path, body) {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Tocsin-Csrf": csrf },
      body: JSON.stringify(body || {}),
    });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(said.error || `the server answered ${answer.status}`);
    return said;
  }

  /* ---- cards ---- */

  function drawCard(card) {
    const [number, ...words] = card.title.split(" ");
    const asks = card.asked.length
      ? h("p", { class: "asks" }, "Asks ", ...card.asked.flatMap((who, i) => [i ? ", " : "", h("b", {}, `@${who}`)]).filter(Boolean), " to answer.")
      : null;
    const node = h("article", {
      class: `card ${card.severity}${isOpen(card) ? " is-open" : ""}`,
      "aria-label": card.title, "data-incident": card.incident, "data-status": card.status,
    },
      h("div", { class: "card-head" },
        h("span", { class: "sev" }, card.severity),
        h("h3", {}, `${number} ${words.join(" ")}`),
        h("span", { class: `state ${card.status}` }, card.status)),
      h("div", { class: "card-body" },
        card.summary ? h("p", { class: "summary" }, card.summary) : null,
        asks, drawFacts(card), drawActions(card), drawThread(card), drawQuestions(card)));
    return node;
  }

  function drawFacts(card) {
    const shown = card.facts.filter(([name]) => name !== "Severity");
    return h("dl", { class: "facts" }, ...shown.flatMap(([name, value]) => [
      h("dt", {}, name),
      h("dd", {}, webLink(value) ? h("a", { href: value, rel: "noreferrer noopener", target: "_blank" }, value) : value,
        name === "Alerts" ? h("a", { class: "all-alerts", href: `/incidents/${card.incident}/alerts` }, "All of them") : null),
    ]));
  }

  function drawActions(card) {
    if (!card.actions.length) return null;
    return h("div", { class: "actions" }, ...card.actions.map((action, i) =>
      h("button", {
        type: "button", "data-verb": action.verb.split(" ")[0],
        class: `button${i === 0 && isOpen(card) ? " first" : ""}${action.danger ? " danger" : ""}`,
        on: { click: (event) => press(event.currentTarget, action.verb, card.incident) },
      }, action.label)));
  }

  function drawThread(card) {
    if (!card.lines.length) return null;
    const count = card.lines.length;
    return h("details", { class: "thread", open: isOpen(card) },
      h("summary", {}, count === 1 ? "1 line of history" : `${count} lines of history`),
      h("ol", {}, ...card.lines.map((line) => h("li", {}, h("time", {}, clock(line.at)), h("span", {}, line.text)))));
  }

  /* Why it was told as it was, and what will be sent: said as commands, answered below. */
  function drawQuestions(card) {
    const ask = (verb, label, whole) => h("button", {
      type: "button", class: "why", "data-verb": verb, "aria-label": whole,
      on: { click: (event) => press(event.currentTarget, verb, card.incident) },
    }, label);
    return h("div", { class: "questions" },
      ask("why", "Why?", `Why was #${card.incident} told as it was?`),
      isOpen(card) ? ask("next", "What next?", `What will be sent next about #${card.incident}?`) : null);
  }

  function showCard(card) {
    const key = `${card.room}\n${card.incident}`;
    const before = cards.get(key);
    const node = drawCard(card);
    if (before) {
      const folded = before.node.querySelector("details");
      const fresh = node.querySelector("details");
      if (folded && fresh && before.card.status === card.status) fresh.open = folded.open;
      keepFocus(before.node, node);
    }
    cards.set(key, { card, node });
    if (room === null) room = card.room;
    if (card.room === room) {
      if (before && before.node.parentNode) atTheEnd(() => before.node.replaceWith(node));
      else append(node, true);
    }
    drawSide();
  }

  /* A card that changes under the fingers keeps the focus on the same button. */
  function keepFocus(old, fresh) {
    const verb = old.contains(document.activeElement) && document.activeElement.dataset.verb;
    if (verb) queueMicrotask(() => { const same = fresh.querySelector(`[data-verb="${verb}"]`); if (same) same.focus(); });
  }

  function append(node, arriving) {
    at("empty").hidden = true;
    if (arriving) node.classList.add("arrived");
    atTheEnd(() => at("feed").append(node), arriving);
  }

  function toTheEnd() {
    gliding = performance.now();
    at("feed").scrollTop = at("feed").scrollHeight;
  }

  /* Change the feed; who reads its end, the newest answer, still does when a card above has grown. */
  function atTheEnd(change, follow) {
    const feed = at("feed");
    const atEnd = feed.scrollHeight - feed.scrollTop - feed.clientHeight < 160 || performance.now() - gliding < GLIDE_MS;
    change();
    if (atEnd || follow) toTheEnd();
  }

  function drawSide() {
    const counts = new Map([...rooms, ...(room === null ? [] : [room])].map((name) => [name, 0]));
    const open = [];
    for (const { card } of cards.values()) {
      counts.set(card.room, (counts.get(card.room) || 0) + (isOpen(card) ? 1 : 0));
      if (isOpen(card) && !open.some((other) => other.incident === card.incident)) open.push(card);
    }
    at("rooms").replaceChildren(...[...counts].map(([name, count]) =>
      h("li", {}, h("button", { type: "button", "aria-current": name === room ? "true" : null, on: { click: () => enter(name) } },
        roomName(name), count ? h("span", { class: "count", "aria-label": `${count} open` }, String(count)) : null))));
    drawChips(open);
    open.sort((one, other) => urgency(one) - urgency(other)); // those of one urgency stay as they came
    at("open-list").replaceChildren(...(open.length ? open.map((card) =>
      h("li", { class: card.severity }, h("button", { type: "button", title: card.title, on: { click: () => seek(card) } },
        h("span", { class: "mark" }), h("span", { class: "text" }, card.title)))) : [h("li", { class: "none" }, back ? "Nothing" : "Not known yet")]));
    const here = open.filter((card) => card.room === room).length;
    at("room-name").textContent = room === null ? "#incidents" : roomName(room);
    at("room-state").textContent = here ? `${here} open ${here === 1 ? "incident" : "incidents"}` : back ? "Nothing is open." : "Not known yet.";
    const urgent = open.filter((card) => card.status === "triggered").length;
    document.querySelector('[data-view="channel"]').textContent = open.length ? `Channel (${open.length})` : "Channel";
    document.title = urgent ? `(${urgent}) Tocsin` : "Tocsin";
  }

  /* What waits for an answer comes first, and of that what is most severe. */
  const urgency = (card) => (card.status === "triggered" ? 0 : SEVERITIES.length) + SEVERITIES.indexOf(card.severity);

  const roomName = (name) => (name.startsWith("#") ? name : `#${name}`);

  function enter(name) {
    room = name;
    for (const old of at("feed").querySelectorAll(".card")) old.remove();
    for (const { card, node } of cards.values()) if (card.room === room) append(node, false);
    drawSide();
  }

  function seek(card) {
    if (card.room !== room) enter(card.room);
    const found = cards.get(`${card.room}\n${card.incident}`);
    if (found) { found.node.scrollIntoView({ block: "center" }); found.node.classList.add("arrived"); }
  }

  /* ---- saying things ---- */

  function drawChips(open) {
    const number = open.length ? open[open.length - 1].incident : null;
    const offered = [...(number ? [`/ack ${number}`, `/show ${number}`] : []), "/alerts", "/oncall", "/report alerts", "/help"];
    at("chips").replaceChildren(...offered.map((text) => h("button", {
      type: "button", on: { click: () => { at("sentence").value = text; at("sentence").focus(); } },
    }, text)));
  }

  async function press(button, verb, incident) {
    button.disabled = true;
    const [word, ...rest] = verb.split(" ");
    await say([word, incident, ...rest].join(" "), false);
    button.disabled = false;
  }

  async function say(text, showTyped) {
    const answer = h("div", { class: "answer", "aria-busy": "true" }, h("p", {}, "…"));
    const node = h("section", { class: "said" },
      h("div", { class: "who" }, you, h("span", {}, "only you see this")),
      showTyped ? h("div", { class: "typed" }, text) : h("div", { class: "typed" }, `/${text}`), answer);
    append(node, false);
    toTheEnd();
    try {
      drawAnswer(answer, await post("/console/say", { text, room: room || "" }));
    } catch (error) {
      answer.classList.add("fault");
      answer.replaceChildren(h("p", {}, error instanceof TypeError ? "Tocsin cannot be reached now. Say it again in a moment." : error.message));
    }
    answer.removeAttribute("aria-busy");
    toTheEnd();
  }

  /* What is broad is done only when it is said again: by a button, which can be pressed once. */
  function drawConfirm(confirm) {
    const row = h("div", { class: "actions" },
      h("button", { type: "button", class: "button danger", on: { click: () => answer(true) } }, confirm.label),
      h("button", { type: "button", class: "button", on: { click: () => answer(false) } }, "Cancel"));
    function answer(yes) {
      row.replaceWith(h("p", { class: "settled" }, yes ? "Confirmed." : "Cancelled; nothing was done."));
      at("sentence").focus();
      if (yes) say(`/${confirm.sentence}`, true);
    }
    return row;
  }

  function drawAnswer(node, reply) {
    const parts = [];
    if (reply.confirm) parts.push(h("p", {}, reply.confirm.question), drawConfirm(reply.confirm));
    else if (reply.text) parts.push(h("p", {}, reply.text));
    if (reply.table.length) {
      const [head, ...rows] = reply.table;
      parts.push(h("div", { class: "scroll", tabindex: "0" }, h("table", {},
        h("thead", {}, h("tr", {}, ...head.map((cell) => h("th", { scope: "col" }, cell)))),
        h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((cell) => h("td", {}, cell))))))));
    }
    for (const file of reply.files) {
      if (file.is_picture) {
        parts.push(h("img", { src: file.address, alt: file.name, on: { load: toTheEnd } }));
      } else parts.push(h("a", { href: file.address, download: file.name }, `Download ${file.name}`));
    }
    node.replaceChildren(...(parts.length ? parts : [h("p", {}, "Done.")]));
  }

  function note(text, kind) {
    append(h("p", { class: `note ${kind || ""}` }, text), false);
  }

  /* ---- the wire ---- */

  function link(kind, text) {
    at("link").className = `link ${kind}`;
    at("link-text").textContent = text;
  }

  function connect() {
    source = new EventSource("/console/events");
    source.addEventListener("hello", (event) => hello(JSON.parse(event.data)));
    source.addEventListener("card", (event) => showCard(JSON.parse(event.data)));
    source.addEventListener("notice", (event) => {
      const notice = JSON.parse(event.data);
      note(`To you: ${notice.title}. ${notice.summary}`);
    });
    source.addEventListener("demo", (event) => tell("demo", JSON.parse(event.data)));
    source.onerror = () => {
      source.close();
      if (gone === null && back) {
        gone = performance.now();
        note("The engine is gone", "gone");
        tell("gone", {});
      }
      setTimeout(connect, RETRY_MS);
    };
  }

  function hello(all) {
    back += 1;
    if (gone !== null) {
      const seconds = ((performance.now() - gone) / 1000).toFixed(1);
      note(`The engine is back after ${seconds} s`, "back");
      link("back", `Back after ${seconds} s`);
      tell("back", { seconds });
      gone = null;
      setTimeout(() => { if (gone === null) link("live", "Live"); }, 8000);
    } else link("live", "Live");
    const told = new Set(all.cards.map((card) => `${card.room}\n${card.incident}`));
    for (const [key, { node }] of cards) if (!told.has(key)) { node.remove(); cards.delete(key); }
    for (const card of all.cards) showCard(card);
    at("empty").textContent = QUIET;
    if (all.cards.length === 0) drawSide();
    const wanted = /^\/incidents\/(\d+)$/.exec(location.pathname);
    if (wanted && back === 1) {
      const found = all.cards.find((card) => String(card.incident) === wanted[1]);
      if (found) seek(found);
    }
  }

  const tell = (name, detail) => document.dispatchEvent(new CustomEvent(`tocsin:${name}`, { detail }));

  setInterval(() => {
    if (gone !== null) link("gone", `The engine is gone, ${((performance.now() - gone) / 1000).toFixed(1)} s`);
  }, 100);

  /* ---- hands ---- */

  at("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = at("sentence").value.trim();
    if (!text) return;
    typed.push(text);
    recall = typed.length;
    at("sentence").value = "";
    say(text, true);
  });
  at("sentence").addEventListener("keydown", (event) => {
    if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      recall = Math.max(0, Math.min(typed.length, recall + (event.key === "ArrowUp" ? -1 : 1)));
      event.currentTarget.value = typed[recall] || "";
      event.preventDefault();
    } else if (event.key === "Escape") event.currentTarget.blur();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      at("sentence").value = "/";
      at("sentence").focus();
    }
  });
  for (const tab of document.querySelectorAll(".tabs button")) {
    tab.addEventListener("click", () => {
      document.body.classList.toggle("view-aside", tab.dataset.view === "aside");
      for (const other of document.querySelectorAll(".tabs button")) other.setAttribute("aria-pressed", other === tab);
    });
  }

  drawSide();
  connect();
  return { h, post, say };
})();
