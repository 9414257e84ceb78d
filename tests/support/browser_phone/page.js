// A phone in a page: JsSIP for the signalling, WebAudio for mouth and ear.
// Python calls window.phone.*; what happens is told through the binding `report` as baresip would name it.
import JsSIP from "jssip";

const EAR_RATE = 8000;
const EAR_SAMPLES = 8192;

class Phone {
  constructor({ user, password, domain, ws, toneHz, answermode }) {
    this.auto = answermode === "auto";
    this.domain = domain;
    this.sessions = new Map();
    this.tracks = new Set();
    this.mouth = new AudioContext();
    this.ear = new AudioContext({ sampleRate: EAR_RATE });
    this.analyser = new AnalyserNode(this.ear, { fftSize: EAR_SAMPLES });
    // Silence that never ends keeps the analyser running when nothing is heard; it would go on showing old sound.
    const silence = new ConstantSourceNode(this.ear, { offset: 0 });
    silence.connect(this.analyser).connect(this.ear.destination);
    silence.start();
    this.tone = new OscillatorNode(this.mouth, { frequency: toneHz });
    this.voice = new GainNode(this.mouth, { gain: 0.3 });
    this.tone.connect(this.voice);
    this.tone.start();
    this.ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(ws)],
      uri: `sip:${user}@${domain}`,
      password,
      register: true,
      session_timers: false,
      user_agent: "browser phone of the tests",
    });
    this.ua.on("registered", () => tell("REGISTER_OK"));
    this.ua.on("unregistered", () => tell("UNREGISTERED"));
    this.ua.on("registrationFailed", ({ cause }) => tell("REGISTER_FAIL", null, cause));
    this.ua.on("disconnected", () => tell("DISCONNECTED"));
    this.ua.on("newRTCSession", ({ session }) => this.#watch(session));
    this.ua.start();
  }

  dial(number) {
    this.ua.call(`sip:${number}@${this.domain}`, this.#media());
  }

  accept() {
    for (const session of this.sessions.values()) {
      if (session.direction === "incoming" && !session.isEstablished()) session.answer(this.#media());
    }
  }

  hangUp() {
    this.#current().terminate();
  }

  hold() {
    return new Promise((done) => this.#current().hold({}, done));
  }

  resume() {
    return new Promise((done) => this.#current().unhold({}, done));
  }

  setMuted(muted) {
    this.#current()[muted ? "mute" : "unmute"]({ audio: true });
  }

  sendDtmf(digits) {
    this.#current().sendDTMF(digits, { transportType: "RFC2833" });
  }

  // REFER. How it went is told; the call goes on until somebody ends it, whatever the answer.
  // `replacing`: with Replaces, as for an attended transfer; the only call there is to name is this one.
  transfer(number, replacing) {
    const session = this.#current();
    const told = ({ status_line: line, response }) =>
      tell("TRANSFER_ANSWERED", session, (line ?? response)?.status_code);
    session.refer(`sip:${number}@${this.domain}`, {
      replaces: replacing ? session : null,
      eventHandlers: { requestFailed: told, failed: told, accepted: told },
    });
  }

  register(on) {
    if (on) this.ua.register();
    else this.ua.unregister();
  }

  // What was heard in the last second or so: 16 bit samples at EAR_RATE, in base64.
  heard() {
    const samples = new Float32Array(EAR_SAMPLES);
    this.analyser.getFloatTimeDomainData(samples);
    const words = Int16Array.from(samples, (sample) => Math.max(-1, Math.min(1, sample)) * 32767);
    return btoa(String.fromCharCode(...new Uint8Array(words.buffer)));
  }

  #media() {
    const mouth = new MediaStreamAudioDestinationNode(this.mouth);
    this.voice.connect(mouth);
    return { mediaStream: mouth.stream, pcConfig: { iceServers: [] } };
  }

  #current() {
    const all = [...this.sessions.values()];
    if (!all.length) throw new Error("there is no call");
    return all[all.length - 1];
  }

  #watch(session) {
    this.sessions.set(session.id, session);
    const incoming = session.direction === "incoming";
    session.on("peerconnection", ({ peerconnection }) => this.#listen(peerconnection));
    if (session.connection) this.#listen(session.connection);
    // A host candidate is all there is on one machine: do not wait for others.
    session.on("icecandidate", ({ ready }) => ready());
    session.on("progress", () => !incoming && tell("CALL_RINGING", session));
    session.on("confirmed", () => tell("CALL_ESTABLISHED", session));
    session.on("hold", ({ originator }) => tell("CALL_HOLD", session, originator));
    session.on("unhold", ({ originator }) => tell("CALL_RESUME", session, originator));
    const closed = ({ cause, message }) => {
      this.sessions.delete(session.id);
      tell("CALL_CLOSED", session, message?.status_code ? `${message.status_code} ${cause}` : cause);
    };
    session.on("ended", closed);
    session.on("failed", closed);
    if (!incoming) return;
    tell("CALL_INCOMING", session);
    if (this.auto) session.answer(this.#media());
  }

  #listen(connection) {
    connection.addEventListener("track", ({ track }) => {
      if (this.tracks.has(track.id)) return; // told again after each hold
      this.tracks.add(track.id);
      const stream = new MediaStream([track]);
      const player = new Audio(); // Chromium feeds WebAudio from a remote track only while something plays it
      player.srcObject = stream;
      player.muted = true;
      player.play();
      const sound = this.ear.createMediaStreamSource(stream);
      // On hold a node may go on sending; the track is muted then, which WebAudio alone does not heed.
      if (!track.muted) sound.connect(this.analyser);
      track.addEventListener("mute", () => sound.disconnect());
      track.addEventListener("unmute", () => sound.connect(this.analyser));
    });
  }
}

function tell(kind, session = null, detail = "") {
  const request = session?._request;
  window.report(
    JSON.stringify({
      kind,
      detail: String(detail ?? ""),
      call_id: request?.call_id ?? "",
      peer: session?.remote_identity?.uri?.toString() ?? "",
      outgoing: session?.direction === "outgoing",
    }),
  );
}

window.startPhone = async (settings) => {
  // Chromium offers all its addresses (here: loopback) only to a page that may use the microphone, as an agent's may.
  await navigator.mediaDevices.getUserMedia({ audio: true });
  window.phone = new Phone(settings);
};
