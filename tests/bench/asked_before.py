"""What a call must learn before `Queue()` in a bank: is this a customer who has priority? By FastAGI.

With panoramisk's FastAGI application and one query on an open connection: as quick as it gets with the given
libraries. A process of its own: `python -m tests.bench.asked_before PORT DATABASE`.
"""

import asyncio
import sqlite3
import sys

from panoramisk.fast_agi import Application, Request

VIP_PRIORITY = 5
_QUERY = "SELECT tier FROM customers WHERE number = ?"


async def serve(port: int, database: str) -> None:
    """Answer until killed; says `ready` when it can."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)

    async def customer(request: Request) -> None:
        row = connection.execute(_QUERY, (request.headers.get("agi_arg_1", ""),)).fetchone()
        priority = VIP_PRIORITY if row and row[0] == "vip" else 0
        await request.send_command(f"SET VARIABLE QUEUE_PRIO {priority}")

    application = Application(loop=asyncio.get_running_loop())
    application.add_route("customer", customer)
    server = await asyncio.start_server(application.handler, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))
