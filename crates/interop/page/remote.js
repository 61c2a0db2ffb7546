// A peer connection under remote control: the test sends {id, name, args} over a WebSocket, the
// page answers {id, result} or {id, error}, and tells of its own accord {event, ...}.

const socket = new WebSocket(`ws://${location.host}/control`);
const tell = (message) => socket.send(JSON.stringify(message));
let pc;
const channels = new Map();
const returned = new MediaStream();

function watch(channel) {
  const record = { channel, messages: [], bytes: 0, hash: null, chunks: [] };
  channels.set(channel.label, record);
  channel.binaryType = "arraybuffer";
  channel.onopen = () => tell({ event: "channelOpen", label: channel.label });
  channel.onclose = () => tell({ event: "channelClose", label: channel.label });
  channel.onmessage = ({ data }) => {
    if (record.sink) record.sink(data);
    else tell({ event: "message", label: channel.label, ...(typeof data === "string" ? { text: data } : { hex: toHex(data) }) });
  };
  return record;
}

const toHex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

const commands = {
  userAgent: () => navigator.userAgent,

  create({ configuration } = {}) {
    pc = new RTCPeerConnection(configuration);
    pc.onicecandidate = ({ candidate }) => tell({ event: "candidate", candidate: candidate?.toJSON() ?? null });
    pc.onconnectionstatechange = () => tell({ event: "connectionState", state: pc.connectionState });
    pc.oniceconnectionstatechange = () => tell({ event: "iceState", state: pc.iceConnectionState });
    pc.onnegotiationneeded = () => tell({ event: "negotiationNeeded" });
    pc.ondatachannel = ({ channel }) => {
      watch(channel);
      tell({ event: "channel", label: channel.label, stream: channel.id, ordered: channel.ordered, maxRetransmits: channel.maxRetransmits, maxPacketLifeTime: channel.maxPacketLifeTime, protocol: channel.protocol });
    };
    pc.ontrack = ({ track, transceiver }) => {
      returned.addTrack(track);
      const video = document.getElementById("returned");
      video.srcObject = returned;
      video.play().catch(() => {});
      tell({ event: "track", kind: track.kind, mid: transceiver.mid });
    };
  },

  /** Adds the browser's fake camera and microphone. */
  async addMedia({ audio, video }) {
    const media = await navigator.mediaDevices.getUserMedia({ audio, video });
    for (const track of media.getTracks()) pc.addTrack(track, media);
  },

  async offer({ iceRestart = false } = {}) {
    await pc.setLocalDescription(await pc.createOffer({ iceRestart }));
    return pc.localDescription.sdp;
  },

  async answer() {
    await pc.setLocalDescription();
    return pc.localDescription.sdp;
  },

  setRemote: ({ type, sdp }) => pc.setRemoteDescription({ type, sdp }),
  addCandidate: ({ candidate }) => pc.addIceCandidate(candidate ?? undefined),
  restartIce: () => pc.restartIce(),
  close: () => pc.close(),
  states: () => ({ connection: pc.connectionState, ice: pc.iceConnectionState, signaling: pc.signalingState }),
  directions: () => pc.getTransceivers().map(({ mid, direction, currentDirection }) => ({ mid, direction, currentDirection })),

  createChannel({ label, options }) {
    watch(pc.createDataChannel(label, options));
  },

  channelState: ({ label }) => channels.get(label)?.channel.readyState ?? null,
  sendText: ({ label, text }) => channels.get(label).channel.send(text),
  sendHex({ label, hex }) {
    channels.get(label).channel.send(Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16)));
  },
  closeChannel: ({ label }) => channels.get(label).channel.close(),

  /** Sends `size` bytes that depend on their place, and returns their SHA-256. */
  async sendBulk({ label, size, chunk = 65536 }) {
    const { channel } = channels.get(label);
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, Math.min(at + 65536, size)));
    channel.bufferedAmountLowThreshold = 1 << 20;
    for (let at = 0; at < size; at += chunk) {
      while (channel.bufferedAmount > 4 << 20) {
        await Promise.race([new Promise((done) => (channel.onbufferedamountlow = done)), pause(100)]);
        if (channel.readyState !== "open") throw new Error(`channel is ${channel.readyState}`);
      }
      channel.send(bytes.subarray(at, at + chunk));
    }
    return toHex(await crypto.subtle.digest("SHA-256", bytes));
  },

  /** Starts collecting; `bulkReceived` waits for `size` bytes and returns their SHA-256. */
  collect({ label }) {
    const record = channels.get(label);
    record.chunks = [];
    record.bytes = 0;
    record.sink = (data) => {
      record.chunks.push(data);
      record.bytes += data.byteLength;
    };
  },
  async bulkReceived({ label, size }) {
    const record = channels.get(label);
    while (record.bytes < size) await pause(20);
    record.sink = null;
    return toHex(await crypto.subtle.digest("SHA-256", await new Blob(record.chunks).arrayBuffer()));
  },

  /** Watches the returned video for `ms`: frames shown, and how many differ from the one before. */
  async watchVideo({ ms }) {
    const video = document.getElementById("returned");
    const small = Object.assign(document.createElement("canvas"), { width: 32, height: 18 }).getContext("2d", { willReadFrequently: true });
    let frames = 0;
    let changed = 0;
    let before = "";
    const end = performance.now() + ms;
    while (performance.now() < end) {
      await Promise.race([new Promise((done) => video.requestVideoFrameCallback(done)), pause(200)]);
      if (!video.videoWidth) continue;
      small.drawImage(video, 0, 0, 32, 18);
      const now = small.getImageData(0, 0, 32, 18).data.join();
      frames++;
      if (now !== before) changed++;
      before = now;
    }
    return { frames, changed, width: video.videoWidth, height: video.videoHeight };
  },

  /** The sum of energy that the returned sound had, by the receiver's statistics. */
  async audioEnergy() {
    let energy = 0;
    for (const stat of (await pc.getStats()).values()) {
      if (stat.type === "inbound-rtp" && stat.kind === "audio") energy += stat.totalAudioEnergy ?? 0;
    }
    return energy;
  },

  /** The selected pair: both its candidates, as statistics have them. */
  async selected() {
    const stats = await pc.getStats();
    const all = [...stats.values()];
    const pair =
      stats.get(all.find(({ type }) => type === "transport")?.selectedCandidatePairId) ??
      all.find(({ type, nominated, selected, state }) => type === "candidate-pair" && (selected || nominated) && state === "succeeded");
    return pair && { local: stats.get(pair.localCandidateId), remote: stats.get(pair.remoteCandidateId) };
  },

  stats: async () => [...(await pc.getStats()).values()],
};

socket.onopen = () => tell({ event: "ready" });
socket.onmessage = async ({ data }) => {
  const { id, name, args } = JSON.parse(data);
  try {
    tell({ id, result: (await commands[name](args ?? {})) ?? null });
  } catch (error) {
    tell({ id, error: `${name}: ${error}` });
  }
};
