"""The workers of a Dask scheduler, for `load`."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any

from storage.errors import UserError

ADDRESS = re.compile(r"dask://(?P<place>\S+:\d+)")


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """The workers of the scheduler at *address*, dask://HOST:PORT, until the end of the block. Raise UserError.

    Its certificates, if any, are set by the configuration of Dask.
    """
    if (found := ADDRESS.fullmatch(address)) is None:
        raise UserError(f"--executor {address}: write dask://HOST:PORT, where `dask scheduler` listens")
    try:
        dask: Any = import_module("distributed")
    except ImportError as error:
        raise UserError(f"--executor: {error}; run `pip install 'sneeuwbal[dask]'`") from error
    for name in ("distributed", "distributed.client", "tornado.application"):  # what they log is reported below
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = dask.Client(found["place"], set_as_default=False)
    except OSError as error:
        raise UserError(f"--executor {address}: no scheduler answers there; start `dask scheduler`") from error
    with client:
        if not client.nthreads():
            raise UserError(f"--executor {address}: has no workers; start `dask worker {found['place']}`")
        try:  # an installed sneeuwbal has its packages below its own, which puts them on the path
            client.register_worker_callbacks(partial(import_module, "sneeuwbal"))
            yield client.get_executor()
        except ModuleNotFoundError as error:
            raise UserError(f"--executor {address}: a worker has {str(error).lower()}; install it there") from error
        except dask.KilledWorker as error:
            raise UserError(f"--executor {address}: workers died again and again; have they enough memory?") from error
