// Charts of the last minute, from both ends: the browser's getStats, and a report that the Rust
// peer sends once a second.

const POINTS = 60;

export class Statistics {
  constructor(session) {
    this.session = session;
    this.before = null;
    this.charts = Object.fromEntries(["received", "sent", "rtt", "loss"].map((name) => [name, new Chart(name)]));
    session.addEventListener("report", ({ detail }) => (this.rust = detail));
    setInterval(() => this.sample(), 1000);
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
  const now = { time: performance.now(), received: 0, sent: 0, packets: 0, lost: 0, rtt: undefined, path: "" };
  for (const stat of report.values()) {
    if (stat.type === "transport") {
      now.received += stat.bytesReceived ?? 0;
      now.sent += stat.bytesSent ?? 0;
      const pair = report.get(stat.selectedCandidatePairId);
      if (pair) {
        now.rtt = (pair.currentRoundTripTime ?? 0) * 1000;
        const [local, remote] = [report.get(pair.localCandidateId), report.get(pair.remoteCandidateId)];
        if (local && remote) now.path = `${local.protocol} ${local.address ?? "hidden"}:${local.port} (${local.candidateType}) to ${remote.address ?? "hidden"}:${remote.port} (${remote.candidateType}), ${stat.tlsVersion === "FEFC" ? "DTLS 1.3" : "DTLS 1.2"} ${stat.dtlsCipher ?? ""} ${stat.srtpCipher ?? ""}`;
      }
    } else if (stat.type === "inbound-rtp") {
      now.packets += stat.packetsReceived ?? 0;
      now.lost += stat.packetsLost ?? 0;
    } else if (stat.type === "candidate-pair" && now.rtt === undefined && stat.nominated && stat.state === "succeeded") {
      // Firefox has no "transport" with counters; its pairs carry them.
      now.received += stat.bytesReceived ?? 0;
      now.sent += stat.bytesSent ?? 0;
      now.rtt = (stat.currentRoundTripTime ?? 0) * 1000;
    }
  }
  return now;
}

class Chart {
  constructor(name) {
    this.canvas = document.getElementById(`chart-${name}`);
    this.now = document.getElementById(`now-${name}`);
    this.lines = [[], []];
  }

  add(...values) {
    values.forEach((value, index) => {
      const line = this.lines[index];
      line.push(Number.isFinite(value) ? Math.max(value, 0) : null);
      if (line.length > POINTS) line.shift();
    });
    const [browser, rust] = this.lines.map((line) => line.at(-1));
    this.now.textContent = `${shown(browser)} · ${shown(rust)}`;
    this.draw();
  }

  draw() {
    const { canvas } = this;
    const scale = devicePixelRatio;
    const width = (canvas.width = canvas.clientWidth * scale);
    const height = (canvas.height = canvas.clientHeight * scale);
    const context = canvas.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    const probe = document.createElement("span");
    canvas.after(probe);
    const top = Math.max(1, ...this.lines.flat().map((value) => value ?? 0)) * 1.15;
    context.font = `${11 * scale}px system-ui, sans-serif`;
    ["--blue", "--gold"].forEach((color, index) => {
      probe.style.color = style.getPropertyValue(color);
      context.strokeStyle = getComputedStyle(probe).color;
      context.lineWidth = 2 * scale;
      context.beginPath();
      let drawing = false;
      this.lines[index].forEach((value, at) => {
        if (value === null) return (drawing = false);
        const x = ((at + POINTS - this.lines[index].length) / (POINTS - 1)) * width;
        const y = height - (value / top) * height;
        drawing ? context.lineTo(x, y) : context.moveTo(x, y);
        drawing = true;
      });
      context.stroke();
    });
    probe.style.color = style.getPropertyValue("--soft");
    context.fillStyle = getComputedStyle(probe).color;
    context.fillText(shown(top), 4 * scale, 13 * scale);
    probe.remove();
  }
}

function shown(value) {
  if (value === null || value === undefined) return "–";
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}
