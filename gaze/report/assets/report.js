// Draws the figures from the JSON beside them, and makes toggles and filters work. No network.
(function () {
  "use strict";
  var plots = [];
  var quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;

  // What a width asks for: the height, and on narrow pages numbers instead of labels, fewer ticks.
  function size(plot, width) {
    var f = plot.figure, narrow = width < 560, layout = { width: width };
    var m = Object.assign({}, f.layout.margin);
    if (f.aspect) {
      if (narrow) { m.l = 30; m.b = 40; }
      layout.margin = m;
      var bar = narrow ? 0 : 74;
      layout.height = Math.max(150, Math.min(700, (width - m.l - m.r - bar) * f.aspect + m.t + m.b));
      layout["yaxis.title.text"] = narrow ? "" : f.layout.yaxis.title.text;
    } else {
      layout.height = f.height;
    }
    layout["font.size"] = narrow ? 11 : 13;
    (f.layout.annotations || []).forEach(function (a, i) {
      var small = narrow || (a.name && width < 760);
      layout["annotations[" + i + "].text"] = small && a.name ? a.name : a.text;
      layout["annotations[" + i + "].font.size"] = narrow ? Math.min(a.font.size, 9) : a.font.size;
    });
    var ticks = f.layout.xaxis.tickvals;
    if (ticks) {
      var few = narrow ? function (_, i) { return i % 2 === 0; } : function () { return true; };
      layout["xaxis.tickvals"] = ticks.filter(few);
      layout["xaxis.ticktext"] = f.layout.xaxis.ticktext.filter(few);
    }
    return layout;
  }

  function scaleTraces(plot, width) { // colour bars and seats
    var narrow = width < 560, restyle = {}, first = plot.figure.data[0];
    if (first.type === "heatmap") { restyle.showscale = !narrow; }
    if (first.marker && first.marker.colorscale) {
      restyle["marker.showscale"] = !narrow;
      restyle["marker.size"] = narrow ? 19 : width < 460 ? 24 : 30;
    }
    return Object.keys(restyle).length ? restyle : null;
  }

  function draw(holder) {
    var figure = JSON.parse(document.getElementById(holder.dataset.figure).textContent);
    var plot = { holder: holder, figure: figure };
    var layout = JSON.parse(JSON.stringify(figure.layout));
    Plotly.newPlot(holder, figure.data, layout, { displayModeBar: false, responsive: false });
    plots.push(plot);
    update(plot, holder.getBoundingClientRect().width);
  }

  function update(plot, width) {
    Plotly.update(plot.holder, scaleTraces(plot, width) || {}, size(plot, width));
    var inner = plot.holder.querySelector(".plot-container");
    if (inner) { inner.setAttribute("aria-hidden", "true"); }
  }

  function fit(paper) {
    plots.forEach(function (plot) {
      var width = plot.holder.getBoundingClientRect().width;
      if (paper) { width = plot.holder.closest(".beside") ? paper / 2 - 12 : paper; }
      update(plot, width);
    });
  }

  document.querySelectorAll("[data-figure]").forEach(draw);

  var waiting = 0;
  addEventListener("resize", function () {
    clearTimeout(waiting);
    waiting = setTimeout(function () { fit(0); }, quiet ? 0 : 120);
  });
  addEventListener("beforeprint", function () { fit(670); }); // A4 less its margins, in CSS pixels
  addEventListener("afterprint", function () { fit(0); });

  document.querySelectorAll("fieldset.toggle input").forEach(function (input) {
    input.addEventListener("change", function () {
      var plot = document.getElementById(input.dataset.plot);
      var visible = plot.data.map(function (_, i) { return i === Number(input.value); });
      Plotly.restyle(plot, { visible: visible });
      var said = document.getElementById(input.dataset.plot + "-said");
      if (said) { said.textContent = input.dataset.said; }
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
  document.documentElement.dataset.ready = "1";
})();
