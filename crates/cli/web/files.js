// Files both ways, each over a channel of its own with the protocol "file".
//
// sender -> receiver  {kind: "file", name, size} as text, then the bytes as binary messages,
//                     then {kind: "end", sha256}
// receiver -> sender  {kind: "taken", bytes} now and then (the sender keeps at most WINDOW ahead),
//                     and at the end {kind: "done", sha256, good}
// The page asks for a file back with a channel of the label "back:NAME".

const CHUNK = 64 * 1024;
const HIGH = 4 * 1024 * 1024;
const REPORT = 1024 * 1024;
const PIECE = 8 * 1024 * 1024;

export class Files {
  constructor(session) {
    this.session = session;
    this.list = document.getElementById("transfers");
    const drop = document.getElementById("drop");
    const input = document.getElementById("file-input");
    input.addEventListener("change", () => {
      this.sendAll(input.files);
      input.value = "";
    });
    for (const name of ["dragover", "dragleave", "drop"]) {
      drop.addEventListener(name, (event) => {
        event.preventDefault();
        drop.classList.toggle("over", name === "dragover");
        if (name === "drop") this.sendAll(event.dataTransfer.files);
      });
    }
  }

  async sendAll(files) {
    // The list is the input's own, which is emptied at once.
    const all = [...files];
    if (this.session.pc.connectionState !== "connected") {
      this.session.fail("The file was not sent, because there is no connection. Wait until the page says “Connected”, or reload it, and drop the file again.");
      return;
    }
    for (const file of all) await this.send(file);
  }

  async send(file) {
    const row = new Row(this.list, file.name, file.size, "to Rust");
    const channel = this.open(`file:${file.name}`);
    try {
      await opened(channel);
      const answer = new Promise((done, failed) => {
        channel.onmessage = ({ data }) => {
          const message = JSON.parse(data);
          if (message.kind === "taken") row.progress(message.bytes);
          else if (message.kind === "done") done(message);
          else if (message.kind === "error") failed(new Error(message.text));
        };
        channel.onclose = () => failed(new Error("the connection was lost"));
      });
      // A refusal comes while we are still sending.
      const refused = answer.then(() => new Promise(() => {}));
      const sha256 = await Promise.race([this.stream(channel, file), refused]);
      const { good, sha256: theirs } = await answer;
      if (good && theirs === sha256) {
        row.finish(true, `Rust has it. SHA-256 ${sha256}`);
        row.button("Fetch it back", () => this.fetchBack(file.name, sha256));
      } else {
        row.finish(false, `What arrived differs (${theirs}). Send the file again.`);
      }
    } catch (error) {
      row.finish(false, `Not sent: ${reason(error)}. Then drop the file again.`);
    } finally {
      channel.onclose = null;
      channel.close();
    }
  }

  /** Sends the bytes as fast as they leave, holding no more than HIGH of them. */
  async stream(channel, file) {
    const hash = new Hash();
    let hashed;
    channel.bufferedAmountLowThreshold = HIGH / 2;
    channel.send(JSON.stringify({ kind: "file", name: file.name, size: file.size }));
    for (let at = 0; at < file.size; at += PIECE) {
      const piece = await file.slice(at, at + PIECE).arrayBuffer();
      for (let from = 0; from < piece.byteLength; from += CHUNK) {
        if (channel.bufferedAmount > HIGH) await drained(channel);
        if (channel.readyState !== "open") return hash.end();
        channel.send(piece.slice(from, from + CHUNK));
      }
      // While one piece is hashed the next one is read and sent.
      await hashed;
      hashed = hash.update(piece);
    }
    await hashed;
    const sha256 = await hash.finish();
    channel.send(JSON.stringify({ kind: "end", sha256 }));
    return sha256;
  }

