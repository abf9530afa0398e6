"""DBOS on PostgreSQL, https://docs.dbos.dev/: a workflow of two steps for each job, started one behind the other."""

import sys
import time

from dbos import DBOS

TEXT = "x" * 1024
address, count = sys.argv[1], int(sys.argv[2])
DBOS(config={"name": "peer", "system_database_url": address, "log_level": "ERROR", "console_log_level": "ERROR"})


@DBOS.step()
def process(text):
    """Find nothing to change."""
    return text


@DBOS.step()
def push(text):
    """Take what comes."""
    assert len(text) == len(TEXT)


@DBOS.workflow()
def deliver(text):
    """Process, and push."""
    push(process(text))


DBOS.launch()
begun = time.perf_counter()
for handle in [DBOS.start_workflow(deliver, TEXT) for _ in range(count)]:
    handle.get_result()
print(count / (time.perf_counter() - begun))
DBOS.destroy()
