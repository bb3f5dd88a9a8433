// The socket to the console. It reconnects by itself, and everybody can listen to what comes.

const RETRY_MS = [250, 500, 1000, 2000];
const MOST_WAITING_BYTES = 16384;

class Link extends EventTarget {
  constructor() {
    super();
    this.hello = null;
    this.status = null;
    this.holder = null;
    this.heardAt = 0;
    this.tries = 0;
    this.denied = false;
    this.socket = null;
  }

  get open() { return this.socket !== null && this.socket.readyState === WebSocket.OPEN && this.hello !== null; }
  get control() { return this.open && this.holder !== null && this.holder === this.hello.you; }

  connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws`);
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = () => this.lost();
    this.socket = socket;
  }

  lost() {
    this.hello = null;
    this.holder = null;
    this.emit("lost");
    setTimeout(() => this.connect(), RETRY_MS[Math.min(this.tries, RETRY_MS.length - 1)]);
    this.tries += 1;
    if (this.tries > 1) this.askWhy();
  }

  // A socket does not say why it was refused; a request does.
  async askWhy() {
    const answer = await fetch("/", { credentials: "same-origin" }).catch(() => null);
    this.denied = answer !== null && answer.status === 401;
  }

  receive(data) {
    this.heardAt = performance.now();
    if (typeof data !== "string") { this.emit("picture", readPicture(data)); return; }
    const message = JSON.parse(data);
    if (message.type === "hello") { this.hello = message; this.tries = 0; }
    if (message.type === "status") {
      const before = this.holder;
      this.status = message.status;
      this.holder = message.holder;
      if (before !== this.holder) this.emit("holder", message.holder);
    }
    this.emit(message.type, message);
  }

  // Sends unless the connection is down.
  send(type, fields = {}) {
    if (this.socket === null || this.socket.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify({ type, ...fields }));
    return true;
  }

  // Sends unless older messages still wait: what a hand did a moment ago must not arrive late.
  sendFresh(type, fields) {
    return this.socket !== null && this.socket.bufferedAmount < MOST_WAITING_BYTES && this.send(type, fields);
  }

  emit(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }
  on(name, listener) { this.addEventListener(name, (event) => listener(event.detail)); }
}

function readPicture(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { ...header, jpeg: new Blob([new Uint8Array(buffer, 4 + length)], { type: "image/jpeg" }) };
}

export const link = new Link();

// One request to the console; throws an Error that says why it was refused.
export async function request(path, body) {
  const options = body === undefined ? {} : {
    method: "POST",
    headers: { "content-type": "application/json", "x-console-client": link.hello?.secret ?? "" },
    body: JSON.stringify(body),
  };
  const answer = await fetch(path, { ...options, credentials: "same-origin" });
  const found = await answer.json().catch(() => ({ why: `The console answered ${answer.status}.` }));
  if (!answer.ok) throw new Error(found.why ?? `The console answered ${answer.status}.`);
  return found;
}
