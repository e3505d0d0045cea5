// Draws the figures from the JSON beside them, and makes toggles and filters work. No network.
(function () {
  "use strict";
  var plots = [];
  // Figures are made in the light page's colours; these follow the page's style.
  var INKS = { "#22302e": "--ink", "#5d6b68": "--quiet", "#d9d6cd": "--line", "#fcfbf8": "--paper",
    "#2f5d57": "--slate", "#ffffff": "--card" };
  function figureOf(holder, paper) {
    var text = document.getElementById(holder.dataset.figure).textContent;
    if (!paper) {
      var style = getComputedStyle(document.documentElement);
      text = text.replace(/"(#[0-9a-f]{6})"/g, function (whole, colour) {
        var name = INKS[colour];
        return name ? '"' + style.getPropertyValue(name).trim() + '"' : whole;
      });
      if (matchMedia("(prefers-color-scheme: dark)").matches) {
        text = text.replace(/rgba\(47,93,87,/g, "rgba(143,199,189,");
      }
    }
    return JSON.parse(text);
  }
  var quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;

  // The layout for a width: on narrow pages numbers instead of labels, fewer ticks, no colour bar.
  function layoutFor(figure, width, paper) {
    var narrow = width < (paper ? 420 : 560), layout = JSON.parse(JSON.stringify(figure.layout)), m = layout.margin;
    layout.width = width;
    layout.height = figure.height;
    layout.font.size = narrow ? 11 : 13;
    if (figure.aspect) {
      if (narrow) { m.l = 30; m.b = 40; layout.yaxis.title.text = ""; }
      var inner = (width - m.l - m.r - (narrow ? 0 : 74)) * figure.aspect;
      layout.height = Math.max(150, Math.min(700, inner + m.t + m.b));
    }
    (layout.annotations || []).forEach(function (a) {
      if (a.name && width < (paper ? 400 : 760)) { a.text = a.name; }
      if (narrow) { a.font.size = Math.min(a.font.size, 9); }
    });
    if (layout.xaxis.tickvals && narrow && layout.xaxis.tickvals.length > 4) {
      var even = function (_, i) { return i % 2 === 0; };
      layout.xaxis.tickvals = layout.xaxis.tickvals.filter(even);
      layout.xaxis.ticktext = layout.xaxis.ticktext.filter(even);
    }
    return layout;
  }

  function tracesFor(figure, width, paper) {
    var narrow = width < (paper ? 420 : 560);
    return figure.data.map(function (trace) {
      trace = Object.assign({}, trace);
      if (trace.type === "heatmap") { trace.showscale = !narrow; }
      if (trace.marker && trace.marker.colorscale) {
        trace.marker = Object.assign({}, trace.marker, {
          showscale: !narrow, size: narrow ? 19 : width < 460 ? 24 : 30
        });
      }
      return trace;
    });
  }

  function show(plot, width, paper) {
    Plotly.react(plot.holder, tracesFor(plot.figure, width, paper), layoutFor(plot.figure, width, paper),
      { displayModeBar: false, responsive: false });
    var inner = plot.holder.querySelector(".plot-container");
    if (inner) { inner.setAttribute("aria-hidden", "true"); }
  }

  function draw(holder) {
    var plot = { holder: holder, figure: figureOf(holder) };
    plots.push(plot);
    show(plot, holder.getBoundingClientRect().width);
  }

  function fit(paper) {
    plots.forEach(function (plot) {
      if (plot.holder.closest(".folded")) { return; }
      var shown = plot.figure.data.map(function (t) { return t.visible; });
      plot.figure = figureOf(plot.holder, paper);
      plot.figure.data.forEach(function (t, i) { if (shown[i] !== undefined) { t.visible = shown[i]; } });
      var width = plot.holder.getBoundingClientRect().width;
      if (paper) {
        // on the first screen beside the box; so low that it still fits on page one
        width = plot.holder.closest(".first") ? 0.56 * paper : plot.figure.aspect ? 0.66 * paper : paper;
      }
      show(plot, width, paper);
    });
  }

  // What is in view is drawn first, then the page is ready; the rest whenever there is time, one
  // figure a task, so that the page can be read and scrolled from the first moment on. A figure with
  // a still picture is there already, and plotly.js (half of the time) runs for the first that needs it.
  var waitingFigures = Array.from(document.querySelectorAll("[data-figure]"));
  function later(f) {
    if (window.requestIdleCallback) { requestIdleCallback(f, { timeout: 1000 }); } else { setTimeout(f, 0); }
  }
  function plotly() {
    var code = document.createElement("script");
    code.textContent = document.getElementById("plotly").textContent;
    document.head.appendChild(code);
  }
  function drawFirst(which) {
    var holder = waitingFigures.find(function (h) { return !h.closest(".folded") && which(h); });
    if (holder) {
      waitingFigures.splice(waitingFigures.indexOf(holder), 1);
      if (!window.Plotly) { plotly(); }
      holder.replaceChildren();
      draw(holder);
    }
    return holder;
  }
  function inView(holder) {
    var box = holder.getBoundingClientRect();
    return box.top < innerHeight && box.bottom >= 0;
  }
  function isMissed(holder) { return inView(holder) && !holder.firstElementChild; }
  function drawNext() {
    if (drawFirst(inView) || drawFirst(function () { return true; })) { later(drawNext); return; }
    document.documentElement.dataset.drawn = "1";
  }
  function drawAll() {
    while (drawFirst(function () { return true; })) { /* the next */ }
  }

  // On a phone the page is its first screen and the titles of the rest, which open by touch.
  var phone = matchMedia("(max-width: 40rem)");
  var foldable = Array.from(document.querySelectorAll("main > section")).slice(1);
  function fold(section, folded) {
    var h2 = section.querySelector("h2"), button = h2.querySelector("button");
    if (!button && folded) {
      button = document.createElement("button");
      button.type = "button";
      button.append.apply(button, Array.from(h2.childNodes));
      button.addEventListener("click", function () { fold(section, !section.classList.contains("folded")); });
      h2.append(button);
    }
    if (!button) { return; }
    section.classList.toggle("folded", folded);
    button.setAttribute("aria-expanded", String(!folded));
    if (!folded) { later(drawNext); dispatchEvent(new Event("resize")); }
  }
  function foldAll(folded) {
    foldable.forEach(function (section) { fold(section, folded); });
    document.querySelector("main").classList.toggle("folds", folded);  // its titles are the contents
  }
  function unfold(hash) {
    var target = document.getElementById(hash.slice(1)), section = target && target.closest("section");
    if (section) { fold(section, false); }
  }
  foldAll(phone.matches);
  unfold(location.hash);
  phone.addEventListener("change", function () { foldAll(phone.matches); });
  document.addEventListener("click", function (event) {
    var link = event.target.closest('a[href^="#"]');
    if (link) { unfold(link.hash); }
  });
  addEventListener("hashchange", function () { unfold(location.hash); });

  setTimeout(function () {
    while (drawFirst(isMissed)) { /* the next */ }
    document.documentElement.dataset.ready = "1";
    later(drawNext);
  }, 0);

  var waiting = 0;
  addEventListener("resize", function () {
    clearTimeout(waiting);
    waiting = setTimeout(function () { fit(0); }, quiet ? 0 : 120);
  });
  addEventListener("beforeprint", function () { foldAll(false); drawAll(); fit(670); }); // A4 less its margins, in CSS pixels
  addEventListener("afterprint", function () { foldAll(phone.matches); fit(0); });

  document.querySelectorAll("fieldset.toggle input").forEach(function (input) {
    input.addEventListener("change", function () {
      drawFirst(function (holder) { return holder.id === input.dataset.plot; });
      var plot = plots.find(function (p) { return p.holder.id === input.dataset.plot; });
      plot.figure.data.forEach(function (t, i) {  // several traces may be one choice
        t.visible = (t.meta && t.meta.choice !== undefined ? t.meta.choice : i) === Number(input.value);
      });
      show(plot, plot.holder.getBoundingClientRect().width);
      var said = document.getElementById(input.dataset.plot + "-said");
      if (said) { said.textContent = input.dataset.said; }
    });
  });

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () { fit(0); });

  // Every table of the page as one CSV file: its caption, its head, its rows.
  function csv() {
    var cell = function (c) {
      var t = c.textContent.trim().replace(/\s+/g, " ");
      var number = /^[+-]?\d[\d.,]*( ?[^\d\s=+@(|!-]+)?$/.test(t);
      if (/^[=+\-@＝＋－＠]/.test(t) && !number) { t = "'" + t; }  // a spreadsheet would run it
      return '"' + t.replace(/"/g, '""') + '"';
    };
    return Array.from(document.querySelectorAll("table")).map(function (table) {
      return [cell(table.caption)].concat(Array.from(table.rows).map(function (row) {
        return Array.from(row.cells).map(cell).join(",");
      })).join("\r\n");
    }).join("\r\n\r\n");
  }
  document.querySelectorAll("[data-do]").forEach(function (button) {
    button.addEventListener("click", function () {
      if (button.dataset.do === "print") { print(); return; }
      var a = document.createElement("a");
      a.href = URL.createObjectURL(new Blob(["\ufeff" + csv()], { type: "text/csv" }));
      a.download = document.title.replace(/[^\p{L}\p{N}]+/gu, "-") + ".csv";
      a.click();
      setTimeout(function () { URL.revokeObjectURL(a.href); }, 1000);
    });
  });

  var filters = document.querySelector(".filters");
  if (filters) {
    var cards = Array.from(document.querySelectorAll(".student"));
    var apply = function () {
      var row = filters.querySelector("select").value;
      var text = filters.querySelector("input[type=search]").value.trim().toLowerCase();
      var weak = filters.querySelector("input[type=checkbox]").checked;
      var n = 0;
      cards.forEach(function (card) {
        var show = (!row || card.dataset.row === row) &&
          (!text || card.dataset.student.toLowerCase().indexOf(text) >= 0) &&
          (!weak || card.dataset.weak === "0");
        card.hidden = !show;
        if (show) { n += 1; }
      });
      var out = filters.querySelector("output");
      out.textContent = out.dataset.text.replace("{n}", n).replace("{all}", cards.length);
    };
    filters.addEventListener("input", apply);
    apply();
  }
})();
