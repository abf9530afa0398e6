"""Procrastinate on PostgreSQL, https://procrastinate.readthedocs.io/: jobs handed in together, ten at work at once."""

import asyncio
import logging
import sys
import time

from procrastinate import App, PsycopgConnector

TEXT = "x" * 1024
AT_ONCE = 10
address, count = sys.argv[1], int(sys.argv[2])
app = App(connector=PsycopgConnector(conninfo=address))
done = []
logging.disable(logging.CRITICAL)


@app.task
async def deliver(text):
    """Process, and push."""
    assert len(text) == len(TEXT)
    done.append(text)


async def main():
    """Measure."""
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        begun = time.perf_counter()
        await deliver.batch_defer_async(*({"text": TEXT} for _ in range(count)))
        await app.run_worker_async(wait=False, concurrency=AT_ONCE, install_signal_handlers=False)
        assert len(done) == count
        print(count / (time.perf_counter() - begun))


asyncio.run(main())
