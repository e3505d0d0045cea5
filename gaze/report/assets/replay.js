// The lesson as dots on the board: unpacks gaze/report/replay.py's bytes and draws them. No network.
(function () {
  "use strict";
  var data = JSON.parse(document.getElementById("replay-data").textContent);
  var player = document.getElementById("player"), canvas = player.querySelector("canvas");
  var button = player.querySelector("button"), slider = player.querySelector("input[type=range]");
  var said = player.querySelector("output"), sigma = player.querySelector("input[type=checkbox]");
  var of = function (name) { return player.querySelector('[data-of="' + name + '"]'); };
  var S = data.names.length, N = data.steps, block = S * N, bytes = null;
  var MISSING = 0, AWAY = 1, OUTSIDE = 2, POINT = 3;
  var quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;
  var now = 0, until = N - 1, playing = 0, before = 0;  // steps; `playing`: the animation's number
  var dots = [];  // as drawn last: for the pointer

  async function unpack() {
    var packed = Uint8Array.from(atob(data.code), function (c) { return c.charCodeAt(0); });
    var stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    for (var i = 0; i < bytes.length; i++) { if (i % N) { bytes[i] += bytes[i - 1]; } }
  }
  function byte(channel, s, n) { return bytes[channel * block + s * N + n]; }
  function clock(n) {
    var t = Math.round(data.start + n * data.step), h = Math.floor(t / 3600);
    var two = function (v) { return String(v).padStart(2, "0"); };
    return h ? h + ":" + two(Math.floor(t / 60) % 60) + ":" + two(t % 60) : Math.floor(t / 60) + ":" + two(t % 60);
  }
  function fill(text, values) {
    return text.replace(/{(\w+)}/g, function (_, name) { return values[name]; });
  }

  // A student's point at a step: metres, the covariance, the state.
  function at(s, n) {
    var width = function (c) { return data.sigma[0] * Math.exp(byte(c, s, n) / data.sigma[1]); };
    var sx = width(3), sy = width(4);
    return { state: byte(0, s, n), x: data.extent[0] + byte(1, s, n) * data.cell,
      y: data.extent[2] + byte(2, s, n) * data.cell, xx: sx * sx, yy: sy * sy,
      xy: (byte(5, s, n) / 10 - 1) * sx * sy };
  }
  function here(s) {
    var n = Math.floor(now), p = at(s, n), share = now - n;
    if (quiet || !playing || !share || n + 1 >= N || p.state !== POINT) { return p; }
    var next = at(s, n + 1);
    if (next.state === POINT) {
      ["x", "y", "xx", "xy", "yy"].forEach(function (k) { p[k] += share * (next[k] - p[k]); });
    }
    return p;
  }
  function chosen(s) {
    var who = of("who").value;
    return !who || who === String(s) || who === "row " + data.rows[s];
  }

  function draw() {
    if (!bytes) { return; }
    var style = getComputedStyle(document.documentElement);
    var colour = function (name) { return style.getPropertyValue(name).trim(); };
    var wide = canvas.clientWidth, ratio = devicePixelRatio || 1;
    var e = data.extent, scale = wide / (e[1] - e[0]), high = (e[3] - e[2]) * scale;
    var radius = wide < 560 ? 6.5 : 8.5, gap = 2 * radius + 3, columns = wide < 700 ? 1 : 3;
    var boxWide = wide / columns, inLine = Math.max(1, Math.floor((boxWide - 8) / gap));
    var boxHigh = 24 + Math.ceil(S / inLine) * gap;
    var all = Math.round(high + (3 / columns) * boxHigh);
    canvas.style.height = all + "px";
    canvas.width = Math.round(wide * ratio);
    canvas.height = Math.round(all * ratio);
    var c = canvas.getContext("2d");
    c.scale(ratio, ratio);
    c.fillStyle = colour("--card"); c.fillRect(0, 0, wide, high);
    var u = function (x) { return (e[1] - x) * scale; };  // x_W grows to the left
    var v = function (y) { return (y - e[2]) * scale; };
    c.font = "12px " + style.getPropertyValue("--sans"); c.textAlign = "center";
    data.areas.forEach(function (a) {
      c.setLineDash([2, 4]); c.strokeStyle = c.fillStyle = colour("--quiet"); c.lineWidth = 1;
      c.strokeRect(u(a[2]), v(a[3]), (a[2] - a[1]) * scale, (a[4] - a[3]) * scale);
      c.fillText(a[0], u((a[1] + a[2]) / 2), v(a[3]) + 14, (a[2] - a[1]) * scale - 6);
    });
    c.setLineDash([]); c.strokeStyle = colour("--ink"); c.lineWidth = 2.5;
    c.strokeRect(u(data.board[0]), v(0), data.board[0] * scale, data.board[1] * scale);
    c.save(); c.beginPath(); c.rect(0, 0, wide, high); c.clip();  // ellipses end with the picture
    dots = [];
    var waiting = [[], [], []];  // by state: MISSING, AWAY, OUTSIDE
    for (var s = 0; s < S; s++) {
      var p = here(s);
      if (p.state !== POINT) { waiting[p.state].push(s); continue; }
      if (sigma.checked && chosen(s)) { ellipse(c, u(p.x), v(p.y), p, scale, data.colours[data.rows[s]]); }
      dots.push({ s: s, u: u(p.x), v: v(p.y), p: p });
    }
    dots.sort(function (a, b) { return chosen(a.s) - chosen(b.s); });
    c.restore();
    dots.forEach(function (d) { dot(c, d.s, d.u, d.v, radius); });
    [AWAY, OUTSIDE, MISSING].forEach(function (state, i) {
      var left = columns === 3 ? i * boxWide : 0, top = high + (columns === 3 ? 0 : i * boxHigh);
      var name = data.words[["missing", "away", "outside"][state]];
      c.fillStyle = colour("--quiet"); c.textAlign = "left";
      c.fillText(name + ": " + waiting[state].length, left, top + 15, boxWide - 8);
      waiting[state].forEach(function (s, k) {
        var du = left + radius + 1 + (k % inLine) * gap, dv = top + 24 + radius + Math.floor(k / inLine) * gap;
        dot(c, s, du, dv, radius);
        dots.push({ s: s, u: du, v: dv, p: null });
      });
    });
  }
  function ellipse(c, u, v, p, scale, colour) {
    var middle = (p.xx + p.yy) / 2, half = Math.hypot((p.xx - p.yy) / 2, p.xy), k = Math.sqrt(2 * Math.LN2);
    // the picture's x runs against x_W: the angle is mirrored
    c.beginPath();
    c.ellipse(u, v, k * Math.sqrt(middle + half) * scale, k * Math.sqrt(Math.max(middle - half, 0)) * scale,
      -Math.atan2(2 * p.xy, p.xx - p.yy) / 2, 0, 2 * Math.PI);
    c.globalAlpha = 0.07; c.fillStyle = colour; c.fill();
    c.globalAlpha = 0.35; c.strokeStyle = colour; c.lineWidth = 1; c.stroke();
    c.globalAlpha = 1;
  }
  function dot(c, s, u, v, radius) {
    var colour = data.colours[data.rows[s]];
    c.globalAlpha = chosen(s) ? 1 : 0.15;
    c.beginPath(); c.arc(u, v, radius, 0, 2 * Math.PI);
    c.fillStyle = colour; c.strokeStyle = "#ffffff"; c.lineWidth = 1.2;
    c.fill(); c.stroke();
    c.fillStyle = "#ffffff"; c.textAlign = "center";
    c.font = "bold " + Math.round(1.3 * radius) + "px sans-serif";
    c.fillText(data.rows[s] || "?", u, v + 0.45 * radius);
    c.font = "12px sans-serif"; c.globalAlpha = 1;
  }

  function say() {
    var n = Math.floor(now), t = data.start + n * data.step, count = [0, 0, 0, 0];
    for (var s = 0; s < S; s++) { count[byte(0, s, n)] += 1; }
    var marks = data.marks.filter(function (m) { return m[0] <= t && t < (m[1] === null ? m[0] + 10 : m[1]); });
    var text = fill(data.words.said, { time: clock(n), shown: count[POINT], away: count[AWAY],
      outside: count[OUTSIDE], missing: count[MISSING] });
    said.setAttribute("aria-live", playing ? "off" : "polite");
    said.textContent = text + marks.map(function (m) { return " · " + m[2]; }).join("");
    slider.value = n;
    slider.setAttribute("aria-valuetext", clock(n));
  }
  function show(n) { now = Math.max(0, Math.min(N - 1, n)); draw(); say(); }
  function stop() {
    cancelAnimationFrame(playing);
    playing = 0;
    button.textContent = data.words.play;
    show(Math.floor(now));
  }
  function tick(ms) {
    var passed = Math.min(ms - before, 500) / 1000 * Number(of("speed").value) / data.step;
    before = ms;
    if (now + passed >= until) { now = until; stop(); return; }
    playing = requestAnimationFrame(tick);
    show(now + passed);
  }
  button.addEventListener("click", function () {
    if (playing) { stop(); return; }
    if (now >= until) { now = part()[0]; }
    button.textContent = data.words.pause;
    playing = requestAnimationFrame(function (ms) { before = ms; tick(ms); });
  });
  function part() {
    var span = of("part") && of("part").value ? of("part").value.split(",").map(Number) : null;
    var step = function (t) { return Math.max(0, Math.min(N - 1, Math.round((t - data.start) / data.step))); };
    return span ? [step(span[0]), step(span[1])] : [0, N - 1];
  }
  if (of("part")) {
    of("part").addEventListener("change", function () { until = part()[1]; show(part()[0]); });
  }
  slider.addEventListener("input", function () {
    if (Number(slider.value) > until) { until = N - 1; }  // dragged out of the part
    show(Number(slider.value));
  });
  [of("who"), sigma].forEach(function (input) { input.addEventListener("change", draw); });
  canvas.addEventListener("pointermove", function (event) {
    var box = canvas.getBoundingClientRect(), u = event.clientX - box.left, v = event.clientY - box.top;
    var near = dots.filter(function (d) { return Math.hypot(d.u - u, d.v - v) < 12; }).pop();
    canvas.title = !near ? "" : near.p === null ? data.names[near.s] : fill(data.words.dot, {
      student: data.names[near.s],
      cm: Math.round(100 * Math.sqrt(2 * Math.LN2) * Math.sqrt((near.p.xx + near.p.yy) / 2)) });
  });
  addEventListener("resize", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  if (typeof DecompressionStream === "undefined") { said.textContent = data.words.old; return; }
  (window.requestIdleCallback || setTimeout)(function () {  // what is in view comes first
    unpack().then(function () { button.disabled = false; show(0); });
  });
})();
