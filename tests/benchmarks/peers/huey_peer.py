"""Huey on SQLite with fsync, https://huey.readthedocs.io/: one worker thread, which asks again at once."""

import sys
import time

from huey import SqliteHuey

TEXT = "x" * 1024
file, count = sys.argv[1], int(sys.argv[2])
queue = SqliteHuey(filename=file, fsync=True)
done = []


@queue.task()
def deliver(text):
    """Process, and push."""
    assert len(text) == len(TEXT)
    done.append(text)


begun = time.perf_counter()
for _ in range(count):
    deliver(TEXT)
consumer = queue.create_consumer(workers=1, worker_type="thread", periodic=False, initial_delay=0.001, max_delay=0.001)
consumer.start()
while len(done) < count or len(queue):
    time.sleep(0.001)
print(count / (time.perf_counter() - begun))
consumer.stop(graceful=False)
