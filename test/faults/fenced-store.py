"""A store with fencing: SQLite behind a socket. Every line in is a JSON request, every line out its answer.

It is told the statement to write with. Every write is noted in the order in which it was decided, with whether the
statement changed a row: that is what says accepted or refused.
"""

import asyncio
import json
import sqlite3
import sys

database = sqlite3.connect(sys.argv[1], isolation_level=None)
statement = sys.argv[2]
database.execute('CREATE TABLE accounts (key TEXT PRIMARY KEY, token INTEGER NOT NULL, total INTEGER NOT NULL)')
writes = []


def answer(request):
    if request['what'] == 'writes':
        return writes
    row = {name: request[name] for name in ('key', 'token', 'total')}
    accepted = database.execute(statement, row).rowcount == 1
    writes.append({**row, 'id': request['id'], 'by': request['by'], 'accepted': accepted})
    return accepted


async def serve(reader, writer):
    while line := await reader.readline():
        request = json.loads(line)
        writer.write((json.dumps([request['number'], answer(request)]) + '\n').encode())
    writer.close()


async def main():
    server = await asyncio.start_server(serve, '127.0.0.1', 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Ends with whoever started it, however that ends.
    await asyncio.to_thread(sys.stdin.read)


asyncio.run(main())
