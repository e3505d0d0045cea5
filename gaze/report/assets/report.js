// Draws the figures from the JSON beside them, and makes toggles and filters work. No network.
(function () {
  "use strict";
  var plots = [];
  var quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;

  function size(plot, width) {
    var f = plot.figure, layout = {};
    if (f.aspect) {
      var m = f.layout.margin;
      var extra = 74; // the colour bar
      layout.height = Math.max(190, Math.min(760, (width - m.l - m.r - extra) * f.aspect + m.t + m.b));
    } else {
      layout.height = f.height;
    }
    layout.width = width;
    return layout;
  }

  function draw(holder) {
    var figure = JSON.parse(document.getElementById(holder.dataset.figure).textContent);
    var plot = { holder: holder, figure: figure };
    var box = holder.getBoundingClientRect().width;
    if (box < 560) { // a phone: smaller labels, fewer of them
      figure.layout.font.size = 11;
      (figure.layout.annotations || []).forEach(function (a) { a.font.size = Math.min(a.font.size, 10); });
    }
    Object.assign(figure.layout, size(plot, box));
    Plotly.newPlot(holder, figure.data, figure.layout, {
      displayModeBar: false, responsive: false, staticPlot: false, scrollZoom: false
    });
    var inner = holder.querySelector(".plot-container");
    if (inner) { inner.setAttribute("aria-hidden", "true"); }
    plots.push(plot);
  }

  function fit(width) {
    plots.forEach(function (plot) {
      var w = width || plot.holder.getBoundingClientRect().width;
      Plotly.relayout(plot.holder, size(plot, w));
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
