// Charts of the last minute, from both ends: the browser's getStats, and a report that the Rust
// peer sends once a second.

const POINTS = 60;

export class Statistics {
  constructor(session) {
    this.session = session;
    this.before = null;
    this.charts = Object.fromEntries(["received", "sent", "rtt", "loss"].map((name) => [name, new Chart(name)]));
    session.addEventListener("report", ({ detail }) => (this.rust = detail));
    const timer = setInterval(() => {
      if (session.pc.connectionState === "closed") clearInterval(timer);
      else this.sample();
    }, 1000);
  }

  async sample() {
    const now = summary(await this.session.pc.getStats());
    const rust = this.rust ?? {};
    const before = this.before ?? now;
    const seconds = Math.max((now.time - before.time) / 1000, 0.001);
    const rate = (name) => ((now[name] - before[name]) * 8) / seconds / 1e6;
    const expected = now.packets - before.packets + now.lost - before.lost;
    this.charts.received.add(rate("received"), rust.received_mbps);
    this.charts.sent.add(rate("sent"), rust.sent_mbps);
    this.charts.rtt.add(now.rtt, rust.rtt_ms);
    this.charts.loss.add(expected > 0 ? (100 * (now.lost - before.lost)) / expected : 0, rust.loss_percent);
    document.getElementById("path").textContent = now.path ? `Path: ${now.path}` : "";
    this.before = now;
  }
}

function summary(report) {
  const now = { time: 0, received: 0, sent: 0, packets: 0, lost: 0, rtt: undefined, path: "" };
  const all = [...report.values()];
  const transport = all.find((stat) => stat.type === "transport");
  // Firefox has no transports with counters; the pair that is used carries them.
  const pair = report.get(transport?.selectedCandidatePairId) ?? all.find((stat) => stat.type === "candidate-pair" && stat.nominated && stat.state === "succeeded");
  for (const stat of all) {
    // When the numbers were taken, which may be earlier than now.
    now.time = Math.max(now.time, stat.timestamp);
    if (stat.type !== "inbound-rtp") continue;
    now.packets += stat.packetsReceived ?? 0;
    now.lost += stat.packetsLost ?? 0;
  }
  const counters = transport?.bytesReceived === undefined ? pair : transport;
  now.received = counters?.bytesReceived ?? 0;
  now.sent = counters?.bytesSent ?? 0;
  if (pair) {
    now.rtt = (pair.currentRoundTripTime ?? 0) * 1000;
    now.path = described(report, pair, transport);
  }
  return now;
}

function described(report, pair, transport) {
  const end = (id) => {
    const candidate = report.get(id);
    // A browser hides its addresses from pages that have no camera.
    return candidate ? `${candidate.address || "(hidden)"} port ${candidate.port} (${candidate.candidateType})` : "?";
  };
  const version = { FEFD: "DTLS 1.2", FEFC: "DTLS 1.3" }[transport?.tlsVersion] ?? "DTLS";
  const ciphers = [transport?.dtlsCipher, transport?.srtpCipher].filter(Boolean).join(", ");
  return `UDP from ${end(pair.localCandidateId)} to ${end(pair.remoteCandidateId)}. ${version} ${ciphers}`;
}

const COLORS = ["--blue", "--gold"];

class Chart {
  constructor(name) {
    this.canvas = document.getElementById(`chart-${name}`);
    this.title = this.canvas.getAttribute("aria-label");
    this.unit = this.canvas.dataset.unit;
    this.now = ["browser", "rust"].map((who) => document.querySelector(`#now-${name} .${who}`));
    this.lines = [[], []];
    this.draw();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  add(...values) {
    values.forEach((value, index) => {
      const line = this.lines[index];
      line.push(Number.isFinite(value) ? Math.max(value, 0) : null);
      if (line.length > POINTS) line.shift();
    });
    const last = this.lines.map((line) => shown(line.at(-1)));
    this.now.forEach((place, index) => (place.textContent = last[index]));
    this.canvas.setAttribute("aria-label", `${this.title}, ${this.unit}: ${last[0]} at the browser, ${last[1]} at the Rust peer`);
    this.draw();
  }

  draw() {
    const { canvas } = this;
    const context = canvas.getContext("2d");
    const scale = devicePixelRatio;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = width * scale;
    canvas.height = height * scale;
    context.scale(scale, scale);
    context.font = "11px system-ui, sans-serif";
    const top = ceiling(Math.max(...this.lines.flat().map((value) => value ?? 0), 0));
    const box = { left: 40, right: width - 8, top: 12, bottom: height - 20 };
    this.axes(context, box, top);
    COLORS.forEach((name, index) => this.line(context, box, top, this.lines[index], color(canvas, name), index));
  }

  axes(context, { left, right, top: above, bottom }, top) {
    const { canvas } = this;
    context.strokeStyle = color(canvas, "--line");
    context.fillStyle = color(canvas, "--soft");
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const part of [0, 0.5, 1]) {
      const y = Math.round(bottom - part * (bottom - above)) + 0.5;
      context.beginPath();
      context.moveTo(left, y);
      context.lineTo(right, y);
      context.stroke();
      context.fillText(String(Number((top * part).toPrecision(2))), left - 6, y);
    }
    context.textBaseline = "alphabetic";
    ["60 s ago", "30 s", "now"].forEach((text, index) => {
      context.textAlign = ["left", "center", "right"][index];
      context.fillText(text, left + (index * (right - left)) / 2, bottom + 15);
    });
  }

  line(context, { left, right, top: above, bottom }, top, values, color, index) {
    context.strokeStyle = color;
    context.lineWidth = 2;
    context.lineJoin = "round";
    // Not by colour alone: the Rust peer's line is dashed, and shows where both are the same.
    context.setLineDash(index ? [5, 4] : []);
    context.beginPath();
    let drawing = false;
    values.forEach((value, at) => {
      if (value === null) return (drawing = false);
      const x = left + ((at + POINTS - values.length) / (POINTS - 1)) * (right - left);
      const y = bottom - (value / top) * (bottom - above);
      drawing ? context.lineTo(x, y) : context.moveTo(x, y);
      drawing = true;
    });
    context.stroke();
    context.setLineDash([]);
  }
}

/** The next round number, so that the axis has readable labels. */
function ceiling(value) {
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 8, 10].find((step) => step * power >= value) * power;
}

/** One of the page's colours as it is now, light or dark. */
function color(canvas, name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  canvas.after(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function shown(value) {
  if (value === null || value === undefined) return "–";
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}
