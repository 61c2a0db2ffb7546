// The call: camera and microphone, or a drawn picture and a tone, go out and come back.
//
// What is sent is always a canvas: a strip of black and white squares at its bottom says when the
// picture was drawn, so that the returned picture tells how long it was under way.

const BITS = 16;

export class Call {
  constructor(session) {
    this.session = session;
    this.canvas = document.getElementById("local-video");
    this.remote = document.getElementById("remote-video");
    this.startButton = document.getElementById("call-start");
    this.stopButton = document.getElementById("call-stop");
    this.listen = document.getElementById("call-listen");
    this.reader = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    this.returned = new MediaStream();
    this.waiting = 0;
    this.startButton.addEventListener("click", () => this.start());
    this.stopButton.addEventListener("click", () => this.stop());
    this.listen.addEventListener("change", () => (this.remote.muted = !this.listen.checked));
    session.addEventListener("track", ({ detail }) => this.arrived(detail.track));
    session.addEventListener("state", ({ detail }) => detail === "closed" && this.stop());
  }

  async start() {
    if (this.session.pc.connectionState === "closed") {
      this.session.fail("There is nobody to call, because the connection is closed. Reload the page.");
      return;
    }
    this.startButton.disabled = true;
    const kind = document.getElementById("source-kind");
    kind.textContent = "(asking for the camera …)";
    const source = await this.source();
    this.picture = source.picture;
    this.tracks = [source.sound, this.canvas.captureStream(30).getVideoTracks()[0]];
    this.release = source.release;
    kind.textContent = source.kind;
    this.running = true;
    this.draw();
    const { pc } = this.session;
    const stream = new MediaStream(this.tracks);
    this.senders = this.tracks.map((track) => pc.addTrack(track, stream));
    this.stopButton.disabled = false;
  }

  stop() {
    if (!this.running) return;
    this.running = false;
    this.stopButton.disabled = true;
    const ours = this.session.pc.getTransceivers().filter(({ sender }) => this.senders.includes(sender));
    if (this.session.pc.connectionState !== "closed") ours.forEach((transceiver) => transceiver.stop());
    this.tracks.forEach((track) => track.stop());
    this.release();
    this.remote.srcObject = null;
    this.returned = new MediaStream();
    for (const id of ["latency", "frame-rate"]) document.getElementById(id).textContent = "–";
    document.getElementById("source-kind").textContent = "";
    this.startButton.disabled = false;
  }

