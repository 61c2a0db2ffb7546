// Signalling and the peer connection. The browser offers whenever negotiation is needed, the Rust
// peer answers; candidates trickle both ways over one WebSocket.

/** Events: "state" (detail: text), "open", "failure" (detail: a sentence), "track", "report". */
export class Session extends EventTarget {
  constructor() {
    super();
    this.pc = null;
    this.socket = null;
  }

  start() {
    if (!("RTCPeerConnection" in window)) {
      this.fail("This browser has no WebRTC. Please open the page in a current Chrome, Firefox, Edge or Safari.");
      return;
    }
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/signal`);
    this.socket.onmessage = (event) => this.receive(JSON.parse(event.data));
    this.socket.onclose = () => this.end();
    this.pc = new RTCPeerConnection();
    this.pc.onicecandidate = ({ candidate }) => this.send({ kind: "candidate", candidate: candidate?.toJSON() ?? null });
    this.pc.onnegotiationneeded = () => this.offer();
    this.pc.onconnectionstatechange = () => this.stateChanged();
    this.pc.ontrack = (event) => this.emit("track", event);
    // Opened before the first offer, so that it has a section for data.
    this.chat = this.pc.createDataChannel("chat");
    this.chat.onopen = () => this.emit("open");
  }

  async offer() {
    try {
      if (this.socket.readyState === WebSocket.CONNECTING) {
        await new Promise((opened) => this.socket.addEventListener("open", opened, { once: true }));
      }
      await this.pc.setLocalDescription();
      this.send({ kind: "offer", sdp: this.pc.localDescription.sdp });
    } catch (error) {
      this.fail(`The browser could not make an offer (${error.message}). Reload the page to try again.`);
    }
  }

  async receive(message) {
    try {
      switch (message.kind) {
        case "answer":
          await this.pc.setRemoteDescription({ type: "answer", sdp: message.sdp });
          break;
        case "candidate":
          await this.pc.addIceCandidate(message.candidate);
          break;
        case "report":
          this.emit("report", message);
          break;
        case "error":
          this.refused = true;
          if (this.pc.connectionState !== "connected") this.emit("state", "failed");
          this.fail(message.text);
          break;
      }
    } catch (error) {
      this.fail(`The browser did not take the Rust peer's ${message.kind} (${error.message}). Reload the page to try again.`);
    }
  }

  /** The program ends the call when the WebSocket closes; so do we. */
  end() {
    this.pc.close();
    this.emit("state", "closed");
    if (!this.refused) this.fail("The program has stopped or the network is gone. Start “antiphon demo” again and reload this page.");
  }

  stateChanged() {
    const state = this.pc.connectionState;
    this.emit("state", state);
    if (state === "connected") this.refused = false;
    if (state === "failed") {
      this.fail("No path to the Rust peer was found. Check that no firewall blocks UDP between this device and the computer that runs antiphon, then reload the page.");
    }
  }

  send(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  fail(sentence) {
    this.emit("failure", sentence);
  }
}
