// SHA-256 over a stream, in a worker: WebCrypto digests only what is in memory as a whole.
// Messages in: an ArrayBuffer to append, or "finish". Messages out: {taken: bytes}, {digest: hex}.

// Signed words: the engine keeps those in registers, unsigned ones it does not.
const K = new Int32Array(64);
const state = new Int32Array(8);
{
  // The constants are the fractional parts of the roots of the first primes (FIPS 180-4, 4.2.2 and 5.3.3).
  const primes = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
  const fraction = (x) => ((x - Math.floor(x)) * 2 ** 32) | 0;
  primes.forEach((p, i) => {
    K[i] = fraction(Math.cbrt(p));
    if (i < 8) state[i] = fraction(Math.sqrt(p));
  });
}
const w = new Int32Array(64);
const rest = new Uint8Array(64);
let filled = 0;
let length = 0;

function compress(bytes, at) {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 64);
  for (let i = 0; i < 16; i++) w[i] = view.getInt32(4 * i);
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15], y = w[i - 2];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + t1) | 0;
    d = c; c = b; b = a; a = (t1 + t2) | 0;
  }
  state[0] += a; state[1] += b; state[2] += c; state[3] += d;
  state[4] += e; state[5] += f; state[6] += g; state[7] += h;
}

function update(bytes) {
  length += bytes.length;
  let at = 0;
  if (filled) {
    at = Math.min(64 - filled, bytes.length);
    rest.set(bytes.subarray(0, at), filled);
    filled += at;
    if (filled < 64) return;
    compress(rest, 0);
    filled = 0;
  }
  for (; at + 64 <= bytes.length; at += 64) compress(bytes, at);
  rest.set(bytes.subarray(at));
  filled = bytes.length - at;
}

function finish() {
  const bits = length * 8;
  const padding = new Uint8Array((filled < 56 ? 64 : 128) - filled);
  padding[0] = 0x80;
  const end = new DataView(padding.buffer);
  end.setUint32(padding.length - 8, Math.floor(bits / 2 ** 32));
  end.setUint32(padding.length - 4, bits >>> 0);
  update(padding);
  return [...state].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

self.onmessage = ({ data }) => {
  if (data === "finish") {
    self.postMessage({ digest: finish() });
  } else {
    update(new Uint8Array(data));
    self.postMessage({ taken: data.byteLength });
  }
};
