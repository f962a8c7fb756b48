// The outbox: decisions are kept in IndexedDB until the server has said that it has them.
// Each has an id of its own, so that sending one twice records it once.

const STORE = "decisions";
const RETRY_MS = [500, 1000, 2000, 5000, 10000];

export class Outbox {
  constructor(user, told) {
    this.user = user;
    this.told = told; // called with {waiting, conflicts, refused, login, offline}
    this.memory = new Map(); // where there is no IndexedDB, as in some private windows
    this.database = open();
    this.failures = 0;
    this.sending = null;
  }

  async add(screen, decisions) {
    const rows = decisions.map((decision) => ({ id: decision.id, user: this.user, screen, decision, at: Date.now() }));
    await this.#write((store) => rows.forEach((row) => store.put(row)), () => rows.forEach((row) => this.memory.set(row.id, row)));
    this.flush();
  }

  async remove(ids) {
    await this.#write((store) => ids.forEach((id) => store.delete(id)), () => ids.forEach((id) => this.memory.delete(id)));
  }

  /** Send all that waits; resolves when nothing does, or when sending has failed for now. */
  flush() {
    this.sending ??= this.#send().finally(() => { this.sending = null; });
    return this.sending;
  }

  async rows() {
    const database = await this.database;
    if (!database) return [...this.memory.values()];
    const all = await done(database.transaction(STORE).objectStore(STORE).getAll());
    return all.filter((row) => row.user === this.user).sort((one, other) => one.at - other.at);
  }

  async #send() {
    for (let rows = await this.rows(); rows.length; rows = await this.rows()) {
      const screen = rows[0].screen;
      const batch = rows.filter((row) => row.screen === screen).slice(0, 200);
      const answer = await post("/api/v1/decisions", { screen, decisions: batch.map((row) => row.decision) });
      if (answer.status === 401) return this.told({ login: true, waiting: rows.length });
      if (answer.status === 0 || answer.status === 429 || answer.status >= 500) return this.#later(rows.length);
      this.failures = 0;
      await this.remove(batch.map((row) => row.id));
      if (answer.status !== 200) this.told({ refused: answer.body?.detail ?? `status ${answer.status}`, count: batch.length });
      else this.told({ ...answer.body, batch, waiting: rows.length - batch.length });
    }
  }

  #later(waiting) {
    this.told({ offline: true, waiting });
    const pause = RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)];
    setTimeout(() => this.flush(), pause * (0.75 + Math.random() / 2));
  }

  async #write(change, otherwise) {
    const database = await this.database;
    if (!database) return otherwise();
    const transaction = database.transaction(STORE, "readwrite", { durability: "relaxed" });
    change(transaction.objectStore(STORE));
    return new Promise((resolve, reject) => { transaction.oncomplete = resolve; transaction.onerror = () => reject(transaction.error); });
  }
}

export async function post(path, body, method = "POST") {
  try {
    const options = { method, headers: { "Content-Type": "application/json" }, body: body && JSON.stringify(body) };
    const response = await fetch(path, options);
    return { status: response.status, body: response.status === 204 ? null : await response.json().catch(() => null) };
  } catch {
    return { status: 0, body: null };
  }
}

function open() {
  return new Promise((resolve) => {
    if (!globalThis.indexedDB) return resolve(null);
    const request = indexedDB.open("tagger-review", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => resolve(null);
  });
}

function done(request) {
  return new Promise((resolve, reject) => { request.onsuccess = () => resolve(request.result); request.onerror = () => reject(request.error); });
}