  async fetchBack(name, expected) {
    const channel = this.open(`back:${name}`);
    let row;
    const hash = new Hash();
    const pieces = [];
    let piece = [];
    let pending = 0;
    let taken = 0;
    let reported = 0;
    const flush = () => {
      // A Blob may live on disk: memory holds one piece at a time.
      const blob = new Blob(piece);
      pieces.push(blob);
      piece = [];
      pending = 0;
      return blob;
    };
    let order = Promise.resolve();
    const digest = (blob) => (order = order.then(async () => hash.update(await blob.arrayBuffer())));
    try {
      const end = await new Promise((done, failed) => {
        channel.onclose = () => failed(new Error("the connection was lost"));
        channel.onmessage = ({ data }) => {
          if (typeof data === "string") {
            const message = JSON.parse(data);
            if (message.kind === "file") row = new Row(this.list, message.name, message.size, "from Rust");
            else if (message.kind === "end") done(message);
            else if (message.kind === "error") failed(new Error(message.text));
            return;
          }
          piece.push(data);
          pending += data.byteLength;
          taken += data.byteLength;
          row.progress(taken);
          if (pending >= PIECE) digest(flush());
          if (taken - reported >= REPORT) {
            reported = taken;
            // Only what is hashed counts as taken: the sender never runs far ahead of us.
            order.then(() => channel.readyState === "open" && channel.send(JSON.stringify({ kind: "taken", bytes: taken })));
          }
        };
      });
      digest(flush());
      await order;
      const sha256 = await hash.finish();
      const good = sha256 === end.sha256 && sha256 === expected;
      channel.send(JSON.stringify({ kind: "done", sha256, good }));
      row.finish(good, good ? `Came back unchanged. SHA-256 ${sha256}` : `What came back differs (${sha256}). Fetch it again.`);
      if (good) row.link(new Blob(pieces), name);
    } catch (error) {
      row ??= new Row(this.list, name, 0, "from Rust");
      hash.end();
      row.finish(false, `Did not come back: ${reason(error)}. Then press “Fetch it back” again.`);
    } finally {
      channel.onclose = null;
      setTimeout(() => channel.close(), 1000);
    }
  }

  open(label) {
    const channel = this.session.pc.createDataChannel(label, { protocol: "file" });
    channel.binaryType = "arraybuffer";
    return channel;
  }
}

class Hash {
  constructor() {
    this.worker = new Worker("sha256.js");
  }

  ask(message, transfer = []) {
    return new Promise((done, failed) => {
      this.worker.onmessage = ({ data }) => done(data);
      this.worker.onerror = () => failed(new Error("the browser could not compute the hash; reload the page"));
      this.worker.postMessage(message, transfer);
    });
  }

  /** Takes the buffer over. */
  update(buffer) {
    return this.ask(buffer, [buffer]);
  }

  async finish() {
    const { digest } = await this.ask("finish");
    this.end();
    return digest;
  }

  end() {
    this.worker.terminate();
  }
}

class Row {
  constructor(list, name, size, way) {
    this.size = size;
    this.began = performance.now();
    this.item = document.createElement("li");
    this.item.innerHTML = '<span class="name"></span> <span class="detail way"></span><progress max="1" value="0"></progress><div class="detail end"></div>';
    this.item.querySelector(".name").textContent = name;
    this.item.querySelector(".way").textContent = `${way}, ${amount(size)}`;
    this.bar = this.item.querySelector("progress");
    this.bar.setAttribute("aria-label", `${name} ${way}`);
    this.end = this.item.querySelector(".end");
    list.prepend(this.item);
  }

  progress(bytes) {
    const seconds = (performance.now() - this.began) / 1000;
    this.bar.value = this.size ? bytes / this.size : 1;
    this.end.textContent = `${amount(bytes)} at ${amount(bytes / Math.max(seconds, 0.001))}/s`;
  }

  finish(good, text) {
    const seconds = (performance.now() - this.began) / 1000;
    if (good) this.bar.value = 1;
    this.end.className = `detail end ${good ? "good" : "bad"}`;
    this.end.textContent = good && this.size ? `${text} (${amount(this.size / Math.max(seconds, 0.001))}/s)` : text;
  }

  button(text, action) {
    const button = document.createElement("button");
    button.className = "small";
    button.textContent = text;
    button.addEventListener("click", async () => {
      button.disabled = true;
      await action();
      button.disabled = false;
    });
    this.item.append(button);
  }

  link(blob, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.textContent = "Save it";
    link.className = "save";
    this.item.append(link);
  }
}

function opened(channel) {
  return new Promise((done, failed) => {
    if (channel.readyState === "open") done();
    channel.onopen = done;
    channel.onclose = () => failed(new Error("the connection was lost"));
  });
}

/** What went wrong and what to do, to be followed by "Then ...". */
function reason(error) {
  if (error.name === "NotReadableError") return "the browser can no longer read the file; see that it is still there and was not changed";
  if (error.name === "NotFoundError") return "the file is no longer there, or it is a folder; pack folders into an archive";
  if (error.message === "the connection was lost") return "the connection was lost; wait for “Connected” or reload the page";
  return error.message.replace(/\.$/, "");
}

function drained(channel) {
  return new Promise((done) => {
    channel.onbufferedamountlow = done;
    channel.addEventListener("close", done, { once: true });
  });
}

function amount(bytes) {
  const units = ["bytes", "KB", "MB", "GB"];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) {
    bytes /= 1000;
    unit++;
  }
  return `${unit ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
}
