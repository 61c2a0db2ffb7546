// Text both ways over the channel "chat": {kind: "text", id, text} and {kind: "arrived", id}.

export class Chat {
  constructor(session) {
    this.channel = session.chat;
    this.log = document.getElementById("chat-log");
    this.input = document.getElementById("chat-text");
    this.next = 1;
    this.sent = new Map();
    this.channel.onmessage = (event) => this.receive(JSON.parse(event.data));
    document.getElementById("chat-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit(session);
    });
  }

  submit(session) {
    const text = this.input.value;
    if (!text) return;
    if (this.channel.readyState !== "open") {
      session.fail("The message was not sent, because there is no connection. Wait until the page says “Connected”, or reload it, and press Send again.");
      return;
    }
    const id = this.next++;
    this.sent.set(id, this.show("You", text, "mine"));
    this.channel.send(JSON.stringify({ kind: "text", id, text }));
    this.input.value = "";
  }

  receive(message) {
    if (message.kind === "text") {
      this.show("Rust", message.text, "theirs");
    } else if (message.kind === "arrived") {
      this.sent.get(message.id)?.classList.add("arrived");
      this.sent.delete(message.id);
    }
  }

  show(who, text, side) {
    const line = document.createElement("li");
    line.className = side;
    const name = document.createElement("span");
    name.className = "who";
    name.textContent = who;
    line.append(name, text);
    this.log.append(line);
    this.log.scrollTop = this.log.scrollHeight;
    return line;
  }
}
