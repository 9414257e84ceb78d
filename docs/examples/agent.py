"""An agent program in plain Python: takes one call, holds, retrieves and ends it. Needs only `websockets`.

Start a centre with `make up`, run this, then call 4000. More in docs/agent-programs.md.
"""

import asyncio
import json
import sys
import urllib.request
import uuid
from pathlib import Path

from websockets.asyncio.client import connect


def token(centre: dict, person: dict) -> str:
    """An access token; within 60 seconds it opens one socket."""
    body = json.dumps({"agent_id": person["agent_id"], "password": person["password"]}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(centre["http"] + "/api/v1/auth/token", body, headers)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)["access_token"]


async def main(centre: dict) -> None:
    person = next(person for person in centre["people"] if person["agent_id"] == "1001")
    async with connect(centre["ws"], subprotocols=["cti.v1"]) as socket:
        events = []

        async def next_message() -> dict:
            return json.loads(await asyncio.wait_for(socket.recv(), 60))

        async def ask(method: str, **params: object) -> dict:
            request = {"jsonrpc": "2.0", "id": str(uuid.uuid4()), "method": method, "params": params}
            await socket.send(json.dumps(request))
            while (message := await next_message()).get("id") != request["id"]:
                events.append(message)
            if "error" in message:
                sys.exit(f"{method}: {message['error']['data']['code']}")
            return message["result"]

        async def event(name: str) -> dict:
            while not (found := [e for e in events if e["method"] == name]):
                events.append(await next_message())
            return found[0]["params"]

        await ask("session.open", token=token(centre, person))
        await ask("agent.sign_in", station="1001", station_mode="on_demand")
        await ask("agent.set_state", state="ready")
        print("ready", flush=True)
        call = (await event("contact.offered"))["contact"]["contact_id"]
        for method in ("contact.accept", "contact.hold", "contact.retrieve", "contact.hang_up"):
            print(method, (await ask(method, contact_id=call))["contact"]["state"], flush=True)
            await asyncio.sleep(2)  # a word to the customer
        await ask("contact.wrap_up", contact_id=call, disposition="resolved", next_state="not_ready")
        await ask("agent.sign_out")


where = sys.argv[1] if sys.argv[1:] else "var/run/centre.json"
asyncio.run(main(json.loads(Path(where).read_text())))