  /** The camera and microphone; where there is none, or no permission, a drawing and a tone. */
  async source() {
    try {
      const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 360 } });
      const video = document.createElement("video");
      video.muted = true;
      video.playsInline = true;
      video.srcObject = new MediaStream(media.getVideoTracks());
      await video.play();
      return {
        kind: "(camera and microphone)",
        sound: media.getAudioTracks()[0],
        picture: (context, { width, height }) => context.drawImage(video, 0, 0, width, height),
        release: () => media.getTracks().forEach((track) => track.stop()),
      };
    } catch (error) {
      const audio = new AudioContext();
      const tone = new OscillatorNode(audio, { frequency: 440 });
      const quiet = new GainNode(audio, { gain: 0.1 });
      const out = audio.createMediaStreamDestination();
      tone.connect(quiet).connect(out);
      tone.start();
      return {
        kind: `(${missing(error)}: a drawing and a tone)`,
        sound: out.stream.getAudioTracks()[0],
        picture: drawing,
        release: () => audio.close(),
      };
    }
  }

  draw() {
    if (!this.running) return;
    const context = this.canvas.getContext("2d");
    this.picture(context, this.canvas);
    const side = this.canvas.width / BITS;
    const now = Math.floor(performance.now()) & 0xffff;
    for (let bit = 0; bit < BITS; bit++) {
      context.fillStyle = now & (1 << bit) ? "#fff" : "#000";
      context.fillRect(bit * side, this.canvas.height - side, side, side);
    }
    // A timer, not an animation frame: those stop while the page is hidden.
    setTimeout(() => this.draw(), 33);
  }

  arrived(track) {
    // Hanging up negotiates as well, and may announce tracks that are over.
    if (!this.running || track.readyState === "ended") return;
    this.returned.addTrack(track);
    if (this.remote.srcObject !== this.returned) {
      this.remote.srcObject = this.returned;
      this.remote.play().catch((error) => {
        // Hanging up interrupts it as well; that is no failure.
        if (error.name !== "NotAllowedError") return;
        this.remote.controls = true;
        this.session.fail("The browser does not play the returned video by itself. Press its play button.");
      });
    }
    if (track.kind === "video") {
      this.frames = [];
      this.watch();
    } else {
      this.level(track);
    }
  }

  /** One frame is waited for at a time. */
  watch() {
    this.remote.cancelVideoFrameCallback(this.waiting);
    this.waiting = this.remote.requestVideoFrameCallback(() => this.frame());
  }

  frame() {
    if (!this.running) return;
    const now = performance.now();
    const { videoWidth, videoHeight } = this.remote;
    const { canvas } = this.reader;
    canvas.width = BITS * 2;
    canvas.height = 2;
    const side = videoWidth / BITS;
    this.reader.drawImage(this.remote, 0, videoHeight - side * 0.75, videoWidth, side * 0.5, 0, 0, BITS * 2, 2);
    const { data } = this.reader.getImageData(0, 0, BITS * 2, 1);
    let drawn = 0;
    for (let bit = 0; bit < BITS; bit++) if (data[bit * 8] + data[bit * 8 + 4] > 255) drawn |= 1 << bit;
    const age = (Math.floor(now) - drawn) & 0xffff;
    if (age < 10_000) document.getElementById("latency").textContent = `${age} ms`;
    this.frames = [...this.frames.filter((time) => time > now - 1000), now];
    document.getElementById("frame-rate").textContent = this.frames.length;
    this.watch();
  }

  level(track) {
    const audio = new AudioContext();
    const analyser = new AnalyserNode(audio, { fftSize: 1024 });
    audio.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const meter = document.getElementById("sound-level");
    const timer = setInterval(() => {
      if (!this.running) {
        clearInterval(timer);
        audio.close();
        meter.value = 0;
        return;
      }
      analyser.getFloatTimeDomainData(samples);
      meter.value = Math.min(1, 4 * Math.sqrt(samples.reduce((sum, s) => sum + s * s, 0) / samples.length));
    }, 100);
  }
}

/** Why there is no camera. */
function missing(error) {
  if (!window.isSecureContext) return "a browser lends its camera only to localhost and to pages over TLS";
  if (error.name === "NotAllowedError") return "you did not allow the camera and microphone";
  if (error.name === "NotReadableError") return "the camera or microphone is in use elsewhere";
  return "no camera or microphone here";
}

function drawing(context, { width, height }) {
  const time = performance.now() / 1000;
  const sky = context.createLinearGradient(0, 0, width, height);
  sky.addColorStop(0, `hsl(${(time * 20) % 360} 60% 35%)`);
  sky.addColorStop(1, `hsl(${(time * 20 + 80) % 360} 60% 20%)`);
  context.fillStyle = sky;
  context.fillRect(0, 0, width, height);
  for (let i = 0; i < 2; i++) {
    const turn = time * 1.3 + i * Math.PI;
    context.beginPath();
    context.arc(width / 2 + Math.cos(turn) * width * 0.25, height / 2 + Math.sin(turn * 1.5) * height * 0.2, height * 0.12, 0, 7);
    context.fillStyle = i ? "#f0bd3acc" : "#7da7ffcc";
    context.fill();
  }
  context.fillStyle = "#fff";
  context.font = "28px system-ui, sans-serif";
  context.fillText(new Date().toLocaleTimeString(), 20, 44);
}
