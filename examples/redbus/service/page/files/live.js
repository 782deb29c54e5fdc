// The stream of changes. After a failure the browser tries once more by itself, with
// Last-Event-ID. If that fails too, or the server refuses, the page waits longer each time.

import { backoff } from "./api.js";

// live calls on.snapshot and on.change with what comes after the cursor from,
// on.line(true or false) when it is connected or not, and on.over when no more will come.
// It returns a function that ends it. After a gap there is a snapshot, so it needs no call.
export function live(event, from, on) {
  let source;
  let failures = 0;
  let timer = 0;

  const close = () => {
    clearTimeout(timer);
    source?.close();
  };

  const connect = () => {
    close();
    source = new EventSource(`/v1/events/${encodeURIComponent(event)}/changes?from=${encodeURIComponent(from)}`);
    source.onopen = () => {
      failures = 0;
      on.line(true);
    };
    source.onerror = () => {
      failures++;
      on.line(false);
      if (failures === 1 && source.readyState === EventSource.CONNECTING) return;
      close();
      timer = setTimeout(connect, backoff(failures));
    };
    for (const kind of ["snapshot", "change"]) {
      source.addEventListener(kind, (e) => {
        from = e.lastEventId;
        on[kind](JSON.parse(e.data));
      });
    }
    source.addEventListener("end", (e) => {
      if (!JSON.parse(e.data).type.endsWith(":unknown-event")) return; // the server said when to come back
      close();
      on.over();
    });
  };

  connect();
  return close;
}
