"""Procrastinate on PostgreSQL, https://procrastinate.readthedocs.io/: each job handed in by itself and one at work at a
time, as it comes; or, with a third argument, all handed in together and ten at work at once."""

import asyncio
import logging
import sys
import time

from procrastinate import App, PsycopgConnector

TEXT = "x" * 1024
AT_ONCE = 10
address, count, together = sys.argv[1], int(sys.argv[2]), len(sys.argv) > 3
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
        if together:
            await deliver.batch_defer_async(*({"text": TEXT} for _ in range(count)))
        else:
            for _ in range(count):
                await deliver.defer_async(text=TEXT)
        at_once = AT_ONCE if together else 1
        await app.run_worker_async(wait=False, concurrency=at_once, install_signal_handlers=False)
        assert len(done) == count
        print(count / (time.perf_counter() - begun))


asyncio.run(main())
